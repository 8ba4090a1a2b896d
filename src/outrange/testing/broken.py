"""The exception that a failed law raises."""

from ..core import OutrangeError


class LawBroken(OutrangeError, AssertionError):
    """An error for a wrong fact, or a wrong bound derived from it; the message has the witness."""


def require(holds: bool, message: str) -> None:
    """Raise `LawBroken` unless `holds`."""
    if not holds:
        raise LawBroken(message)
