"""outrange proves the exact range of every output of a neural network over a set of inputs.

    import outrange

    answer = outrange.output_range("model.keras", (0, 1))
    answer.lo, answer.hi      # proved bounds, in the output's shape
    answer.at_lo              # inputs with outputs at or near `lo`

`import outrange` loads no third-party package. Each public name is imported on first use, and a
framework such as Keras is imported only when it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from . import callbacks as callbacks, layers as layers, losses as losses
    from .answers.advice import Advice as Advice
    from .answers.bad_inputs import BadInputs as BadInputs
    from .answers.counterexamples import Counterexamples as Counterexamples
    from .answers.curves.robustness_curve import RobustnessCurve as RobustnessCurve
    from .answers.dead_start import DeadStart as DeadStart
    from .answers.diagnosis import Diagnosis as Diagnosis, Finding as Finding
    from .answers.extrapolation.extrapolation import Extrapolation as Extrapolation
    from .answers.loops import Loop as Loop, Pipe as Pipe
    from .answers.monotone import Monotone as Monotone
    from .answers.optimum import Optimum as Optimum
    from .answers.progress import (
        RangeProgress as RangeProgress,
        RobustProgress as RobustProgress,
        VerifyProgress as VerifyProgress,
    )
    from .answers.range import Range as Range
    from .answers.reach_sets import LoopReachSets as LoopReachSets, ReachSet as ReachSet
    from .answers.robust_accuracy import RobustAccuracy as RobustAccuracy
    from .answers.robustness import Robustness as Robustness
    from .answers.sampled import SampledRange as SampledRange
    from .answers.study.progress import StudyProgress as StudyProgress
    from .answers.study.study import Study as Study
    from .answers.summary import Summary as Summary
    from .answers.verdict import Counterexample as Counterexample, Verdict as Verdict
    from .api.arrays import use_torch as use_torch
    from .api.asserts import assert_holds as assert_holds, assert_range as assert_range
    from .api.bad_inputs import bad_inputs as bad_inputs, counterexamples as counterexamples
    from .api.batch.verify_all import verify_all as verify_all
    from .api.diagnose import assert_no_findings as assert_no_findings, diagnose as diagnose
    from .api.explore import explore as explore
    from .api.loops.ask import closed_loop as closed_loop
    from .api.loops.control_loop import ControlLoop as ControlLoop
    from .api.loops.files import read_loop_file as read_loop_file
    from .api.loops.specs import avoid as avoid, within as within
    from .api.optimize import maximize as maximize, minimize as minimize
    from .api.properties import verify as verify
    from .api.ranges import (
        difference_range as difference_range,
        extrapolation as extrapolation,
        output_range as output_range,
        sample_range as sample_range,
        summary as summary,
    )
    from .api.reach_sets.loop import loop_reach_sets as loop_reach_sets
    from .api.reach_sets.network import reach_set as reach_set
    from .api.read import load as load, read as read, read_property as read_property
    from .api.report import report as report
    from .api.robustness import robust_accuracy as robust_accuracy, robustness as robustness
    from .api.slopes import (
        gradient_range as gradient_range,
        lipschitz as lipschitz,
        monotone as monotone,
    )
    from .api.training import compare as compare, dead_start as dead_start, recommend as recommend
    from .core import (
        Box as Box,
        ContradictionError as ContradictionError,
        InputError as InputError,
        ModelError as ModelError,
        OutrangeError as OutrangeError,
        UnsupportedError as UnsupportedError,
        Warrant as Warrant,
    )
    from .executors.nodes import Nodes as Nodes
    from .frontends.functions.linear import linear_plant as linear_plant
    from .questions.expressions import implies as implies, u as u, x as x, y as y
    from .questions.inputs.data import ball as ball, data_box as data_box
    from .questions.inputs.sets import (
        L1Ball as L1Ball,
        L2Ball as L2Ball,
        Mixed as Mixed,
        Polytope as Polytope,
        Union as Union,
    )

__version__ = "0.1.0"

_HOMES = {
    "answers.bad_inputs": "BadInputs",
    "answers.verdict": "Counterexample Verdict",
    "answers.counterexamples": "Counterexamples",
    "answers.curves.robustness_curve": "RobustnessCurve",
    "answers.diagnosis": "Diagnosis Finding",
    "answers.extrapolation.extrapolation": "Extrapolation",
    "answers.loops": "Loop Pipe",
    "answers.reach_sets": "LoopReachSets ReachSet",
    "answers.monotone": "Monotone",
    "answers.optimum": "Optimum",
    "answers.range": "Range",
    "answers.progress": "RangeProgress RobustProgress VerifyProgress",
    "answers.robust_accuracy": "RobustAccuracy",
    "answers.robustness": "Robustness",
    "answers.sampled": "SampledRange",
    "answers.summary": "Summary",
    "answers.advice": "Advice",
    "answers.dead_start": "DeadStart",
    "answers.study.progress": "StudyProgress",
    "answers.study.study": "Study",
    "api.arrays": "use_torch",
    "api.asserts": "assert_holds assert_range",
    "api.batch.verify_all": "verify_all",
    "api.bad_inputs": "bad_inputs counterexamples",
    "api.diagnose": "assert_no_findings diagnose",
    "api.explore": "explore",
    "api.loops.ask": "closed_loop",
    "api.loops.control_loop": "ControlLoop",
    "api.loops.files": "read_loop_file",
    "api.reach_sets.loop": "loop_reach_sets",
    "api.loops.specs": "avoid within",
    "api.optimize": "maximize minimize",
    "api.properties": "verify",
    "api.ranges": "difference_range extrapolation output_range sample_range summary",
    "api.reach_sets.network": "reach_set",
    "api.read": "load read read_property",
    "api.report": "report",
    "api.robustness": "robust_accuracy robustness",
    "api.slopes": "gradient_range lipschitz monotone",
    "api.training": "compare dead_start recommend",
    "core": "Box ContradictionError InputError ModelError OutrangeError UnsupportedError Warrant",
    "executors.nodes": "Nodes",
    "frontends.functions.linear": "linear_plant",
    "questions.expressions": "implies u x y",
    "questions.inputs.data": "ball data_box",
    "questions.inputs.sets": "L1Ball L2Ball Mixed Polytope Union",
}
"""Dict from module to its public names, separated by spaces; a test compares them with the imports
above."""

_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

_MODULES = ("callbacks", "layers", "losses")

_RENAMED = {"expected": "dead_start", "loop_file": "read_loop_file"}
"""Dict from former name to current name, for the message of the `AttributeError`; kept until
0.2."""

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    """Import and return a public name of the package when it is first used.

    Raises:
        AttributeError: `name` is not public, or it is a former name; the message then states the
            current one.
    """
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _RENAMED:
        raise AttributeError(f"`outrange.{name}` is now `outrange.{_RENAMED[name]}`.")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
