"""Bounds of the accuracy that candidates can reach, and the candidates that `recommend` names."""

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
    """Accuracy that models without a hidden layer cannot exceed; computed when it is first read.

    Args:
        groups: The trainings, one group an activation.
        targets: What they learn.
    """

    def __init__(self, groups: Sequence[Group], targets: Targets) -> None:
        self._groups, self._targets = groups, targets

    @cached_property
    def _ceilings(self) -> list[float]:
        if self._targets.kind not in ("binary", "classes", "one_hot"):
            return []
        found = []
        for group in self._groups:
            # It is compiled: one that is being trained must not be.
            model = group.rebuild()
            outputs = tuple(model.outputs[0].shape[1:])
            y = encode(self._targets, outputs, False)
            problem = linear_problem_of(model, group.data.x, y)
            found += [] if problem is None else [problem.accuracy]
        return found

    @property
    def accuracy(self) -> float:
        """The largest bound of all models that have one; 0 if none has."""
        return max(self._ceilings, default=0.0)

    @property
    def proof(self) -> str:
        """A sentence for what is proved, or `""`."""
        if not self._ceilings:
            return ""
        count = len(self._groups)
        which = "every model" if len(self._ceilings) == count else "models without a hidden layer"
        return (
            f"no line separates the classes, so the accuracy of {which} is at most "
            f"{self.accuracy:.4g}, whatever the weights are. A hidden layer is missing."
        )


def recommended(trainings: Trainings, groups: Sequence[Group]) -> tuple[str, str]:
    """Return the labels of the activation and the loss that `recommend` names.

    Args:
        trainings: All candidates.
        groups: Their models.

    Returns:
        An empty label where no candidate is the recommended one, and for the activation where
        `build` does not put it at the end of the model.
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
    """Return whether the last layer applies an activation."""
    own = getattr(model.layers[-1], "activation", None)
    return getattr(own, "__name__", "") == activation
