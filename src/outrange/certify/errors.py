"""Errors that leave an answer without its certificate."""

from ..core import OutrangeError


class NoCertificateError(OutrangeError):
    """The answer has no certificate, for the reason in the message; its bounds remain valid."""


class NoTreeError(NoCertificateError):
    """No proof tree was found for a claim that the search considers true."""
