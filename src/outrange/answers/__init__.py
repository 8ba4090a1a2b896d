"""Answers: frozen records, each with the warrant that stands behind it."""

from .answer import Answer as Answer, Cost as Cost
from .bad_inputs import BadInputs as BadInputs
from .counterexamples import Counterexamples as Counterexamples
from .diagnosis import Diagnosis as Diagnosis, Finding as Finding, Level as Level
from .loops import Loop as Loop, Pipe as Pipe
from .monotone import FallingPair as FallingPair, Monotone as Monotone, Trend as Trend
from .optimum import Optimum as Optimum
from .progress import (
    RangeProgress as RangeProgress,
    RobustProgress as RobustProgress,
    VerifyProgress as VerifyProgress,
)
from .range import Range as Range
from .reach_sets import LoopReachSets as LoopReachSets, ReachSet as ReachSet
from .robust_accuracy import RobustAccuracy as RobustAccuracy
from .robustness import Robustness as Robustness
from .sampled import SampledRange as SampledRange
from .summary import LayerRow as LayerRow, Summary as Summary
from .verdict import Counterexample as Counterexample, Verdict as Verdict
