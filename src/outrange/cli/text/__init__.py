"""Answers as text for a terminal. Sees answers and core only."""

from .demo import demo_text as demo_text
from .verdict import (
    OPEN as OPEN,
    SAT as SAT,
    TIMEOUT as TIMEOUT,
    UNSAT as UNSAT,
    competition_word as competition_word,
    plain_word as plain_word,
)
from .verify_all import (
    BatchProgress as BatchProgress,
    batch_live_text as batch_live_text,
    batch_text as batch_text,
)
