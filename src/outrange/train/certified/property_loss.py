"""A loss for a property that must hold on a set of inputs."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ...core import InputError
from ...core.formula import And, Atom, Formula, different_atoms, negate
from ...questions.decide_property import translate_property
from ...questions.language.parser import read_condition
from ..arguments import finite_number, positive_integer
from ..framework import keras
from .attack import ascend
from .head import OutputBounds, head_of
from .interval import TensorBounds


class PropertyLoss(keras.layers.Layer):
    """The violation of a property at attacked inputs, plus a bound over the whole input set.

    Pass it to `outrange.training.Certified`, which adds it to the compiled loss. The input set is
    divided into boxes. In each box, projected gradient ascent looks for the worst input, and
    interval arithmetic bounds the violation. The loss is `1 - alpha` times the mean violation at
    these inputs, plus `alpha` times the mean bound over the boxes. A violation of 0 or less costs
    nothing. The bound reaches 0 only if intervals prove the property, so a small `alpha` keeps the
    model accurate and leaves the proof to `outrange.verify`. `outrange.callbacks.Prove` adds
    counterexamples, whose mean violation is added to the mean violation at the attacked inputs.

    Args:
        property: The property, as for `outrange.verify`: linear conditions on inputs and outputs.
        box: The set of inputs, as for `outrange.verify`: boxes, without further conditions.
        weight: Factor by which the loss is multiplied, at least 0.
        alpha: Weight of the bounds in the loss, from 0 to 1.
        margin: Distance by which the property should hold, in the units of its inequalities.
        pieces: Maximum number of boxes into which the set is divided; at least one per box of the
            set.
        points: Maximum number of counterexamples in memory.
        steps: Number of gradient steps from the center of each box.
        name: Name of the layer.

    Raises:
        InputError: An argument is invalid.

    Example:
        >>> import outrange
        >>> loss = PropertyLoss("y[0] >= 0", (-1, 1), pieces=4)
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        >>> model.set_weights([np.ones((1, 1))])
        >>> trained = outrange.training.Certified(model, loss)
        >>> float(loss.violation(model))  # Worst inputs -1, -0.5, 0 and 0.5: (1 + 0.5) / 4.
        0.375
    """

    def __init__(
        self,
        property: Any,
        box: Any,
        weight: float = 1.0,
        alpha: float = 0.5,
        margin: float = 0.0,
        pieces: int = 64,
        points: int = 256,
        steps: int = 2,
        name: str = "property_loss",
    ) -> None:
        super().__init__(name=name)
        self.property, self.box = property, box
        self.weight = finite_number(weight, "weight", "PropertyLoss", least=0.0)
        self.alpha = finite_number(alpha, "alpha", "PropertyLoss", least=0.0)
        if self.alpha > 1:
            raise InputError(f"PropertyLoss: `alpha` must be at most 1. Received: alpha={alpha!r}.")
        self.margin = finite_number(margin, "margin", "PropertyLoss")
        self.pieces = positive_integer(pieces, "pieces", "PropertyLoss")
        self.points = positive_integer(points, "points", "PropertyLoss")
        self.steps = positive_integer(steps, "steps", "PropertyLoss")
        self._added = 0

    def attach(self, network: Any, shape: tuple[int, ...]) -> None:
        """Translate the property for a model, and create the boxes; `Certified` calls this method.

        Args:
            network: The model as a graph.
            shape: Shape of the model's input, without the batch axis.

        Raises:
            InputError: The property does not fit the model, or the input set is not a union of
                boxes.
        """
        text = isinstance(self.property, str)
        condition = read_condition(self.property) if text else self.property
        translation = translate_property(network, condition, self.box)
        regions, self.text = translation.regions, translation.text
        graph, formula = network.graph, negate(translation.unsafe)
        self._inputs, outputs = graph.size, graph.value_size(graph.output)
        self._formula, self._shape = formula, shape
        self._atoms = list(different_atoms(formula))
        if any(i >= self._inputs + outputs for atom in self._atoms for i, _ in atom.terms):
            raise InputError(
                "PropertyLoss needs linear inequalities of inputs and outputs. "
                f"Received: {self.text!r}."
            )
        if not all(region.is_box for region in regions):
            raise InputError(
                "PropertyLoss needs a box of inputs, or several boxes, without further conditions. "
                f"Received: property {self.text!r} on {len(regions)} regions."
            )
        count = max(1, self.pieces // len(regions))
        ends = [_divide_box(region.box.lo, region.box.hi, count) for region in regions]
        self._lo, self._hi = (
            np.concatenate(end).astype("float32") for end in zip(*ends, strict=True)
        )
        self._x_rows, self._y_rows = (
            np.zeros((size, len(self._atoms)), "float32") for size in (self._inputs, outputs)
        )
        self._offsets = np.array([atom.offset for atom in self._atoms], "float32")
        for k, atom in enumerate(self._atoms):
            for i, c in atom.terms:
                rows, place = (
                    (self._x_rows, i) if i < self._inputs else (self._y_rows, i - self._inputs)
                )
                rows[place, k] = c
        self.inputs = self.add_weight(
            name="counterexamples",
            shape=(self.points, *shape),
            initializer="zeros",
            trainable=False,
        )
        self.used = self.add_weight(
            name="used", shape=(self.points,), initializer="zeros", trainable=False
        )
        self.built = True

    def learn(self, x: np.ndarray) -> None:
        """Add a counterexample, which replaces the oldest one if the memory is full.

        Args:
            x: The flat input, `(inputs,)`.
        """
        place = self._added % self.points
        for variable, value in ((self.inputs, np.reshape(x, self._shape)), (self.used, 1.0)):
            stored = np.array(keras.ops.convert_to_numpy(variable))
            stored[place] = value
            variable.assign(stored)
        self._added += 1

    def violation(self, model: Any) -> Any:
        """Compute the loss of a model, without the factor `weight`.

        Args:
            model: The Keras model, or a copy with other weights.

        Returns:
            A scalar tensor.
        """
        ops = keras.ops
        lo, hi = (
            ops.convert_to_tensor(end.reshape(-1, *self._shape)) for end in (self._lo, self._hi)
        )
        center = (lo + hi) / 2
        worst = ascend(
            lambda x: ops.sum(self._evaluate_inputs(x, model)), center, lo, hi, self.steps
        )
        at_points = ops.mean(ops.relu(self._evaluate_inputs(worst, model) + self.margin))
        learned = ops.relu(
            self._evaluate_inputs(ops.convert_to_tensor(self.inputs), model) + self.margin
        )
        used = ops.convert_to_tensor(self.used)
        at_points = at_points + ops.sum(learned * used) / ops.maximum(ops.sum(used), 1.0)
        if self.alpha == 0:
            return at_points
        bounds = OutputBounds.of(model, TensorBounds(lo, hi), head_of(model))
        if bounds.head is not None and bounds.head.softmax:
            bounds = OutputBounds(bounds.output, None, None)  # The property is about probabilities.
        above = self._hi @ np.maximum(self._x_rows, 0) + self._lo @ np.minimum(self._x_rows, 0)
        forms = bounds.linear_form(ops.convert_to_tensor(self._y_rows)).hi
        forms = ops.add(forms, (above + self._offsets).astype("float32"))
        bound = ops.mean(ops.relu(self._evaluate_formula(self._formula, forms) + self.margin))
        return (1 - self.alpha) * at_points + self.alpha * bound

    def _evaluate_inputs(self, x: Any, model: Any) -> Any:
        """Return the violation at inputs, `(batch,)`, positive if the property fails."""
        ops = keras.ops
        outputs = ops.reshape(model(x, training=False), (x.shape[0], -1))
        flat = ops.reshape(x, (x.shape[0], -1))
        forms = ops.matmul(outputs, self._y_rows) + ops.matmul(flat, self._x_rows)
        forms = ops.add(forms, self._offsets)
        return self._evaluate_formula(self._formula, forms)

    def _evaluate_formula(self, formula: Formula, forms: Any) -> Any:
        """Return a formula's value, `(batch,)`, from its inequalities' values, `(batch, atoms)`."""
        ops = keras.ops
        if isinstance(formula, Atom):
            place = next(k for k, atom in enumerate(self._atoms) if atom is formula)
            return forms[:, place]
        parts = [self._evaluate_formula(part, forms) for part in formula.parts]
        if not parts:
            return ops.full_like(forms[:, 0], -np.inf if isinstance(formula, And) else np.inf)
        stacked = ops.stack(parts, axis=-1)
        return (ops.max if isinstance(formula, And) else ops.min)(stacked, axis=-1)


def _divide_box(lo: np.ndarray, hi: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide a box into at most `most` equal boxes, always along the widest remaining side."""
    parts, width = np.ones(lo.size, int), hi - lo
    while True:
        widest = int((width / parts).argmax())
        more = parts + (np.arange(lo.size) == widest)
        if np.prod(more.astype(float)) > most or width[widest] == 0:
            break
        parts = more
    corner = np.array(list(product(*(range(n) for n in parts))), float)
    return lo + width * corner / parts, lo + width * (corner + 1) / parts
