"""Rules for ONNX operators that only move entries."""

import math

from flint import fmpq

from ...network import ONE, Refused
from ..tensors import Tensor, axes_of, axis_of, joined
from .call import Call, Rule


_TO_THE_END = (1 << 31) - 1


def _constant(c: Call) -> Tensor:
    c.most_inputs(0)
    if set(c.node.attributes) == {"value"} and isinstance(c.node.attributes["value"], Tensor):
        c.asked.add("value")
        return c.node.attributes["value"]
    if set(c.node.attributes) == {"value_float"}:
        return Tensor((), [c.real("value_float", None)], "real")
    if set(c.node.attributes) == {"value_int"}:
        return Tensor((), [c.whole("value_int", 0)], "whole")
    if set(c.node.attributes) == {"value_ints"}:
        values = c.wholes("value_ints", None) or []
        return Tensor((len(values),), values, "whole")
    raise Refused("a constant of this kind is not supported")


def _identity(c: Call) -> Tensor:
    c.most_inputs(1)
    return c.x


def _dropout(c: Call) -> Tensor:
    """Return the input unchanged, as in inference; a mask as second output is not supported."""
    c.most_inputs(3)
    training = c.option(2)
    if training is not None and any(training.wholes()):
        raise Refused("training mode is not supported")
    c.real("ratio", fmpq(0))
    c.whole("seed", 0)
    return c.x


def _flatten(c: Call) -> Tensor:
    rank = len(c.x.shape)
    axis = c.whole("axis", 1)
    if not -rank <= axis <= rank:
        raise Refused(f"axis {axis} does not exist in a tensor of rank {rank}")
    axis = axis + rank if axis < 0 else axis
    return c.x.reshaped((math.prod(c.x.shape[:axis]), math.prod(c.x.shape[axis:])))


def _reshape(c: Call) -> Tensor:
    c.most_inputs(2)
    wanted, own = c.input(1).wholes(), c.x.shape
    zeros = c.whole("allowzero", 0)
    shape = []
    for i, n in enumerate(wanted):
        if n == 0 and not zeros:
            if i >= len(own):
                raise Refused(f"shape {wanted} copies an axis that shape {own} does not have")
            n = own[i]
        shape.append(n)
    if shape.count(-1) > 1 or min(shape, default=0) < -1:
        raise Refused(f"{wanted} is not a shape")
    if -1 in shape:
        rest = math.prod(n for n in shape if n != -1)
        if rest == 0 or math.prod(own) % rest:
            raise Refused(f"shape {own} cannot be reshaped to {wanted}")
        shape[shape.index(-1)] = math.prod(own) // rest
    return c.x.reshaped(tuple(shape))


def _transpose(c: Call) -> Tensor:
    c.most_inputs(1)
    order = c.wholes("perm", None)
    return c.x.transposed(list(range(len(c.x.shape)))[::-1] if order is None else order)


def _squeeze(c: Call) -> Tensor:
    c.most_inputs(2)
    axes, shape = c.axes(1, 13), c.x.shape
    if axes is None:
        return c.x.reshaped(tuple(n for n in shape if n != 1))
    if not axes:
        raise Refused(
            "an empty list of axes, which runtimes take as all axes of length 1, is not supported"
        )
    gone = axes_of(axes, len(shape))
    if any(shape[axis] != 1 for axis in gone):
        raise Refused(f"axes {axes} of shape {shape} are not all of length 1")
    return c.x.reshaped(tuple(n for i, n in enumerate(shape) if i not in gone))


def _unsqueeze(c: Call) -> Tensor:
    c.most_inputs(2)
    axes = c.axes(1, 13)
    if axes is None:
        raise Refused("`axes` are not stated")
    rank = len(c.x.shape) + len(axes)
    new, old = axes_of(axes, rank), iter(c.x.shape)
    return c.x.reshaped(tuple(1 if i in new else next(old) for i in range(rank)))


def _concat(c: Call) -> Tensor:
    parts = [c.input(i) for i in range(len(c.given))]
    if not parts or "axis" not in c.node.attributes:
        raise Refused("the node has no inputs, or no `axis`")
    axis = axis_of(c.whole("axis", 0), len(parts[0].shape))
    return joined(parts, axis)


def _slice(c: Call) -> Tensor:
    c.most_inputs(5)
    shape = c.x.shape
    if c.opset < 10:
        starts, ends = c.wholes("starts", None), c.wholes("ends", None)
        axes, steps = c.wholes("axes", None), None
        if starts is None or ends is None:
            raise Refused("`starts` or `ends` are not stated")
    else:
        starts, ends = c.input(1).wholes(), c.input(2).wholes()
        axes, steps = c.axes(3, 0), c.axes(4, 0)
    axes = axes_of(list(range(len(starts))) if axes is None else axes, len(shape))
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Refused("starts, ends, axes and steps differ in length, or a step is 0")
    lists = [list(range(n)) for n in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = shape[axis]
        if step < 0 and end >= _TO_THE_END:
            raise Refused(
                f"a step of {step} to {end}, where onnxruntime deviates from the standard"
            )
        # As in the standard, negative positions count from the end, and then all are clamped.
        begin, stop = (v + n if v < 0 else v for v in (start, end))
        low, high = (0, n) if step > 0 else (-1, n - 1)
        begin = min(max(begin, 0), n if step > 0 else n - 1)
        lists[axis] = list(range(begin, min(max(stop, low), high), step))
    return c.x.picked(lists)


def _gather(c: Call) -> Tensor:
    c.most_inputs(2)
    where, shape = c.input(1), c.x.shape
    axis = axis_of(c.whole("axis", 0), len(shape))
    n = shape[axis]
    if any(not -n <= i < n for i in where.wholes()):
        raise Refused(f"an index lies outside an axis of length {n}")
    lists = [list(range(m)) for m in shape]
    lists[axis] = [i % n for i in where.items]
    return c.x.picked(lists).reshaped((*shape[:axis], *where.shape, *shape[axis + 1 :]))


def _split(c: Call) -> list[Tensor]:
    c.most_inputs(2)
    shape, count = c.x.shape, len(c.node.outputs)
    axis = axis_of(c.whole("axis", 0), len(shape))
    n = shape[axis]
    parts = c.axes(1, 13, "split")
    if c.opset >= 18:
        if parts is None and c.whole("num_outputs", 0) != count:
            raise Refused("`num_outputs` is not the number of outputs")
        each = -(-n // max(count, 1))
        parts = parts or [each] * (count - 1) + [n - each * (count - 1)]
    elif parts is None:
        if count == 0 or n % count:
            raise Refused(f"an axis of length {n} cannot be split into {count} equal parts")
        parts = [n // count] * count
    if len(parts) != count or sum(parts) != n or min(parts) < 0:
        raise Refused(f"an axis of length {n} cannot be split into parts {parts}")
    results, first = [], 0
    for part in parts:
        lists = [list(range(m)) for m in shape]
        lists[axis] = list(range(first, first + part))
        results.append(c.x.picked(lists))
        first += part
    return results


def _pad(c: Call) -> Tensor:
    c.most_inputs(4)
    c.fixed("mode", "constant")
    x, rank = c.x, len(c.x.shape)
    value = fmpq(0)
    if c.opset < 11:
        pads, axes = c.wholes("pads", None), None
        value = c.real("value", fmpq(0))
    else:
        pads, axes = c.input(1).wholes(), c.axes(3, 0)
        stated = c.option(2)
        if stated is not None and stated.items:
            value = stated.numbers()[0]
    axes = axes_of(list(range(rank)) if axes is None else axes, rank)
    if pads is None or len(pads) != 2 * len(axes):
        raise Refused(f"the paddings must be two numbers for each of {len(axes)} axes")
    if x.kind == "whole" or max((abs(p) for p in pads), default=0) > 1 << 22:
        raise Refused("a padding of integers, or by more than 2^22, is not supported")
    lists = [list(range(n)) for n in x.shape]
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        n = x.shape[axis]
        lists[axis] = [i if 0 <= i < n else -1 for i in range(-before, n + after)]
    return x.picked(lists, value if x.constant else ({ONE: value} if value else {}))


RULES: dict[str, Rule] = {
    "Constant": _constant,
    "Identity": _identity,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Slice": _slice,
    "Gather": _gather,
    "Split": _split,
    "Pad": _pad,
}
