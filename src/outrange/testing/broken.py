"""The exception that a failed law raises."""

from ..core import OutrangeError


class LawBroken(OutrangeError, AssertionError):
    """Error for a false fact, or a wrong bound derived from it; the message gives the witness."""


def require(holds: bool, message: str) -> None:
    """Raise `LawBroken` unless `holds`."""
    if not holds:
        raise LawBroken(message)
