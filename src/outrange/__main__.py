"""Entry point of `python -m outrange`."""

from .cli import main


if __name__ == "__main__":
    main()
