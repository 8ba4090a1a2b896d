"""Attacks on proofs for all weights: ranges, floors, labels and shapes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .contradictions import FLOAT, Attack


def out_of_range(attack: Attack, finding: Any) -> str:
    """Outputs with any weights and inputs of the box, against the interval."""
    lo, hi = finding.interval
    slack = FLOAT * (1.0 + max((abs(v) for v in (lo, hi) if np.isfinite(v)), default=0.0))
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    for _ in attack.draw_weights():
        out = attack.run(attack.inside())[which[0]]
        out = out[np.isfinite(out)]
        if out.size and (out.min() < lo - slack or out.max() > hi + slack):
            return f"an output of {out.min()}..{out.max()} outside [{lo}, {hi}]"
    return below_floor(attack, finding, which[0])


def below_floor(attack: Attack, finding: Any, at: int) -> str:
    """Losses of random weights, and of weights that follow the gradient, against the floor."""
    floor = finding.cost.get("loss_floor")
    if not floor:
        return ""
    least = np.inf
    for i in attack.draw_weights(8):
        least = min(least, sound(attack.loss(at)))
        if i == 1:
            least = min(least, descend(attack, at))
    allowed = floor * (1 - FLOAT) - 1e-6
    return f"a loss of {least} below the floor {floor}" if least < allowed else ""


def sound(value: float) -> float:
    return value if np.isfinite(value) else np.inf


def descend(attack: Attack, at: int, steps: int = 10) -> float:
    """Descend by signs of the gradient and return the least loss."""
    least, variables = np.inf, attack.model.trainable_variables
    for step in range(steps):
        gradients = list(attack.gradients(penalties=False).values())[1:]
        for variable, gradient in zip(variables, gradients, strict=True):
            if gradient is not None and np.isfinite(gradient).all():
                array = np.asarray(attack.keras.ops.convert_to_numpy(variable))
                variable.assign(array - 0.5 * 0.8**step * np.sign(gradient))
        least = min(least, sound(attack.loss(at)))
    return least


def under(attack: Attack, finding: Any) -> str:
    """OR022: a loss below what the targets leave."""
    which = attack.outputs_of(finding.layer)
    return below_floor(attack, finding, which[0]) if len(which) == 1 else ""


def tells_apart(attack: Attack, finding: Any) -> str:
    """OR036: a loss below what equal rows with different targets leave to any network."""
    single = len(attack.keras.tree.flatten(attack.model.outputs)) == 1
    return below_floor(attack, finding, 0) if single else ""


def separates(attack: Attack, finding: Any) -> str:
    """OR039: more rows right than is said, at any threshold, or a loss below the floor."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    y = np.asarray(attack.program.targets[which[0]])
    for _ in attack.draw_weights():
        out = attack.run()[which[0]].reshape(len(y), -1)
        if out.shape[1] > 1:
            labels = y.argmax(axis=1) if y.size == out.size else y.reshape(-1)
            most = float((out.argmax(axis=1) == labels).mean())
        else:
            high, values = y.reshape(-1) > 0, out[:, 0]
            most = max(float(((values > t) == high).mean()) for t in (-np.inf, *np.unique(values)))
        if most > finding.cost["accuracy"] + 1e-9:
            return f"an accuracy of {most} above {finding.cost['accuracy']}"
    return below_floor(attack, finding, which[0])


def counts_more(attack: Attack, finding: Any) -> str:
    """OR040: a higher binary accuracy than is said, at any threshold."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    y = np.asarray(attack.program.targets[which[0]], np.float32).reshape(-1)
    for _ in attack.draw_weights():
        out = attack.run()[which[0]].reshape(-1)
        if out.shape == y.shape:
            most = max(float(((out > t) == y).mean()) for t in (-np.inf, *np.unique(out)))
            if most > finding.cost["most"] + 1e-9:
                return f"an accuracy of {most} above {finding.cost['most']}"
    return ""


def not_constant(attack: Attack, finding: Any) -> str:
    """OR002: another number with other weights."""
    which, value = attack.outputs_of(finding.layer), np.ravel(finding.cost["value"])
    if len(which) != 1:
        return ""
    most = 0.0
    for _ in attack.draw_weights():
        out = attack.run(attack.inside())[which[0]]
        # Of units that are constant, each is so by itself; another size raises.
        most = max(most, float(np.abs(out.reshape(-1, value.size) - value).max()))
    if not np.isfinite(most):
        return ""
    allowed = FLOAT * (1 + float(np.abs(value).max()))
    return f"outputs differ by {most}" if most > allowed else ""


def gives_probabilities(attack: Attack, finding: Any) -> str:
    """OR006: nothing but probabilities, with all weights drawn; or a loss that is not as said."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    at = which[0]
    if "cannot go below" in finding.message:
        floor = float(re.search(r"cannot go below ([-+.e\d]*\d)", finding.message)[1])
        return below_floor(attack, _With(finding, floor), at)
    if "is always 0" in finding.message:
        worst = max(sound(abs(attack.loss(at))) for _ in attack.draw_weights())
        return f"a loss of {worst}" if 1e-5 < worst < np.inf else ""
    if "computed from the logits before" in finding.message:
        pairs = [
            (attack.loss(at), attack.loss_of(attack.run()[at], at)) for _ in attack.draw_weights(16)
        ]
        finite = [(a, b) for a, b in pairs if np.isfinite([a, b]).all()]
        alike = all(abs(a - b) <= 1e-5 * (1 + abs(b)) for a, b in finite)
        return "the loss is that of the outputs as they are" if finite and alike else ""
    several = "binary" not in finding.message.split(" expects ")[0]
    for _ in attack.draw_weights(16):
        out = attack.run()[at]
        if not np.isfinite(out).all() or out.min() < -FLOAT or out.max() > 1 + FLOAT:
            return ""
        if several and np.abs(out.sum(axis=-1) - 1).max() > 1e-3:
            return ""
    return "all outputs were probabilities"


class _With:
    """A finding with a floor."""

    def __init__(self, finding: Any, floor: float) -> None:
        self.cost = {"loss_floor": floor}
        self.layer, self.message = finding.layer, finding.message


def not_affine(attack: Attack, finding: Any) -> str:
    """OR009: a curve, with other weights, in what enters the last activation."""
    names = re.findall(r"'([^']+)'", finding.message.split("have no activation")[0])
    last = attack.model.get_layer(names[-1]) if finding.cost["layers"] == len(names) else None
    if last is None or attack.program.x.dtype.kind != "f":
        return ""
    weights, layer_activation = attack.model.get_weights(), getattr(last, "activation", None)
    x = attack.program.x[np.isfinite(attack.program.x.reshape(len(attack.program.x), -1)).all(1)]
    x = x[: 2 * (len(x) // 2)]
    middle = 0.5 * (x[::2] + x[1::2])
    try:
        if layer_activation is not None:
            last.activation = attack.keras.activations.linear
        for variable in attack.model.trainable_variables:
            variable.assign(attack.rng.normal(size=variable.shape).astype("float32"))
        y, between = attack.values(last.name, x), attack.values(last.name, middle)
        far = np.abs(between - 0.5 * (y[::2] + y[1::2])).max()
        size = max(float(np.abs(y).max()), 1e-30)
        return f"bent by {far} of {size}" if far > 1e-3 * size and np.isfinite(far) else ""
    finally:
        if layer_activation is not None:
            last.activation = layer_activation
        attack.model.set_weights(weights)


def labels_fit(attack: Attack, finding: Any) -> str:
    """OR010: labels that are as the loss wants them."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    y = attack.program.targets[which[0]]
    width = attack.keras.tree.flatten(attack.model.outputs)[which[0]].shape[-1]
    loss = type(attack.program.losses[which[0]]).__name__
    fits = {
        "SparseCategoricalCrossentropy": bool(
            ((y >= 0) & (y <= width - 1) & (y == np.floor(y))).all() and y.shape[-1] == 1
        ),
        "CategoricalCrossentropy": y.shape[-1] == width,
        "BinaryCrossentropy": bool(((y >= 0) & (y <= 1)).all()),
    }.get(loss, False)
    if fits:
        return "the labels fit"
    if "the loss silently ignores" in finding.message and y.shape[-1] == 1:
        outside = (np.trunc(y) < 0) | (np.trunc(y) > width - 1)
        rows = np.flatnonzero(outside.reshape(len(y), -1).all(axis=1))
        for row in rows[:2]:
            gradients = attack.gradients(slice(row, row + 1), penalties=False)
            moved = [
                g for p, g in gradients.items() if p and g is not None and np.any(np.nan_to_num(g))
            ]
            if len(attack.program.losses) == 1 and moved:
                return "a label outside adds to the gradient"
    return ""


def shapes_meet(attack: Attack, finding: Any) -> str:
    """OR011: a loss in which each entry of the outputs meets one target."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    out, y = attack.run()[which[0]], attack.program.targets[which[0]]
    return "the shapes are equal" if out.shape == y.shape else ""


def something_to_learn(attack: Attack, finding: Any) -> str:
    """OR025: targets that differ, or a row of the class."""
    for i, y in enumerate(attack.program.targets):
        if "classes" not in finding.cost:
            if (y == y[:1]).all():
                return ""
            continue
        if i not in attack.outputs_of(finding.layer):
            continue
        width = attack.keras.tree.flatten(attack.model.outputs)[i].shape[-1]
        labels = y.argmax(axis=-1)[y.any(axis=-1)] if y.shape[-1] == width > 1 else y
        if not np.isin(labels, finding.cost["classes"]).any():
            return ""
    return "the targets differ" if "classes" not in finding.cost else "there are such rows"
