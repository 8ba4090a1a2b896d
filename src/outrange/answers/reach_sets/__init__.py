"""Answers about all outputs on an input set, and all states of a loop: unions of stars."""

from .loop import LoopReachSets as LoopReachSets
from .reach_set import ReachSet as ReachSet
