"""Answers that describe all outputs on an input set, or all states of a loop, as star unions."""

from .loop import LoopReachSets as LoopReachSets
from .reach_set import ReachSet as ReachSet
