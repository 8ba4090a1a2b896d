"""Upper bounds on the candidates' accuracy, and the candidate that `recommend` proposes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..last_layers import LAST_LAYERS
from ..targets import Targets
from .diagnosed import linear_problem_of
from .objectives import encode, label
from .plan import Group
from .trainings import Trainings


class Attainable:
    """An upper bound on the accuracy of models without a hidden layer, computed on first use.

    Args:
        groups: The training runs, one group per activation.
        targets: The targets of all training runs.
    """

    def __init__(self, groups: Sequence[Group], targets: Targets) -> None:
        self._groups, self._targets = groups, targets

    @cached_property
    def _ceilings(self) -> list[float]:
        if self._targets.kind not in ("binary", "classes", "one_hot"):
            return []
        ceilings = []
        for group in self._groups:
            # Use a new model, because it gets compiled; a model in training must not be.
            model = group.rebuild()
            outputs = tuple(model.outputs[0].shape[1:])
            y = encode(self._targets, outputs, False)
            problem = linear_problem_of(model, group.data.x, y)
            ceilings += [] if problem is None else [problem.accuracy]
        return ceilings

    @property
    def accuracy(self) -> float:
        """The largest upper bound on the accuracy of any of the models; 0 if no model has one."""
        return max(self._ceilings, default=0.0)

    @property
    def proof(self) -> str:
        """A sentence that states the proved bound; empty if there is none."""
        if not self._ceilings:
            return ""
        count = len(self._groups)
        which = "every model" if len(self._ceilings) == count else "models without a hidden layer"
        return (
            f"no line separates the classes, so the accuracy of {which} is at most "
            f"{self.accuracy:.4g}, whatever the weights. Add a hidden layer."
        )


def recommended_labels(trainings: Trainings, groups: Sequence[Group]) -> tuple[str, str]:
    """Return the labels of the activation and the loss that `recommend` proposes.

    Returns:
        Two labels. A label is empty if the recommended activation or loss is not among the
        candidates. The activation's label is also empty if `build` does not put the activation at
        the end of the model.
    """
    last = LAST_LAYERS[trainings.targets.kind](trainings.targets)
    activation = ""
    for (name, thing), group in zip(trainings.activations.items(), groups, strict=True):
        if label(thing) == last.activation and _ends_in(group.models[0], last.activation):
            activation = name
    losses = [
        name for name, thing in trainings.losses.items()
        if label(thing).removeprefix("sparse_") == last.loss.removeprefix("sparse_")
    ]  # fmt: skip
    return activation, losses[0] if losses else ""


def _ends_in(model: Any, activation: str) -> bool:
    """Return whether the last layer of a model applies the activation with the given name."""
    last = getattr(model.layers[-1], "activation", None)
    return getattr(last, "__name__", "") == activation
