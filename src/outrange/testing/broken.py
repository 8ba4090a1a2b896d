"""The error that a broken law raises, and a function that raises it."""

from ..core import OutrangeError


class LawBroken(OutrangeError, AssertionError):
    """Error raised if a stated property, or a bound derived from it, is wrong.

    The message often shows a witness.
    """


def require(holds: bool, message: str) -> None:
    """Raise `LawBroken` with this message unless `holds` is true."""
    if not holds:
        raise LawBroken(message)
