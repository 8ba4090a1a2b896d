"""Answers as text for a terminal. Sees answers and core only."""

from .batch_text import (
    BatchProgress as BatchProgress,
    batch_live_text as batch_live_text,
    batch_text as batch_text,
)
from .demo_text import demo_text as demo_text
from .live_text import live_text as live_text
from .range_text import range_text as range_text
from .verdict_text import (
    OPEN as OPEN,
    SAT as SAT,
    TIMEOUT as TIMEOUT,
    UNSAT as UNSAT,
    competition_word as competition_word,
    cost_text as cost_text,
    plain_word as plain_word,
    verdict_text as verdict_text,
    verify_live_text as verify_live_text,
)
from .witness_code import witness_code as witness_code
