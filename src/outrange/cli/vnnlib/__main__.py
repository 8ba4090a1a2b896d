"""Entry point of `python -m outrange.cli.vnnlib`."""

from .. import vnnlib_main


if __name__ == "__main__":
    vnnlib_main()
