"""Guard mode of a repair: added layers that correct outputs that would violate a property."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...answers.repairs.repair import LayerChange
from ...core import Region, UnsupportedError
from ...frontends.keras.api import keras
from ...frontends.keras.predict import predictor
from ...frontends.keras.signature import Signature, signature
from ..demand import Demand
from .rules import OutputRule, rules_of


RIM = 0.01
"""Width of the rim around a box in which a guard may still change outputs, as a fraction of the
box's width in each input."""

SAMPLES = 2000
"""Number of random inputs at which violations are measured, to choose how fast a guard fades."""

MOST_BOXES = 16
"""Maximum number of boxes in the input set of a property; every box gets its own guards."""

FARTHEST = 3e38
"""Magnitude to which the bounds of boxes are clipped, just below the largest float32 number."""


def guarded_model(model: Any, demands: Sequence[Demand]) -> tuple[Any, tuple[LayerChange, ...]]:
    """Return a copy of a model with guards behind its outputs, and the added layers.

    In the box of each region, a guard enforces the property for all weights (see
    `outrange.layers.BoxGuard`). Outside the box, its effect fades with the distance: beyond the
    rim (see `RIM`), it no longer corrects violations that are at most as large as those measured at
    inputs of the set. Outputs that satisfy the property do not change.

    Args:
        model: A copy of the user's Keras model, loaded from a file.
        demands: The properties that the guarded model must satisfy.

    Raises:
        UnsupportedError: No closed form satisfies one of the properties, or the model is not a
            graph of layers.
    """
    k = keras()
    if not getattr(model, "outputs", None) or not getattr(model, "inputs", None):
        raise UnsupportedError(
            "A guard needs a Sequential or functional Keras model. "
            f"Received: {type(model).__name__} `{model.name}`."
        )
    builder = _GuardBuilder(model)
    for demand in demands:
        builder.add(demand)
    if isinstance(model, k.Sequential):
        guarded = k.Model(model.inputs[0], builder.tensors[0], name=model.name)
    else:
        if len(builder.tensors) > 1:
            builder.keep_output_names(model)
        outputs = k.tree.pack_sequence_as(model.output, builder.tensors)
        guarded = k.Model(model.input, outputs, name=model.name)
    if getattr(model, "compiled", False) and not isinstance(getattr(model, "loss", None), dict):
        guarded.compile_from_config(model.get_compile_config())
    return guarded, tuple(builder.changes)


@dataclass(frozen=True)
class _Measurements:
    """Measurements at random inputs of a set.

    Args:
        violation: Largest violation of the property; a small fraction of `size` if there is none.
        size: Largest magnitude of an output.
        sums_to_one: Whether the outputs of every input add up to 1.
    """

    violation: float
    size: float
    sums_to_one: bool


class _GuardBuilder:
    """Builder of a guarded model.

    Args:
        model: A copy of the original Keras model, to which guards are added.
    """

    def __init__(self, model: Any) -> None:
        self.signature: Signature = signature(model)
        self.tensors = list(model.outputs)
        self.changes: list[LayerChange] = []
        self._inputs = list(model.inputs)
        self._predict = predictor(model, self.signature)
        self._names = {layer.name for layer in model.layers}
        size = sum(slot.size for slot in self.signature.slots)
        ends = size + np.cumsum([0, *(int(np.prod(t.shape[1:])) for t in self.tensors)])
        self._places = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))

    def add(self, demand: Demand) -> None:
        """Add the guards of one property.

        Raises:
            UnsupportedError: There is no closed form, or the input set has over `MOST_BOXES` boxes.
        """
        if len(demand.regions) > MOST_BOXES:
            raise UnsupportedError(
                f"A guard supports at most {MOST_BOXES} boxes of inputs; use a property with "
                f"fewer. Received: {len(demand.regions)} boxes for {demand.text!r}."
            )
        measured = self._measure(demand)
        for region in demand.regions:
            for rule in rules_of(demand.safe_on(region.box), self._places, demand.text):
                self._add_guard(rule, region, measured)

    def keep_output_names(self, model: Any) -> None:
        """Give each guarded output the name of the original output, if no other output has it.

        Conditions and losses refer to the outputs of a model by these names. Keras names an output
        after its last layer. So the original last layer is renamed, and an identity layer with the
        old name is added. If several outputs come from one layer, they have the same name. This
        layer is not renamed, and a guarded output is then named after its last added layer.
        """
        for i, (name, old) in enumerate(zip(model.output_names, model.outputs, strict=True)):
            layer = old._keras_history.operation
            is_alone = model.output_names.count(name) == 1
            if self.tensors[i] is not old and layer.name == name and is_alone:
                layer.name = f"{name}_unguarded"
                self.tensors[i] = keras().layers.Identity(name=name)(self.tensors[i])

    def _measure(self, demand: Demand) -> _Measurements:
        """Evaluate the model at random inputs of a property's input set."""
        x = demand.draw(np.random.default_rng(0), SAMPLES)
        y = np.asarray(self._predict(x), float)
        worst = demand.violations(x, y).max(initial=0.0)
        size = float(np.abs(y).max(initial=0.0)) or 1.0
        sums = y.shape[1] > 1 and len(y) and bool((np.abs(y.sum(axis=1) - 1) < 1e-4).all())
        return _Measurements(float(worst) if worst > 0 else 1e-3 * size, size, bool(sums))

    def _add_guard(self, rule: OutputRule, region: Region, measured: _Measurements) -> None:
        """Replace the output tensor that a rule reads by its guarded version."""
        from ...layers import BoxGuard

        k, tensor = keras(), self.tensors[rule.output]
        shape, dtype, name = tuple(tensor.shape[1:]), tensor.dtype, self._reserve_name()
        layer = rule.build(measured.size, dtype=dtype, name=f"{name}_rule")
        lo, hi = (np.clip(end, -FARTHEST, FARTHEST) for end in (region.box.lo, region.box.hi))
        width = hi - lo
        usual = (width > 0) & (width < FARTHEST)
        scale = np.where(usual, width, np.clip(np.abs(lo), 1.0, 1e6))
        fade = measured.violation / (RIM * scale)
        flat = tensor if len(shape) == 1 else k.layers.Flatten(name=f"{name}_flat")(tensor)
        guard = BoxGuard(
            layer, list(zip(self._split_inputs(lo), self._split_inputs(hi), strict=True)),
            self._split_inputs(fade), name=name, dtype=dtype,
        )  # fmt: skip
        result = guard([flat, *self._inputs])
        if len(shape) != 1:
            result = k.layers.Reshape(shape, name=f"{name}_shape")(result)
        self.tensors[rule.output] = result
        detail = "a new layer, which changes only outputs that break the property"
        if measured.sums_to_one:
            detail += "; where it does, the outputs no longer add up to 1"
        self.changes.append(LayerChange(name, "guard", 0.0, 0.0, detail))

    def _split_inputs(self, flat: np.ndarray) -> list[np.ndarray]:
        """Split a flat vector into one array per input of the model."""
        ends = np.cumsum([slot.size for slot in self.signature.slots])[:-1]
        parts = np.split(flat, ends)
        return [p.reshape(s.shape) for p, s in zip(parts, self.signature.slots, strict=True)]

    def _reserve_name(self) -> str:
        """Return a layer name that the model does not use yet, and reserve it."""
        name, number = "guard", 0
        while name in self._names:
            number += 1
            name = f"guard_{number}"
        self._names.add(name)
        return name
