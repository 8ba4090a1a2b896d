"""Small models rebuilt from questions people asked, each with the answer that was accepted.

The programs are written anew from what the questions describe; no code of theirs is here. `CASES`
lists them all.
"""

from diagnosis.real.build import Case
from diagnosis.real.heads import CASES as HEADS
from diagnosis.real.ranges import CASES as RANGES
from diagnosis.real.training import CASES as TRAINING


CASES: tuple[Case, ...] = (*HEADS, *RANGES, *TRAINING)
