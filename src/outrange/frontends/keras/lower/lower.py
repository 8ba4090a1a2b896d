"""Lowering of the recorded operations on which the outputs depend, by one rule per kind."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ....core import ModelError, UnsupportedError, check_deadline
from ....graph import Builder, Operand, Slot, Value
from ....graph.integer_inference import RANGES
from ....ops import Affine, Curve
from ...input_limits import ValueLimit, limited_inputs
from ...network import LayerInfo
from .. import refuse
from ..api import keras
from ..rules import RULES
from ..trace.records import OperationRecord, Trace
from .call import KerasCall
from .constants import with_roundings
from .keras_graph import KerasGraph


MAY_BE_INFINITE = ("Maximum", "Minimum", "Fmax", "Fmin", "Clip")
"""Operations in which an infinite constant means "no limit"."""


INTEGERS = frozenset(RANGES) - {"bool"}
"""Dtypes whose arithmetic may wrap around."""


def lower(
    trace: Trace, inputs: list[Slot], outputs: list[str], *, fused: bool = True
) -> KerasGraph:
    """Lower every recorded operation on which the outputs depend.

    Args:
        trace: The recording of a model.
        inputs: Name and shape of each input, in the order of `trace.inputs`.
        outputs: Name of each output.
        fused: Whether elementwise sub-graphs become single curves.

    Raises:
        UnsupportedError: An operation has no rule, or its rule does not cover this use of it.
    """
    return _Lowering(trace, inputs).run(outputs, fused)


class _Lowering:
    def __init__(self, trace: Trace, inputs: list[Slot]) -> None:
        self.k = keras()
        self.trace = trace
        self.builder = Builder(inputs, source="inputs")
        self.values_by_tensor: dict[int, Operand] = {}
        self.tensors: dict[int, Any] = {}
        self.holders: Counter[int] = Counter()
        self.limits: list[ValueLimit] = []
        self.uses = self.count_uses()
        for tensor, value in zip(trace.inputs, self.builder.input_values(), strict=True):
            self.enter(tensor, self.builder.reshape(value, tuple(tensor.shape)))

    def enter(self, tensor: Any, value: Operand) -> None:
        self.values_by_tensor[id(tensor)] = value
        self.tensors[id(tensor)] = tensor
        if isinstance(value, Value):
            self.holders[value.index] += 1

    def run(self, names: list[str], fused: bool = True) -> KerasGraph:
        for record in self.needed_records():
            check_deadline()
            self.record(record)
        outputs = [self.output(t) for t in self.k.tree.flatten(self.trace.outputs)]
        infos = self.layers()
        self.builder.source = "outputs"
        self.builder.inputs = limited_inputs(self.builder, self.limits)
        keep = [v for info in infos for v in (info.before, info.after) if v is not None]
        graph = self.builder.finish(outputs, names, keep, fused=fused)
        new_indices = self.builder.moved
        infos = tuple(
            replace(
                i,
                after=new_indices[i.after],
                before=None if i.before is None else new_indices[i.before],
            )
            for i in infos
        )
        values = [
            (self.tensors[key], value.index)
            for key, value in self.values_by_tensor.items()
            if isinstance(value, Value)
        ]
        b = self.builder
        return KerasGraph(graph, infos, values, b.plain, b.places, b.bypassed)

    def needed_records(self) -> list[OperationRecord]:
        """Return the records on which the outputs depend, in order; unused masks are left out."""
        tensor = self.k.KerasTensor
        required = {id(t) for t in self.k.tree.flatten(self.trace.outputs)}
        records = []
        for record in reversed(self.trace.records):
            if any(id(t) in required for t in self.k.tree.flatten(record.outputs)):
                records.append(record)
                read = self.k.tree.flatten((record.args, record.kwargs))
                required.update(id(t) for t in read if isinstance(t, tensor))
        return records[::-1]

    def count_uses(self) -> Counter[int]:
        """Count the uses of each tensor as an argument, as an output, and as a `Visit.before`.

        The outputs of layers and those of the model are counted separately.
        """
        flatten = self.k.tree.flatten
        uses: Counter[int] = Counter()
        for record in self.trace.records:
            uses.update(id(t) for t in flatten((record.args, record.kwargs)))
        for visit in self.trace.visits:
            uses.update(id(t) for t in flatten((visit.outputs, visit.before)))
        uses.update(id(t) for t in flatten(self.trace.outputs))
        return uses

    def fuse_bias(self, record: OperationRecord, args: tuple) -> Operand | None:
        """Fuse `affine + constant` into the affine node, or return None if this is not possible."""
        if record.kind != "Add" or len(args) != 2 or not self.builder.nodes:
            return None
        x, constant = (args[0], args[1]) if isinstance(args[0], Value) else (args[1], args[0])
        tensor = record.args[0] if x is args[0] else record.args[1]
        node, op = self.builder.nodes[-1], self.builder.nodes[-1].op
        if not isinstance(x, Value) or isinstance(constant, Value) or not isinstance(op, Affine):
            return None
        is_last = x.index == len(self.builder.nodes) and self.holders[x.index] == 1
        shape = np.broadcast_shapes(x.shape, np.shape(constant))
        if not is_last or self.uses[id(tensor)] != 1 or shape != x.shape or op.bias.any():
            return None
        bias = np.broadcast_to(np.asarray(constant, np.float64), shape).ravel()
        self.builder.nodes[-1] = replace(node, op=replace(op, bias=bias))
        return x

    def record(self, record: OperationRecord) -> None:
        """Lower one recorded operation."""
        where = f"Layer `{record.source}` ({type(record.layer or record.op).__name__})"
        self.builder.source, self.builder.operation = record.source, record.kind
        rule = RULES.get(record.kind)
        if rule is None:
            raise refuse.unsupported_operation(record.kind, where)
        args, kwargs = self.k.tree.map_structure(self.operand, (record.args, record.kwargs))
        self.check_finite(record.kind, (args, kwargs))
        shapes = [tuple(t.shape) for t in self.k.tree.flatten(record.outputs)]
        call = KerasCall(
            self.builder,
            record.op,
            args,
            kwargs,
            self.config(record.op),
            shapes,
            self.k,
            tuple(_dtype(self.k, x) for x in record.args),
        )
        count = len(self.builder.nodes)
        try:
            with_bias = self.fuse_bias(record, args)
            result = with_roundings(rule, record, call) if with_bias is None else with_bias
        except UnsupportedError as error:
            raise refuse.explain(error, where) from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise refuse.unsupported_arguments(record.kind, where, error) from error
        results = list(result) if isinstance(result, list | tuple) else [result]
        self.limits += self.integer_limits(record, results, count)
        for t, value in zip(self.k.tree.flatten(record.outputs), results, strict=True):
            if tuple(value.shape) != tuple(t.shape):
                raise ModelError(
                    f"{where}: the rule for {record.kind} must return the shape {tuple(t.shape)} "
                    f"that Keras states. Received: {tuple(value.shape)}. This is a bug in "
                    "outrange; please report it."
                )
            self.enter(t, value)

    def integer_limits(
        self, record: OperationRecord, results: list, count: int
    ) -> Iterator[ValueLimit]:
        """Yield the limits of integer dtypes for the results of an operation.

        If the operation is a layer that calls the backend's own functions, the dtypes of the values
        that it computes are unknown. The limits of its integer inputs then also apply to these
        values.
        """
        why = f"layer `{record.source}` computes {record.kind} in an integer type that "
        tensors = self.k.tree.flatten(record.outputs)
        for t, value in zip(tensors, results, strict=True):
            if isinstance(value, Value) and str(t.dtype) in INTEGERS:
                yield ValueLimit(
                    value.index, *RANGES[str(t.dtype)], f"{why}wraps around ({t.dtype})"
                )
        read = [str(t.dtype) for t in record.op.symbols] if record.kind == "NativeCall" else []
        for dtype in set(read) & INTEGERS:
            for value in range(count + 1, len(self.builder.nodes) + 1):
                yield ValueLimit(value, *RANGES[dtype], f"{why}may wrap around ({dtype})")

    def config(self, op: Any) -> dict:
        """Return the constructor arguments of an operation, or its attributes; `{}` for a layer."""
        if isinstance(op, self.k.Layer):
            return {}
        try:
            return op.get_config()
        except NotImplementedError:
            # Keras records the arguments only if all are plain numbers and strings.
            return vars(op)

    def operand(self, x: Any) -> Any:
        """Convert a recorded argument to a value, an array, or a Python object, as rules expect."""
        if isinstance(x, self.k.KerasTensor):
            if id(x) not in self.values_by_tensor:
                raise ModelError(
                    f"Layer `{self.builder.source}` reads a tensor that is computed outside the "
                    "layer's call. Compute the tensor inside the call."
                )
            return self.values_by_tensor[id(x)]
        if x is None or isinstance(x, bool | int | float | str | slice | type(Ellipsis)):
            return x
        if not hasattr(x, "shape"):
            return x
        return np.asarray(self.k.ops.convert_to_numpy(x))

    def check_finite(self, kind: str, args: Any) -> None:
        """Raise if a constant is NaN, or infinite where infinity does not mean "no limit"."""
        for x in self.k.tree.flatten(args):
            array = np.asarray(x) if isinstance(x, float | np.ndarray) else np.zeros(0)
            if array.dtype.kind != "f" or np.isfinite(array).all():
                continue
            if np.isnan(array).any() or kind not in MAY_BE_INFINITE:
                bad = array[~np.isfinite(array)].ravel()[0]
                raise ModelError(
                    f"The constants that layer `{self.builder.source}` uses in {kind} must be "
                    f"finite. Received: {bad} in an array of shape {array.shape}."
                )

    def output(self, tensor: Any) -> Operand:
        if not isinstance(tensor, self.k.KerasTensor):
            tensor = np.asarray(self.k.ops.convert_to_numpy(tensor), np.float64)
            value: Operand = tensor
        else:
            value = self.values_by_tensor[id(tensor)]
        rows = self.trace.inputs[0].shape[0]
        if not value.shape or value.shape[0] != rows:
            raise UnsupportedError(
                "The model must keep the batch axis: each row of a batch must give one row of the "
                f"output. Received: an output of shape {tuple(value.shape)} for a batch of {rows}."
            )
        return value

    # ---- layers ---------------------------------------------------------------------------

    def layers(self) -> tuple[LayerInfo, ...]:
        """Mark the values of layers, and return descriptions of their calls, in order.

        Models are not described, nor are calls whose outputs are unused or constant.
        """
        infos, counted = [], set()
        for visit in self.trace.visits:
            value = self.concatenate(visit.outputs, visit.path)
            if value is None:
                continue
            self.builder.mark_layer(visit.path, value)
            uncounted = [v for v in getattr(visit.layer, "weights", ()) if id(v) not in counted]
            if isinstance(visit.layer, self.k.Model):
                continue
            counted.update(id(v) for v in uncounted)
            parameters = sum(int(np.prod(v.shape, dtype=np.int64)) for v in uncounted)
            kind = type(visit.layer).__name__
            before = self.before(visit, value)
            info = LayerInfo(
                visit.path, kind, tuple(value.shape[1:]), parameters, before, value.index
            )
            infos.append(info)
        return tuple(infos)

    def concatenate(self, outputs: Any, path: str) -> Value | None:
        """Return a layer's outputs as one value, or None if some are unused or all are constant."""
        parts = [self.values_by_tensor.get(id(t)) for t in self.k.tree.flatten(outputs)]
        if not parts or any(part is None for part in parts):
            return None
        if len(parts) == 1:
            return parts[0] if isinstance(parts[0], Value) else None
        self.builder.source = path
        flat = [self.builder.reshape(part, (1, -1)) for part in parts if part is not None]
        result = self.builder.concat(flat, axis=1)
        return result if isinstance(result, Value) else None

    def before(self, visit: Any, after: Value) -> int | None:
        """Return the index of the value that enters the layer's activation, or None."""
        tensor = visit.before
        if tensor is None and _is_activation(self.k, visit.layer):
            tensor = self.k.tree.flatten(visit.inputs)[0]
        if tensor is not None:
            value = self.values_by_tensor.get(id(tensor))
            return value.index if isinstance(value, Value) else None
        if after.index == 0:
            return None
        node = self.builder.nodes[after.index - 1]
        is_last = node.source == visit.path and isinstance(node.op, Curve)
        return node.inputs[0] if is_last else None


def _dtype(k: Any, x: Any) -> str:
    if hasattr(x, "shape"):
        return k.backend.standardize_dtype(x.dtype)
    return type(x).__name__


def _is_activation(k: Any, layer: Any) -> bool:
    names = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")
    return isinstance(layer, tuple(getattr(k.layers, name) for name in names))
