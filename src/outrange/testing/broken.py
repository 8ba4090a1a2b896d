"""The error that a broken law raises."""

from ..core import OutrangeError


class LawBroken(OutrangeError, AssertionError):
    """The error for a false property, or a wrong bound derived from it; it shows a witness."""


def require(holds: bool, message: str) -> None:
    """Raise `LawBroken` with this message unless `holds` is true."""
    if not holds:
        raise LawBroken(message)
