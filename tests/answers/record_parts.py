"""Parts that many instances of records share: a hostile name, a warrant, a cost and methods."""

from outrange.answers.answer import Cost
from outrange.core import Warrant


HOSTILE = '<svg onload="alert(1)"><script>alert(2)</script>&amp; *[b]'
"""A name that HTML must not run, and no rendering lose."""

PROOF = Warrant.FLOAT64_ROUNDED
COST = Cost(83.5, 12_345)
METHODS = ("CROWN (Zhang et al. 2018)",)
