"""Why doesn't it learn? Rules over a training program, one file each."""

from .ask import diagnose as diagnose
from .registry import RULES as RULES, Example as Example, Rule as Rule
