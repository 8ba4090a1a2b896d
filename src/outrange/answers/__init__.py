"""Answers: frozen records, each with a warrant that states its evidence.

`read` restores an answer from a file that `Answer.save` wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach


if TYPE_CHECKING:
    from ..api.read import read as read
    from ..core import Warrant as Warrant
    from .advice import Advice as Advice
    from .bad_inputs import BadInputs as BadInputs
    from .counterexamples import Counterexamples as Counterexamples
    from .curves.robustness_curve import RobustnessCurve as RobustnessCurve
    from .dead_start import DeadStart as DeadStart
    from .diagnosis import Diagnosis as Diagnosis, Finding as Finding
    from .extrapolation.extrapolation import Extrapolation as Extrapolation
    from .layer_bounds import LayerBounds as LayerBounds, UnitBounds as UnitBounds
    from .loops import Loop as Loop, Pipe as Pipe
    from .monotone import Monotone as Monotone
    from .optimum import Optimum as Optimum
    from .progress import (
        RangeProgress as RangeProgress,
        RobustProgress as RobustProgress,
        VerifyProgress as VerifyProgress,
    )
    from .range import Range as Range
    from .reach_sets import LoopReachSets as LoopReachSets, ReachSet as ReachSet
    from .repairs.repair import ModelRepair as ModelRepair
    from .robust_accuracy import RobustAccuracy as RobustAccuracy
    from .robustness import Robustness as Robustness
    from .sampled import SampledRange as SampledRange
    from .study.progress import StudyProgress as StudyProgress
    from .study.study import Study as Study
    from .summary import Summary as Summary
    from .verdict import Counterexample as Counterexample, Verdict as Verdict

_HOMES = {
    "..api.read": "read",
    "..core": "Warrant",
    ".advice": "Advice",
    ".bad_inputs": "BadInputs",
    ".counterexamples": "Counterexamples",
    ".curves.robustness_curve": "RobustnessCurve",
    ".dead_start": "DeadStart",
    ".diagnosis": "Diagnosis Finding",
    ".extrapolation.extrapolation": "Extrapolation",
    ".layer_bounds": "LayerBounds UnitBounds",
    ".loops": "Loop Pipe",
    ".monotone": "Monotone",
    ".optimum": "Optimum",
    ".progress": "RangeProgress RobustProgress VerifyProgress",
    ".range": "Range",
    ".reach_sets": "LoopReachSets ReachSet",
    ".repairs.repair": "ModelRepair",
    ".robust_accuracy": "RobustAccuracy",
    ".robustness": "Robustness",
    ".sampled": "SampledRange",
    ".study.progress": "StudyProgress",
    ".study.study": "Study",
    ".summary": "Summary",
    ".verdict": "Counterexample Verdict",
}

__getattr__, __dir__, __all__ = attach(__name__, _HOMES)
