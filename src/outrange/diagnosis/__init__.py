"""Rules that explain why a training program does not learn, one file per rule."""

from .registry import RULES as RULES, Example as Example, Rule as Rule
from .run_rules import diagnose as diagnose
