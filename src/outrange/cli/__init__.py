"""The command line: `outrange range | summary | verify | verify-all | explore | ...`."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        from .run import run
        from .start_up import count_start_up

        if arguments is None:
            count_start_up()

        code = run(arguments)
    except KeyboardInterrupt:  # while modules were still being loaded
        print("outrange: interrupted before any bound was known", file=sys.stderr)
        code = 130
    sys.exit(code)
