"""The error that a broken law raises."""

from ..core import OutrangeError


class LawBroken(OutrangeError, AssertionError):
    """Error raised if a stated property, or a bound derived from it, is wrong.

    The message shows a witness if there is one.
    """


def require(holds: bool, message: str) -> None:
    """Raise `LawBroken` with this message unless `holds` is true."""
    if not holds:
        raise LawBroken(message)
