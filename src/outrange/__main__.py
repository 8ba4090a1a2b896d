"""`python -m outrange`."""

from .cli import main


main()
