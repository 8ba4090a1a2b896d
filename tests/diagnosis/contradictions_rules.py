"""For each rule that proves something: how its proof is attacked."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .contradictions import FLOAT, Attack, Check


def _out_of_range(attack: Attack, finding: Any) -> str:
    """Outputs with any weights and inputs of the box, against the interval."""
    lo, hi = finding.interval
    slack = FLOAT * (1.0 + max((abs(v) for v in (lo, hi) if np.isfinite(v)), default=0.0))
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    for _ in attack.drawn():
        out = attack.run(attack.inside())[which[0]]
        out = out[np.isfinite(out)]
        if out.size and (out.min() < lo - slack or out.max() > hi + slack):
            return f"an output of {out.min()}..{out.max()} outside [{lo}, {hi}]"
    return _below_floor(attack, finding, which[0])


def _below_floor(attack: Attack, finding: Any, at: int) -> str:
    """Losses of random weights, and of weights that follow the gradient, against the floor."""
    floor = finding.cost.get("loss_floor")
    if not floor:
        return ""
    least = np.inf
    for i in attack.drawn(8):
        least = min(least, _sound(attack.loss(at)))
        if i == 1:
            least = min(least, _descended(attack, at))
    allowed = floor * (1 - FLOAT) - 1e-6
    return f"a loss of {least} below the floor {floor}" if least < allowed else ""


def _sound(value: float) -> float:
    return value if np.isfinite(value) else np.inf


def _descended(attack: Attack, at: int, steps: int = 10) -> float:
    """The least loss on a way down by signs of the gradient."""
    least, variables = np.inf, attack.model.trainable_variables
    for step in range(steps):
        found = list(attack.gradients(penalties=False).values())[1:]
        for variable, gradient in zip(variables, found, strict=True):
            if gradient is not None and np.isfinite(gradient).all():
                array = np.asarray(attack.keras.ops.convert_to_numpy(variable))
                variable.assign(array - 0.5 * 0.8**step * np.sign(gradient))
        least = min(least, _sound(attack.loss(at)))
    return least


def _not_constant(attack: Attack, finding: Any) -> str:
    """OR002: another number with other weights."""
    which = attack.outputs_of(finding.layer)
    seen = []
    for _ in attack.drawn():
        outs = attack.run(attack.inside())
        seen.append([float(np.abs(o - finding.interval[0]).max()) for o in outs])
    most = [max(s[i] for s in seen) for i in which]
    if len(which) != 1 or not np.isfinite(most[0]):
        return ""
    return (
        f"outputs differ by {most[0]}" if most[0] > FLOAT * (1 + abs(finding.interval[0])) else ""
    )


def _alive(attack: Attack, finding: Any) -> str:
    """OR003, OR020: no gradient passes dead units; a layer that is always on is straight."""
    if "units" not in finding.cost:
        return _is_bent(attack, finding)
    layer, units = attack.model.get_layer(finding.layer), finding.cost["units"]
    inner = attack.keras.Model(attack.model.inputs, layer.output)
    if not np.isfinite(attack.values(finding.layer)).all():
        return ""  # it overflows, which is said elsewhere
    ops = attack.keras.ops
    x = ops.convert_to_tensor(attack.program.x)
    factors = np.zeros(round(len(units) / finding.cost["share"]))
    factors[units] = attack.rng.normal(size=len(units))

    def value() -> Any:
        out = ops.reshape(inner(x, training=False), (-1, len(factors)))
        return ops.sum(out * ops.convert_to_tensor(factors.astype("float32")))

    passed = attack.through(value)
    if passed > 0:
        return f"dead units pass a gradient of {passed}"
    return _reached(attack, finding) if finding.code == "OR003" else ""


def _is_bent(attack: Attack, finding: Any) -> str:
    """Whether the middle of two outputs of a layer is not that of the middle of what enters it."""
    layer = attack.model.get_layer(finding.layer)
    kept = getattr(layer, "activation", None)
    if kept is None or len(layer._inbound_nodes) != 1:
        return ""
    x = attack.inside()
    after = attack.values(finding.layer, x)
    try:
        layer.activation = attack.keras.activations.linear
        before = attack.values(finding.layer, x)
    finally:
        layer.activation = kept
    for a, b in zip(
        before.reshape(len(before), -1).T, after.reshape(len(after), -1).T, strict=True
    ):
        if np.ptp(a) > 0 and np.isfinite(a).all():
            line = np.polyfit(a, b, 1)
            far = np.abs(np.polyval(line, a) - b).max()
            if far > 1e-3 * (np.abs(b).max() + np.abs(a).max()):
                return f"a unit is bent by {far}"
    return ""


def _reached(attack: Attack, finding: Any) -> str:
    """Whether a weight that is said to get no gradient gets one."""
    if "no weight of this layer" not in finding.message:
        return ""
    layer = attack.model.get_layer(finding.layer)
    said = list(layer.trainable_variables)
    if "or before it gets" in finding.message:
        said += attack.keras.Model(attack.model.inputs, layer.output).trainable_variables
    found = attack.gradients()
    for path in {"/".join(v.path.split("/")[-2:]) for v in said}:
        gradient = found.get(path)
        if gradient is not None and np.any(np.nan_to_num(gradient) != 0):
            return f"{path} gets a gradient of {np.abs(np.nan_to_num(gradient)).max()}"
    return ""


def _not_saturated(attack: Attack, finding: Any) -> str:
    """OR004: what leaves a sigmoid or tanh in its tails is near an end of its range."""
    layer = attack.model.get_layer(finding.layer)
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    ends = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0),
            "hard_sigmoid": (0.0, 1.0), "hard_tanh": (-1.0, 1.0)}.get(name)  # fmt: skip
    if ends is None:
        return ""
    values = attack.values(finding.layer)
    near = np.minimum(np.abs(values - ends[0]), np.abs(values - ends[1])) < 0.1
    part = float(near.mean())
    return f"only {part} of the values are near the ends" if part < finding.cost["share"] else ""


def _has_gradient(attack: Attack, finding: Any) -> str:
    """OR005: a gradient with any weights."""
    wanted = set(finding.cost["weights"])
    for _ in attack.drawn(3):
        for path, gradient in attack.gradients(penalties=False).items():
            if path in wanted and gradient is not None and np.any(np.nan_to_num(gradient) != 0):
                return f"{path} gets a gradient of {np.abs(np.nan_to_num(gradient)).max()}"
    return ""


def _gives_probabilities(attack: Attack, finding: Any) -> str:
    """OR006: nothing but probabilities, with all weights drawn; or a loss that is not as said."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    at = which[0]
    if "cannot go below" in finding.message:
        floor = float(re.search(r"cannot go below ([-+.e\d]*\d)", finding.message)[1])
        return _below_floor(attack, _With(finding, floor), at)
    if "is 0 whatever" in finding.message:
        worst = max(_sound(abs(attack.loss(at))) for _ in attack.drawn())
        return f"a loss of {worst}" if 1e-5 < worst < np.inf else ""
    several = "binary" not in finding.message.split(" reads ")[0]
    for _ in attack.drawn(16):
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


def _not_affine(attack: Attack, finding: Any) -> str:
    """OR009: a curve, with other weights, in what enters the last activation."""
    names = re.findall(r"'([^']+)'", finding.message.split("have no activation")[0])
    last = attack.model.get_layer(names[-1]) if finding.cost["layers"] == len(names) else None
    if last is None or attack.program.x.dtype.kind != "f":
        return ""
    kept, layer_activation = attack.model.get_weights(), getattr(last, "activation", None)
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
        attack.model.set_weights(kept)


def _labels_fit(attack: Attack, finding: Any) -> str:
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
    if "add nothing to the loss" in finding.message and y.shape[-1] == 1:
        outside = (np.trunc(y) < 0) | (np.trunc(y) > width - 1)
        rows = np.flatnonzero(outside.reshape(len(y), -1).all(axis=1))
        for row in rows[:2]:
            one = attack.gradients(slice(row, row + 1), penalties=False)
            moved = [g for p, g in one.items() if p and g is not None and np.any(np.nan_to_num(g))]
            if len(attack.program.losses) == 1 and moved:
                return "a label outside adds to the gradient"
    return ""


def _shapes_meet(attack: Attack, finding: Any) -> str:
    """OR011: a loss in which each entry of the outputs meets one target."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    out, y = attack.run()[which[0]], attack.program.targets[which[0]]
    return "the shapes are equal" if out.shape == y.shape else ""


def _responds(attack: Attack, finding: Any) -> str:
    """OR012: the response of the outputs to steps of what the layer returns."""
    layer, bound = attack.model.get_layer(finding.layer), finding.cost["bound"]
    if len(layer._inbound_nodes) != 1 or isinstance(layer.output, list | tuple):
        return ""
    shape = tuple(layer.output.shape[1:])
    size = int(np.prod(shape))
    step = 1e-2
    steps = (step * np.eye(size)).astype("float32")
    x = attack.program.x
    nudges = np.repeat(np.concatenate([steps, -steps]), len(x), axis=0).reshape(-1, *shape)
    own = layer.call
    more = attack.keras.ops.convert_to_tensor(nudges)
    vars(layer)["call"] = lambda *args, **kwargs: own(*args, **kwargs) + more
    try:
        moved = attack.run(np.concatenate([x] * (2 * size)))
    finally:
        del vars(layer)["call"]
    for out in moved:
        up, down = out.reshape(2, size, len(x), -1)
        response = float((np.abs(up - down) / (2 * step)).sum(axis=0).max())
        rounding = 4 * 6e-8 * float(np.abs(out).max()) * size / step
        if response > 1.01 * bound + rounding:
            return f"a response of {response} where {bound} is the most"
    return ""


def _parts(attack: Attack, finding: Any) -> str:
    """OR013: after some steps the units are no longer equal."""
    try:
        attack.model.fit(attack.program.x, attack.program.y, epochs=3, batch_size=4, verbose=0)
    except Exception:
        return ""  # the program cannot be trained
    layer = attack.model.get_layer(finding.layer)
    kernel = np.asarray(attack.keras.ops.convert_to_numpy(layer.kernel), np.float64)
    apart = np.abs(kernel - kernel[..., :1]).max()
    size = np.abs(kernel).max()
    return f"units differ by {apart} of {size}" if apart > 1e-4 * size else ""


def _finite(attack: Attack, finding: Any) -> str:
    """OR016: outputs, loss and gradient that are all finite."""
    if not np.isfinite(attack.program.x).all():
        return ""
    if not all(np.isfinite(y).all() for y in attack.program.targets):
        return ""
    parts = [*attack.run(), *attack.gradients().values()]
    sound = all(p is None or np.isfinite(p).all() for p in parts)
    return "outputs, loss and gradients are finite" if sound else ""


def _no_dropout(attack: Attack, finding: Any) -> str:
    """OR019: no output is 0 in training."""
    which = attack.outputs_of(finding.layer)
    zeros = [bool((attack.run(training=True)[i] == 0).any()) for _ in range(5) for i in which]
    return "no output was 0" if which and not any(zeros) else ""


def _is_trained(attack: Attack, finding: Any) -> str:
    """OR021: a weight that can be trained, and a rate."""
    rate = float(attack.keras.ops.convert_to_numpy(attack.model.optimizer.learning_rate))
    return "weights are trained" if attack.model.trainable_variables and rate > 0 else ""


def _converges(attack: Attack, finding: Any) -> str:
    """OR017: gradient descent with all rows in a batch that does not diverge."""
    rows = len(attack.program.x)
    before = attack.loss()
    attack.model.fit(attack.program.x, attack.program.y, epochs=400, batch_size=rows, verbose=0)
    after = attack.loss()
    return f"the loss went from {before} to {after}" if after < 0.5 * before else ""


def _gets_below(attack: Attack, finding: Any) -> str:
    """OR030: training as planned, in other orders and with weights of samples."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    floor, plan = finding.cost["loss_floor"], attack.program.options
    kept = attack.model.get_weights()
    for i in range(2):
        weights = attack.rng.lognormal(0, 3, len(attack.program.x)) if i else None
        attack.model.set_weights(kept)
        if len(attack.program.losses) > 1:
            weights = None
        try:
            attack.model.fit(
                attack.program.x, attack.program.y, epochs=plan["epochs"], verbose=0,
                batch_size=plan["batch_size"], sample_weight=weights,
            )  # fmt: skip
        except Exception:
            return ""  # the program cannot be trained
        reached = attack.loss(which[0])
        if reached < floor * (1 - FLOAT) - 1e-6:
            return f"a loss of {reached} below the floor {floor}"
    return ""


def _not_clipped(attack: Attack, finding: Any) -> str:
    """OR024: a gradient from rows that are said to have none."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1 or len(attack.program.losses) != 1:
        return ""
    still = 0
    for row in range(len(attack.program.x)):
        found = attack.gradients(slice(row, row + 1), penalties=False)
        still += not any(p and g is not None and np.any(np.nan_to_num(g)) for p, g in found.items())
    said = finding.cost["rows"]
    return f"{still} rows have no gradient, {said} are said to" if still < said else ""


def _something_to_learn(attack: Attack, finding: Any) -> str:
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


CHECKS: dict[str, Check] = {
    "OR001": _out_of_range, "OR002": _not_constant, "OR003": _alive, "OR004": _not_saturated,
    "OR005": _has_gradient, "OR006": _gives_probabilities, "OR007": _out_of_range,
    "OR008": _out_of_range, "OR009": _not_affine, "OR010": _labels_fit, "OR011": _shapes_meet,
    "OR012": _responds, "OR013": _parts, "OR016": _finite, "OR017": _converges,
    "OR019": _no_dropout, "OR020": _alive, "OR021": _is_trained, "OR024": _not_clipped,
    "OR025": _something_to_learn, "OR030": _gets_below,
}  # fmt: skip
