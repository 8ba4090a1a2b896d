"""Lowering rules for unrolled recurrent operators, and for normalization by input statistics."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....graph import Value
from ....graph.builder import Operand
from ....graph.composites import normalization
from ..element_types import FLOATS
from .table import OnnxCall, op


_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_ACTIVATIONS = {
    "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "Softsign": "softsign",
    "Softplus": "softplus",
}  # fmt: skip


@op("RNN", "GRU", "LSTM", types="T T T T int32 T T T -> T", T=FLOATS)
def recurrent(c: OnnxCall) -> list[Operand]:
    x, size = c.x, int(c.attr("hidden_size"))
    if c.attr("layout", 0):
        raise c.refuse("its attribute `layout` is 1")
    if c.attr("clip") is not None or c.attr("input_forget", 0):
        raise c.refuse("it clips or couples its gates")
    if c.has(4) and not np.all(c.constant(4, "lengths") == x.shape[0]):
        raise c.refuse("its sequences have different lengths")
    direction = c.attr("direction", "forward")
    directions = 2 if direction == "bidirectional" else 1
    functions = _functions(c, directions)
    weights = [np.asarray(c.constant(i, what), np.float64) for i, what in ((1, "W"), (2, "R"))]
    n = _GATES[c.node.op] * size
    bias = np.asarray(c.option(3, "bias"), np.float64) if c.has(3) else np.zeros((2, 2 * n))
    peep = c.option(7, "peepholes") if c.node.op == "LSTM" and c.has(7) else None
    sequences, lasts = [], []
    for d in range(directions):
        states = [_initial(c, i, d, size) for i in (5, 6)[: 1 + (c.node.op == "LSTM")]]
        is_backward = direction == "reverse" or d == 1
        cell = _CELLS[c.node.op](
            c,
            weights[0][d],
            weights[1][d],
            bias[d],
            functions[d],
            None if peep is None else peep[d],
        )
        outputs, states = _unroll(c, x, states, cell, is_backward)
        sequences.append(outputs)
        lasts.append(states)

    def stack(parts: Sequence[Operand], axis: int) -> Operand:
        parts = [np.asarray(p) if not isinstance(p, Value) else p for p in parts]
        return c.b.structural(lambda a: np.stack(a, axis=axis), parts)

    rows = [stack(parts, 0) for parts in zip(*sequences, strict=True)]
    ends = [stack(parts, 0) for parts in zip(*lasts, strict=True)]
    return [stack(rows, 0), *ends]


def _functions(c: OnnxCall, directions: int) -> list[list[str]]:
    usual = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
    default = usual[c.node.op]
    names = [str(v) for v in c.attr("activations", default * directions)]
    unknown = sorted(set(names) - set(_ACTIVATIONS))
    if unknown or c.attr("activation_alpha") or c.attr("activation_beta"):
        raise c.refuse(f"its activations are {names}")
    curves = [_ACTIVATIONS[name] for name in names]
    return [curves[i * len(default) : (i + 1) * len(default)] for i in range(directions)]


def _initial(c: OnnxCall, i: int, direction: int, size: int) -> Operand:
    if not c.has(i):
        return np.zeros((c.x.shape[1], size))
    return c.b.structural(lambda a: a[0][direction], [c.operand(i)])


def _unroll(
    c: OnnxCall, x: Operand, states: list, cell: Callable, backward: bool
) -> tuple[list[Operand], list[Operand]]:
    steps = x.shape[0]
    outputs: list[Any] = [None] * steps
    for t in range(steps - 1, -1, -1) if backward else range(steps):
        states = cell(c.b.structural(lambda a, t=t: a[0][t], [x]), *states)
        outputs[t] = states[0]
    return outputs, states


def _parts(c: OnnxCall, z: Operand, count: int) -> list[Operand]:
    return c.b.structural(lambda a: np.split(a[0], count, axis=-1), [z])


def _rnn(
    c: OnnxCall,
    w: np.ndarray,
    r: np.ndarray,
    bias: np.ndarray,
    functions: Sequence[str],
    peep: np.ndarray | None,
) -> Callable:
    n = len(w)

    def cell(x: Operand, h: Operand) -> list[Operand]:
        z = c.b.add(c.b.dense(x, w.T, bias[:n] + bias[n:]), c.b.dense(h, r.T))
        return [c.b.curve(functions[0], z)]

    return cell


def _gru(
    c: OnnxCall,
    w: np.ndarray,
    r: np.ndarray,
    bias: np.ndarray,
    functions: Sequence[str],
    peep: np.ndarray | None,
) -> Callable:
    n, b, after = len(w), c.b, bool(c.attr("linear_before_reset", 0))
    third = n // 3

    def cell(x: Operand, h: Operand) -> list[Operand]:
        from_input = _parts(c, b.dense(x, w.T, bias[:n]), 3)
        from_state = _parts(c, b.dense(h, r[: 2 * third].T, bias[n : n + 2 * third]), 2)
        z, reset = (b.curve(functions[0], b.add(from_input[i], from_state[i])) for i in (0, 1))
        last, shift = r[2 * third :].T, bias[n + 2 * third :]
        if after:
            candidate = b.multiply(reset, b.dense(h, last, shift))
        else:
            candidate = b.dense(b.multiply(reset, h), last, shift)
        new = b.curve(functions[1], b.add(from_input[2], candidate))
        return [b.add(b.multiply(b.affine_map(z, -1.0, 1.0), new), b.multiply(z, h))]

    return cell


def _lstm(
    c: OnnxCall,
    w: np.ndarray,
    r: np.ndarray,
    bias: np.ndarray,
    functions: Sequence[str],
    peep: np.ndarray | None,
) -> Callable:
    n, b = len(w), c.b
    gate, inner, outer = functions
    peepholes = (
        np.zeros((3, n // 4)) if peep is None else np.reshape(peep, (3, -1)).astype(np.float64)
    )

    def with_peephole(z: Operand, state: Operand, i: int) -> Operand:
        return b.add(z, b.multiply(state, peepholes[i])) if peepholes[i].any() else z

    def cell(x: Operand, h: Operand, state: Operand) -> list[Operand]:
        z = b.add(b.dense(x, w.T, bias[:n] + bias[n:]), b.dense(h, r.T))
        i, o, f, g = _parts(c, z, 4)
        i, f = b.curve(gate, with_peephole(i, state, 0)), b.curve(gate, with_peephole(f, state, 2))
        state = b.add(b.multiply(f, state), b.multiply(i, b.curve(inner, g)))
        o = b.curve(gate, with_peephole(o, state, 1))
        return [b.multiply(o, b.curve(outer, state)), state]

    return cell


_CELLS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


@op("LayerNormalization", types="T T T -> T", T=FLOATS)
def layer_normalization(c: OnnxCall) -> Operand:
    x, axis, epsilon = c.x, int(c.attr("axis", -1)), c.number("epsilon")
    c.attr("stash_type")
    out = normalization.standardize(c.b, x, list(range(axis % len(x.shape), len(x.shape))), epsilon)
    out = c.b.multiply(out, c.constant(1, "scale"))
    return c.b.add(out, c.constant(2, "bias")) if c.has(2) else out


@op("GroupNormalization", "InstanceNormalization", types="T T T -> T", T=FLOATS)
def group_normalization(c: OnnxCall) -> Operand:
    x, epsilon = c.x, c.number("epsilon")
    channels = x.shape[1]
    groups = int(c.attr("num_groups")) if c.node.op == "GroupNormalization" else channels
    grouped = c.b.reshape(x, (x.shape[0], groups, -1))
    out = c.b.reshape(normalization.standardize(c.b, grouped, [2], epsilon), x.shape)
    shape = (channels, *(1,) * (len(x.shape) - 2))
    scale, bias = (np.asarray(c.constant(i, w), np.float64) for i, w in ((1, "scale"), (2, "bias")))
    if scale.size != channels:
        raise c.refuse("it has one scale per group")
    return c.b.affine_map(out, scale.reshape(shape), bias.reshape(shape))


@op("RMSNormalization", types="T V -> V", T=FLOATS, V=FLOATS)
def rms_normalization(c: OnnxCall) -> Operand:
    x, axis, epsilon = c.x, int(c.attr("axis", -1)), c.number("epsilon")
    c.attr("stash_type")
    axes = list(range(axis % len(x.shape), len(x.shape)))
    out = normalization.by_root_mean_square(c.b, x, axes, epsilon)
    return c.b.multiply(out, c.constant(1, "scale"))
