"""Tools for training that complement `diagnose`, `compare` and `recommend`.

`Certified` and `PropertyLoss` import Keras when they are first used.
"""

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from .api.diagnose import assert_no_findings as assert_no_findings
    from .api.training import dead_start as dead_start
    from .train.certified.certified import Certified as Certified
    from .train.certified.property_loss import PropertyLoss as PropertyLoss

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        ".api.diagnose": "assert_no_findings",
        ".api.training": "dead_start",
        ".train.certified.certified": "Certified",
        ".train.certified.property_loss": "PropertyLoss",
    },
)
