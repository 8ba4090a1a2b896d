"""Answers as text for a terminal. Sees answers and core only."""

from .demo import demo_text as demo_text
from .progress import live_text as live_text
from .verdict import (
    OPEN as OPEN,
    SAT as SAT,
    TIMEOUT as TIMEOUT,
    UNSAT as UNSAT,
    competition_word as competition_word,
    plain_word as plain_word,
    verify_live_text as verify_live_text,
)
from .verify_all import (
    BatchProgress as BatchProgress,
    batch_live_text as batch_live_text,
    batch_text as batch_text,
)
