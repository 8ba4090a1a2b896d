"""The command line: `outrange range | summary | demo`."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    from .run import run

    sys.exit(run(arguments))
