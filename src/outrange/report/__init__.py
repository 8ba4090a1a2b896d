"""Answers as text for a terminal. Sees answers and core only."""

from .demo_text import demo_text as demo_text
from .live_text import live_text as live_text
from .range_text import range_text as range_text
