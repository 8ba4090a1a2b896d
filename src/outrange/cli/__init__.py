"""Entry points of the command lines `outrange` and `outrange-vnnlib`."""

import gc
import sys


def main(arguments: list[str] | None = None, vnnlib: bool = False) -> None:
    """Run the command line and exit the process with its exit code.

    Args:
        arguments: Arguments without the program name; None for the arguments of this process.
        vnnlib: Whether to run `outrange-vnnlib` instead of `outrange`.
    """
    try:
        if arguments is None:
            gc.disable()  # Imported modules stay alive: there is no garbage among them yet.
        from .run import run
        from .start_up import count_start_up

        if arguments is None:
            count_start_up()

        code = run(arguments, vnnlib)
    except KeyboardInterrupt:  # while modules were still being loaded
        print("outrange: interrupted before any bound was computed", file=sys.stderr)
        code = 130
    sys.exit(code)


def vnnlib_main() -> None:
    """Run `outrange-vnnlib`, the command line of the VNN-LIB standard, and exit the process."""
    main(vnnlib=True)
