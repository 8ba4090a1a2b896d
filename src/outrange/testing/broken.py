"""The error that a broken law raises."""

from ..core import OutrangeError


class LawBroken(OutrangeError, AssertionError):
    """An error for a false fact or a wrong bound derived from it; its message gives the witness."""


def require(holds: bool, message: str) -> None:
    """Raise `LawBroken` with this message unless `holds` is true."""
    if not holds:
        raise LawBroken(message)
