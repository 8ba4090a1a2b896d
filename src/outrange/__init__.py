"""outrange proves the exact range of every output of a neural network over a set of inputs.

    import outrange

    answer = outrange.output_range("model.keras", (0, 1))
    answer.lo, answer.hi      # proved bounds, in the output's shape
    answer.at_lo              # inputs with outputs at or near `lo`

`import outrange` loads no third-party package. Each public name is imported on first use, and a
framework such as Keras is imported only when it is needed.

Answers are records of `outrange.answers`. The modules `callbacks`, `layers`, `losses` and
`training` are for training, `testing` for tests with pytest, and `vnnlib` for property files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from . import (
        answers as answers,
        callbacks as callbacks,
        layers as layers,
        losses as losses,
        testing as testing,
        training as training,
        vnnlib as vnnlib,
    )
    from .api.arrays import use_torch as use_torch
    from .api.bad_inputs import bad_inputs as bad_inputs, counterexamples as counterexamples
    from .api.batch.verify_all import verify_all as verify_all
    from .api.diagnose import diagnose as diagnose
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
    from .api.read import load as load
    from .api.repairs.repair import repair as repair
    from .api.report import report as report
    from .api.robustness import robust_accuracy as robust_accuracy, robustness as robustness
    from .api.slopes import (
        gradient_range as gradient_range,
        lipschitz as lipschitz,
        monotone as monotone,
    )
    from .api.solver_models.layer_bounds import layer_bounds as layer_bounds
    from .api.solver_models.to_mip import to_mip as to_mip
    from .api.training import compare as compare, recommend as recommend
    from .core import (
        Box as Box,
        ContradictionError as ContradictionError,
        InputError as InputError,
        ModelError as ModelError,
        OutrangeError as OutrangeError,
        UnsupportedError as UnsupportedError,
    )
    from .executors.nodes import Nodes as Nodes
    from .executors.workers import workers as workers
    from .frontends.functions.linear import linear_plant as linear_plant
    from .questions.expressions import implies as implies, u as u, x as x, y as y
    from .questions.inputs.data import ball as ball, data_box as data_box
    from .questions.inputs.perturbation import Perturbation as Perturbation
    from .questions.inputs.sets import (
        L1Ball as L1Ball,
        L2Ball as L2Ball,
        Mixed as Mixed,
        Polytope as Polytope,
        Union as Union,
    )

__version__ = "0.1.0"

_HOMES = {
    ".api.arrays": "use_torch",
    ".api.bad_inputs": "bad_inputs counterexamples",
    ".api.batch.verify_all": "verify_all",
    ".api.diagnose": "diagnose",
    ".api.explore": "explore",
    ".api.loops.ask": "closed_loop",
    ".api.loops.control_loop": "ControlLoop",
    ".api.loops.files": "read_loop_file",
    ".api.loops.specs": "avoid within",
    ".api.optimize": "maximize minimize",
    ".api.properties": "verify",
    ".api.ranges": "difference_range extrapolation output_range sample_range summary",
    ".api.reach_sets.loop": "loop_reach_sets",
    ".api.reach_sets.network": "reach_set",
    ".api.read": "load",
    ".api.repairs.repair": "repair",
    ".api.report": "report",
    ".api.robustness": "robust_accuracy robustness",
    ".api.slopes": "gradient_range lipschitz monotone",
    ".api.solver_models.layer_bounds": "layer_bounds",
    ".api.solver_models.to_mip": "to_mip",
    ".api.training": "compare recommend",
    ".core": "Box ContradictionError InputError ModelError OutrangeError UnsupportedError",
    ".executors.nodes": "Nodes",
    ".executors.workers": "workers",
    ".frontends.functions.linear": "linear_plant",
    ".questions.expressions": "implies u x y",
    ".questions.inputs.data": "ball data_box",
    ".questions.inputs.perturbation": "Perturbation",
    ".questions.inputs.sets": "L1Ball L2Ball Mixed Polytope Union",
}
"""Dict from module to its public names, separated by spaces; a test compares them with the imports
above."""

_MODULES = ("answers", "callbacks", "layers", "losses", "testing", "training", "vnnlib")
"""Public modules, which `__all__` does not contain."""

_UNLISTED = ("Nodes", "read_loop_file", "to_mip", "use_torch")
"""Public names that `__all__` omits to stay short."""

_MOVED = {
    "answers": "Advice BadInputs Counterexample Counterexamples DeadStart Diagnosis Extrapolation "
    "Finding Loop LoopReachSets Monotone Optimum Pipe Range RangeProgress ReachSet RobustAccuracy "
    "RobustProgress Robustness RobustnessCurve SampledRange Study StudyProgress Summary Verdict "
    "VerifyProgress Warrant read",
    "testing": "assert_holds assert_range",
    "training": "assert_no_findings dead_start",
    "vnnlib": "read_property",
}
"""Dict from module to the names that moved there from `outrange` itself, separated by spaces."""

_RENAMED = {
    "expected": "training.dead_start",
    "loop_file": "read_loop_file",
    **{name: f"{home}.{name}" for home, names in _MOVED.items() for name in names.split()},
}
"""Dict from former name to current name, for error messages; kept until 0.2."""

__getattr__, _, __all__ = attach(
    __name__, _HOMES, modules=_MODULES, unlisted=_UNLISTED, renamed=_RENAMED
)


def __dir__() -> list[str]:
    return [*__all__, *_UNLISTED, *_MODULES, "__version__"]
