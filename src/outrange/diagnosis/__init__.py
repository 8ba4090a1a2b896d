"""Why doesn't it learn? Rules over a training program, one file each."""

from .registry import RULES as RULES, Example as Example, Rule as Rule
from .run_rules import diagnose as diagnose
