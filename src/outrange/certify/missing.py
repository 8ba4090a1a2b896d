"""Why an answer has no certificate although one was asked for."""

from ..core import OutrangeError


class NoCertificateError(OutrangeError):
    """The bounds stand, as without a certificate; the message says why there is none."""


class NoTreeError(NoCertificateError):
    """No tree proves a claim that is true as far as the search says."""
