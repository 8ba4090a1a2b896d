"""Attacks on proofs about gradients, about single layers and about training."""

from __future__ import annotations

from typing import Any

import numpy as np

from .contradictions import FLOAT, Attack


def alive(attack: Attack, finding: Any) -> str:
    """OR003, OR020: no gradient passes dead units; a layer that is always on is straight."""
    if "units" not in finding.cost:
        return is_bent(attack, finding)
    layer, units = attack.model.get_layer(finding.layer), finding.cost["units"]
    if len(layer._inbound_nodes) != 1:
        return ""  # which of its calls is meant is not known here
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
    return report_gradient(attack, finding) if finding.code == "OR003" else ""


def is_bent(attack: Attack, finding: Any) -> str:
    """Report a layer whose output at a midpoint of inputs is not the midpoint of outputs."""
    layer = attack.model.get_layer(finding.layer)
    activation = getattr(layer, "activation", None)
    if activation is None or len(layer._inbound_nodes) != 1:
        return ""
    x = attack.inside()
    after = attack.values(finding.layer, x)
    try:
        layer.activation = attack.keras.activations.linear
        before = attack.values(finding.layer, x)
    finally:
        layer.activation = activation
    for a, b in zip(
        before.reshape(len(before), -1).T, after.reshape(len(after), -1).T, strict=True
    ):
        if np.ptp(a) > 0 and np.isfinite(a).all():
            line = np.polyfit(a, b, 1)
            far = np.abs(np.polyval(line, a) - b).max()
            if far > 1e-3 * (np.abs(b).max() + np.abs(a).max()):
                return f"a unit is bent by {far}"
    return ""


def report_gradient(attack: Attack, finding: Any) -> str:
    """Report a gradient of a weight that allegedly gets none."""
    if "no weight of this layer" not in finding.message:
        return ""
    layer = attack.model.get_layer(finding.layer)
    variables = list(layer.trainable_variables)
    if "or before it gets" in finding.message:
        variables += attack.keras.Model(attack.model.inputs, layer.output).trainable_variables
    gradients = attack.gradients()
    for path in {"/".join(v.path.split("/")[-2:]) for v in variables}:
        gradient = gradients.get(path)
        if gradient is not None and np.any(np.nan_to_num(gradient) != 0):
            return f"{path} gets a gradient of {np.abs(np.nan_to_num(gradient)).max()}"
    return ""


def not_saturated(attack: Attack, finding: Any) -> str:
    """OR004: what leaves a sigmoid or tanh in its tails is near an end of its range."""
    layer = attack.model.get_layer(finding.layer)
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    ends = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0),
            "hard_sigmoid": (0.0, 1.0), "hard_tanh": (-1.0, 1.0)}.get(name)  # fmt: skip
    if ends is None:
        return ""
    if len(layer._inbound_nodes) > 1:
        return ""  # which of its calls is meant the finding does not say
    values = attack.values(finding.layer)
    # A row with NaN was not among the rows that the finding is about.
    values = values[np.isfinite(values.reshape(len(values), -1)).all(axis=1)]
    near = np.minimum(np.abs(values - ends[0]), np.abs(values - ends[1])) < 0.1
    part = float(near.mean())
    return f"only {part} of the values are near the ends" if part < finding.cost["share"] else ""


def has_gradient(attack: Attack, finding: Any) -> str:
    """OR005: a gradient with any weights."""
    wanted = set(finding.cost["weights"])
    for _ in attack.draw_weights(3):
        for path, gradient in attack.gradients(penalties=False).items():
            if path in wanted and gradient is not None and np.any(np.nan_to_num(gradient) != 0):
                return f"{path} gets a gradient of {np.abs(np.nan_to_num(gradient)).max()}"
    return ""


def responds(attack: Attack, finding: Any) -> str:
    """OR012: the response of the outputs to steps of what the layer returns, either way.

    A step that crosses a jump, of a rounding say, is in no derivative: the step back crosses none.
    """
    if finding.cost["layer"] not in [layer.name for layer in attack.model.layers]:
        return ""  # a layer inside another one
    layer, bound = attack.model.get_layer(finding.cost["layer"]), finding.cost["bound"]
    if len(layer._inbound_nodes) != 1 or isinstance(layer.output, list | tuple):
        return ""
    shape = tuple(layer.output.shape[1:])
    size = int(np.prod(shape))
    step = 1e-2
    steps = (step * np.eye(size)).astype("float32")
    x = attack.program.x
    nudges = np.repeat(np.concatenate([steps, -steps]), len(x), axis=0).reshape(-1, *shape)
    original_call = layer.call
    more = attack.keras.ops.convert_to_tensor(nudges)
    vars(layer)["call"] = lambda *args, **kwargs: original_call(*args, **kwargs) + more
    try:
        moved = attack.run(np.concatenate([x] * (2 * size)))
    finally:
        del vars(layer)["call"]
    for out, here in zip(moved, attack.run(), strict=True):
        ways = np.abs(out.reshape(2, size, len(x), -1) - here.reshape(len(x), -1))
        response = float((ways.min(axis=0) / step).sum(axis=0).max())
        # Of a sigmoid in its tail the relative error is the absolute one of what enters it.
        rounding = 64 * 6e-8 * float(np.abs(out).max()) * size / step
        if response > 1.01 * bound + rounding:
            return f"a response of {response} where {bound} is the most"
    return ""


def parts(attack: Attack, finding: Any) -> str:
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


def finite(attack: Attack, finding: Any) -> str:
    """OR016: outputs, loss and gradient that are all finite."""
    if not np.isfinite(attack.program.x).all():
        return ""
    if not all(np.isfinite(y).all() for y in attack.program.targets):
        return ""
    parts = [*attack.run(), *attack.gradients().values()]
    sound = all(p is None or np.isfinite(p).all() for p in parts)
    return "outputs, loss and gradients are finite" if sound else ""


def no_dropout(attack: Attack, finding: Any) -> str:
    """OR019: no output is 0 in training."""
    which = attack.outputs_of(finding.layer)
    if not all(np.isfinite(attack.run()[i]).all() for i in which):
        return ""  # infinity times 0 is no number
    zeros = [bool((attack.run(training=True)[i] == 0).any()) for _ in range(5) for i in which]
    return "no output was 0" if which and not any(zeros) else ""


def is_trained(attack: Attack, finding: Any) -> str:
    """OR021: a weight that can be trained, and a rate."""
    rate = float(attack.keras.ops.convert_to_numpy(attack.model.optimizer.learning_rate))
    return "weights are trained" if attack.model.trainable_variables and rate > 0 else ""


def converges(attack: Attack, finding: Any) -> str:
    """OR017: gradient descent with all rows in a batch that does not diverge."""
    rows = len(attack.program.x)
    before = attack.loss()
    attack.model.fit(attack.program.x, attack.program.y, epochs=400, batch_size=rows, verbose=0)
    after = attack.loss()
    return f"the loss went from {before} to {after}" if after < 0.5 * before else ""


def gets_below(attack: Attack, finding: Any) -> str:
    """OR030: training as planned, in other orders and with weights of samples."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1:
        return ""
    floor, plan = finding.cost["loss_floor"], attack.program.options
    initial = attack.model.get_weights()
    for i in range(2):
        weights = attack.rng.lognormal(0, 3, len(attack.program.x)) if i else None
        attack.model.set_weights(initial)
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


def not_clipped(attack: Attack, finding: Any) -> str:
    """OR024: a gradient from rows that are said to have none."""
    which = attack.outputs_of(finding.layer)
    if len(which) != 1 or len(attack.program.losses) != 1:
        return ""
    still = 0
    for row in range(len(attack.program.x)):
        gradients = attack.gradients(slice(row, row + 1), penalties=False)
        still += not any(
            p and g is not None and np.any(np.nan_to_num(g)) for p, g in gradients.items()
        )
    rows = finding.cost["rows"]
    return f"{still} rows have no gradient, {rows} are said to" if still < rows else ""
