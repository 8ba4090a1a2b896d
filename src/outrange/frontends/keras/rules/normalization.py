"""Rules for normalization, attention, products along an axis, and similar operations."""

from collections.abc import Callable

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites import attention, logic, normalization as normal
from ....graph.composites.products import product_along, running_product
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, array, is_value, operand, round_to_float32


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)


def _axes(c: KerasCall) -> list[int]:
    rank = len(c.x.shape)
    return sorted({int(i) % rank for i in np.atleast_1d(c.config.get("axis", -1))})


def _epsilon(c: KerasCall) -> float:
    epsilon = c.config.get("epsilon")
    return round_to_float32(c.keras.config.epsilon() if epsilon is None else epsilon)


def _weight(c: KerasCall, place: int, name: str) -> np.ndarray | None:
    """Return a weight in a shape that broadcasts against the input, or None if it is absent."""
    weight, axes, rank = c.constant(place, name), _axes(c), len(c.x.shape)
    if weight is None or weight.ndim == rank or axes == [rank - 1]:
        return weight
    return weight.reshape([c.x.shape[i] if i in axes else 1 for i in range(rank)])


@rule("LayerNorm")
def _layer_norm(c: KerasCall) -> Operand:
    b, x, gamma, beta = c.builder, c.x, _weight(c, 1, "gamma"), _weight(c, 2, "beta")
    if c.config.get("rms_scaling"):
        centered = b.subtract(x, b.reduce("mean", x, _axes(c), True))
        variance = b.reduce("mean", b.curve("square", centered), _axes(c), True)
        factor = b.curve("rsqrt", b.affine_map(variance, 1.0, _epsilon(c)))
        out, beta = b.multiply(x, factor), None
    else:
        out = normal.standardize(b, x, _axes(c), _epsilon(c))
    gamma = 1.0 if gamma is None else gamma
    return b.affine_map(out, gamma, 0.0 if beta is None else beta, name="layer_normalization")


@rule("RMSNorm")
def _rms_norm(c: KerasCall) -> Operand:
    scale = c.constant(1, "scale")
    out = normal.by_root_mean_square(c.builder, c.x, _axes(c), _epsilon(c))
    return out if scale is None else c.builder.affine_map(out, scale, name="rms_normalization")


@rule("Normalize")
def _normalize(c: KerasCall) -> Operand:
    order = c.config.get("order", 2)
    if order not in (1, 2, np.inf):
        raise UnsupportedError(f"normalizing by a norm of order {order} is not supported yet")
    return normal.by_norm(c.builder, c.x, _axes(c), order, _epsilon(c))


@rule("DotProductAttention")
def _attention(c: KerasCall) -> Operand:
    query, key, value = (c.operand(i, n) for i, n in enumerate(("query", "key", "value")))
    bias, mask, scale = (c.get(i, n) for i, n in enumerate(("bias", "mask", "scale"), 3))
    if mask is not None:
        mask = array(operand(mask)) != 0
    if c.config.get("is_causal"):
        causal = np.tri(query.shape[1], key.shape[1], dtype=bool)
        mask = causal if mask is None else mask & causal
    groups = query.shape[2] // key.shape[2]
    if groups > 1:
        key, value = (
            c.builder.structural(lambda a: np.repeat(a[0], groups, axis=2), [z])
            for z in (key, value)
        )
    if scale is None:
        scale = 1.0 / np.sqrt(query.shape[-1])
    cap = c.config.get("attn_logits_soft_cap")
    cap = None if cap is None else round_to_float32(cap)
    return attention.attention(
        c.builder, query, key, value, scale=float(scale), bias=bias, mask=mask, soft_cap=cap
    )


@rule("Glu")
def _glu(c: KerasCall) -> Operand:
    half, gate = c.builder.structural(
        lambda a: np.split(a[0], 2, axis=c.config.get("axis", -1)), [c.x]
    )
    return c.builder.multiply(half, c.builder.curve("sigmoid", gate))


@rule("Sparsemax")
def _sparsemax(c: KerasCall) -> Operand:
    """Lower `relu(x - tau)` with Keras's `tau`, which differs from that in the literature.

    With the entries `z_j` sorted in descending order, `S_j` is the sum of the first `j`. The
    entries with `z_j > (S_j - 1) / j` are the support. Keras adds up `S_j` over the whole support,
    whereas the definition uses only the last `S_j`. So with two or more entries in the support the
    result generally does not sum to 1, and it may jump where an entry joins the support.
    """
    b, x = c.builder, operand(c.args[0])
    axis = int(c.config.get("axis", -1)) % len(x.shape)
    n = x.shape[axis]
    if not is_value(x):
        x = b.constant_value(x)
    best = b.structural(lambda a: np.flip(a[0], axis), [logic.sort(b, x, axis)])
    places = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1)
    window = np.moveaxis(np.where(np.tri(n, dtype=bool), places[..., None, :], -1), -2, axis)
    sums = b.gather_sum(best, window.reshape(-1, n), 1.0, x.shape, name="sums")
    count = np.arange(1.0, n + 1.0).reshape([n if i == axis else 1 for i in range(len(x.shape))])
    means = b.affine_map(b.affine_map(sums, 1.0, -1.0), 1.0 / count, ulps=1)
    support = logic.compare(b, "greater", best, means)
    support = logic.select(b, np.broadcast_to(count == 1, x.shape), np.ones(x.shape), support)
    total = b.reduce("sum", b.multiply(support, sums), axis, True)
    tau = b.divide(b.affine_map(total, 1.0, -1.0), b.reduce("sum", support, axis, True))
    return b.curve("relu", b.subtract(x, tau))


@rule("Prod")
def _prod(c: KerasCall) -> Operand:
    axis, keep = c.config.get("axis"), c.config.get("keepdims", False)
    axes = range(len(c.x.shape)) if axis is None else np.atleast_1d(axis)
    return product_along(c.builder, c.x, axes, keep)


@rule("Cumprod")
def _cumprod(c: KerasCall) -> Operand:
    b, x, axis = c.builder, c.x, c.config.get("axis")
    if axis is None:
        x, axis = b.reshape(x, (x.size,)), 0
    return running_product(b, x, int(axis))


@rule("Hypot")
def _hypot(c: KerasCall) -> Operand:
    b = c.builder
    squares = [b.curve("square", operand(x)) for x in c.args[:2]]
    return b.curve("sqrt", b.add(*squares))
