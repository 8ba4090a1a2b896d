"""What a law raises."""

from ..core import OutrangeError


class LawBroken(OutrangeError, AssertionError):
    """A stated fact, or a bound derived from it, is wrong; the message holds the witness."""


def require(holds: bool, message: str) -> None:
    """Raise `LawBroken` unless `holds`."""
    if not holds:
        raise LawBroken(message)
