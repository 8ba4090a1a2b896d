"""List of all kinds of answers that files may contain."""

from __future__ import annotations

from ..advice import Advice
from ..answer import Answer
from ..bad_inputs import BadInputs
from ..counterexamples import Counterexamples
from ..curves.robustness_curve import RobustnessCurve
from ..dead_start import DeadStart
from ..diagnosis import Diagnosis
from ..extrapolation.extrapolation import Extrapolation
from ..layer_bounds import LayerBounds
from ..loops import Loop
from ..monotone import Monotone
from ..optimum import Optimum
from ..range import Range
from ..reach_sets import LoopReachSets, ReachSet
from ..repairs.repair import ModelRepair
from ..robust_accuracy import RobustAccuracy
from ..robustness import Robustness
from ..sampled import SampledRange
from ..study.study import Study
from ..summary import Summary
from ..verdict import Verdict


KINDS: tuple[type[Answer], ...] = (
    Advice, BadInputs, Counterexamples, DeadStart, Diagnosis, Extrapolation, LayerBounds, Loop,
    LoopReachSets, ModelRepair, Monotone, Optimum, Range, ReachSet, RobustAccuracy, Robustness,
    RobustnessCurve, SampledRange, Study, Summary, Verdict,
)  # fmt: skip
