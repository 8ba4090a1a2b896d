"""Record of a quantized file while it is read: scales of tensors, and slack of quantizers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ....core import UnsupportedError
from ....graph import Builder, Value
from ....graph.builder import Operand
from ..element_types import FLOATS, Tensor
from ..records import OnnxNode
from .kernels import QuantizedKernel, pair_loss
from .rewrites import Grid, find_moved, merged_distance, merged_scale
from .roundings import UNIT, ValueRoundings


BYTES = frozenset({"int8", "uint8"})
"""Element types of 8 bits."""


PRODUCTS = ("MatMul", "MatMul+Add", "Gemm", "Conv", "ConvTranspose")
"""Operators that a runtime may compute with integers if their operands are dequantized."""

_NEGLIGIBLE = 2.0**-120
"""Maximum error of a float output that gets no slack; only underflow causes so small an error."""


@dataclass(eq=False)
class Quantization:
    """Quantized tensors of the file being read.

    Args:
        builder: The builder of the graph.
        kernel: The kernels that the graph must enclose.
        results: Names of tensors that a runtime may quantize (`rewrites.find_quantized`).
        quantizers: Number of quantizers of values that depend on the input.
    """

    builder: Builder
    kernel: QuantizedKernel
    results: frozenset[str] = frozenset()
    quantizers: int = 0
    roundings: ValueRoundings = field(init=False)
    _weights: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    _scales: dict[str, float] = field(default_factory=dict)
    _signed: set[str] = field(default_factory=set)
    _dequantized: set[str] = field(default_factory=set)
    _steps: dict[str, tuple[np.ndarray, str]] = field(default_factory=dict)
    _grids: dict[int, Grid] = field(default_factory=dict)
    _merged: dict[int, float] = field(default_factory=dict)
    _clipped: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.roundings = ValueRoundings(self.builder)

    def round(self, x: Value, least: float, most: float, where: str, error: float = 0.0) -> Value:
        """Round to the nearest integer, with the slack that the kernels need.

        Args:
            x: Values in units of the step.
            least: Lower limit of the later clip, after the zero point is subtracted.
            most: Upper limit of the later clip, after the zero point is subtracted.
            where: The node, for messages.
            error: Additional error of the values, in steps.
        """
        slack = self.roundings.largest(x.index, least, most) + error
        if not np.isfinite(slack):
            raise UnsupportedError(
                "A quantizer must read a value whose float32 rounding error has a bound for every "
                "input: a quantized or clipped value, or a scaled input. Quantize the inputs of "
                f"the model first. Received: {where}, which reads a value without such a bound."
            )
        slack += self.kernel.requantization * (self.quantizers > 0)
        self.quantizers += 1
        result = self.builder.curve("round", x, slack=float(slack))
        assert isinstance(result, Value)
        return result

    def output(self, x: Operand, name: str, kind: str) -> Operand:
        """Return an output of the model, with slack for its float32 errors and pair losses.

        A model without quantizers and pair losses needs no slack. In a graph, only a rounding can
        have slack. So integer outputs are rounded to integers, and floats to a grid that is much
        finer than the errors.

        Args:
            x: The output, as a value of the graph or a constant.
            name: Its name, for messages.
            kind: Element type of the output in the file.
        """
        if not (self.quantizers or self.roundings.losses) or not isinstance(x, Value):
            return x
        error = self.roundings.largest(x.index, -np.inf, np.inf)
        if not np.isfinite(error):
            raise UnsupportedError(
                "An output of a quantized model must have a float32 rounding error with a bound "
                "for every input; compute it from quantized values only, or read the model up to "
                f"the value before it. Received: output `{name}` without such a bound."
            )
        if error <= (_NEGLIGIBLE if kind in FLOATS else 0.25):
            return x
        return self._widen(x, error, kind in FLOATS)

    def _widen(self, x: Value, error: float, is_float: bool) -> Operand:
        """Return a value that encloses all numbers within `error` of `x`."""
        grid = 2.0 ** np.floor(np.log2(error / 8.0)) if is_float else 1.0
        # A float may lie between two points of the grid: the hull of its neighbors contains it.
        slack = float(error / grid + 0.5 * is_float) * (1.0 + 1e-9)
        fine = self.builder.curve("round", self.builder.affine_map(x, 1.0 / grid), slack=slack)
        return self.builder.affine_map(fine, grid)

    def is_clipped(self, x: Operand) -> bool:
        """Return whether `x` is the result of a `Clip`, possibly with its entries moved."""
        return isinstance(x, Value) and x.index in self._clipped

    def merge(self, steps: Operand, x: Operand, where: str, grid: Grid) -> Operand:
        """Enclose the results of a runtime that merges a quantizer with the one before it.

        Args:
            steps: The integers that the quantizer returns.
            x: The operand of the quantizer.
            where: The node, for messages.
            grid: The numbers that these integers represent.
        """
        before = self._grids.get(x.index) if isinstance(x, Value) else None
        one_scale = grid.scale.size == 1 and before is not None and before.scale.size == 1
        if before is None or not isinstance(steps, Value) or not one_scale:
            return steps
        if before.kind != grid.kind or grid.kind not in BYTES:
            return steps
        if before.is_same(grid) and not before.is_merged:
            return steps
        distance = np.inf if before.is_merged else merged_distance(before, grid)
        if not np.isfinite(distance):
            raise UnsupportedError(
                "At most two successive quantizers may have different parameters, and their ranges "
                "must overlap, because runtimes merge them into one quantizer with another scale. "
                f"Use one scale and one zero point for them. Received: {where}."
            )
        result = self._widen(steps, distance / float(grid.scale), True)
        assert isinstance(result, Value)
        self._merged[result.index] = merged_scale(before, grid)
        return result

    def enter_grid(self, steps: Value, value: Operand, grid: Grid) -> None:
        """Record the grid of `value`, which is dequantized from the integers `steps`."""
        if isinstance(value, Value):
            merged = self._merged.get(steps.index, np.inf)
            self._grids[value.index] = replace(grid, merged=merged)

    def enter_weights(
        self, name: str, integers: np.ndarray, scale: np.ndarray, kind: str | None
    ) -> None:
        """Record dequantized constants: the integers, their scales and their element type."""
        self._steps[name] = np.ravel(scale), str(kind)
        if kind == "int32":
            return
        self._dequantized.add(name)
        if kind == "int8":
            self._weights[name] = integers.astype(np.float64), scale

    def enter_scale(self, name: str, scale: np.ndarray, kind: str | None) -> None:
        """Record the largest scale of a dequantized 8-bit value, and whether its type is int8."""
        self._dequantized.add(name)
        self._scales[name] = float(scale.max())
        if kind == "int8":
            self._signed.add(name)

    def lose(self, value: Operand, loss: np.ndarray) -> None:
        """Record a bound on the effect of pair saturation on sums of products.

        Args:
            value: The sums, in units of the products; constants are ignored.
            loss: Bounds on the change, broadcast against the shape of `value`.
        """
        if self.kernel.saturates_pairs:
            self._add_error(value, loss)

    def _add_error(self, value: Operand, error: np.ndarray) -> None:
        """Record an error of a value beyond its float32 roundings, broadcast against its shape."""
        if isinstance(value, Value) and error.any():
            before = self.roundings.losses.get(value.index, 0.0)
            errors = np.broadcast_to(error, value.shape).ravel()
            self.roundings.losses[value.index] = before + errors

    def check_sums(self, value: Operand, unit: np.ndarray, where: str) -> None:
        """Reject sums of integers that may leave the range of int32.

        Args:
            value: The sums, as a value of the graph.
            unit: The contribution of the integer 1 to `value`, broadcast against its shape.
            where: The node, for messages.
        """
        if not isinstance(value, Value):
            return
        size = self.roundings.of(value.index)[0].reshape(value.shape)
        largest = float((size / unit).max(initial=0.0))
        if np.isfinite(largest):
            _check_int32(largest, where)

    def check_factor(self, where: str) -> None:
        """Reject a second factor of type int8 that is not constant, if the kernel saturates pairs.

        Args:
            where: The node, for messages.
        """
        if self.kernel.saturates_pairs:
            raise UnsupportedError(
                "The second factor of a matrix product must be constant or of type uint8, because "
                "sums of pairs with an int8 factor may saturate. Quantize it to uint8, or select "
                'a kernel without saturation with `kernel="float32"`. '
                f"Received: {where}, both of whose factors depend on the network's input."
            )

    def follow(
        self, node: OnnxNode, tensors: Sequence[Tensor | None], results: Sequence[Tensor]
    ) -> None:
        """Record the scale and the grid that a node passes on, or check its dequantized product.

        The errors of such a product are recorded. The product is rejected if a runtime may rewrite
        it in a way that the graph cannot enclose.
        """
        if node.domain or not node.inputs or not results:
            return
        moved, result = find_moved(node, tensors, results[0]), results[0].operand
        if node.op == "Clip" and isinstance(result, Value):
            self._clipped.add(result.index)
        if moved is not None or node.op == "Clip":
            self._pass_on(tensors[moved or 0], result)
        if moved is not None:
            self._move(node, node.inputs[moved], result)
        elif node.op in PRODUCTS and len(node.inputs) > 1:
            self._check_product(node, results)
            self._check_bias(node, tensors, result)
            stored = self._weights.get(node.inputs[1])
            scale = self._scales.get(node.inputs[0])
            if stored is not None and scale is not None:
                loss = product_loss(node, *stored)
                self.lose(result, loss * scale)
            self._check_rewrites(node, tensors, result)

    def _pass_on(self, source: Tensor | None, result: Operand) -> None:
        """Copy the records about `source` to `result`: entries of `source`, perhaps clipped."""
        if source is None or not (isinstance(source.operand, Value) and isinstance(result, Value)):
            return
        index = source.operand.index
        if index in self._grids:
            self._grids[result.index] = self._grids[index]
        if index in self._clipped:
            self._clipped.add(result.index)
        if index in self._merged:
            self._merged[result.index] = self._merged[index]

    def _check_rewrites(
        self, node: OnnxNode, tensors: Sequence[Tensor | None], result: Operand
    ) -> None:
        """Account for a runtime that replaces the weights and the bias of a product by integers.

        Float weights are refused if the product is quantized. The error of a rounded bias is
        recorded, and sums of 8-bit products are checked against the range of int32.
        """
        grid, steps = self._grid_of(tensors[0]), self._steps.get(node.inputs[1])
        if grid is None or not isinstance(result, Value):
            return
        where = f"node `{node.name}` ({node.op})"
        is_quantized = node.outputs[0] in self.results
        if steps is None:
            weight = tensors[1]
            if is_quantized and weight is not None and not isinstance(weight.operand, Value):
                raise UnsupportedError(
                    "A product of dequantized activations whose result is quantized must have "
                    "dequantized weights, because runtimes round the float weights of such a "
                    f"product to 8 bits. Quantize the weights, too. Received: {where}."
                )
            return
        unit = _along_channels(node, steps[0] * grid.scale.max(), result.shape, np.max)
        finest = steps[0] * min(float(grid.scale.min()), grid.merged)
        bias = tensors[2] if len(tensors) > 2 else None
        if is_quantized and bias is not None and node.inputs[2] not in self._steps:
            if not isinstance(bias.operand, Value):
                size = np.abs(np.ravel(bias.operand))
                least = finest if finest.size == size.size else finest.min()
                _check_int32(float((size / least).max(initial=0.0)), where)
            factor = abs(float(node.attributes.get("beta", 1.0)))
            self._add_error(result, 0.5001 * factor * unit)
        if grid.kind in BYTES and steps[1] in BYTES:
            alpha = abs(float(node.attributes.get("alpha", 1.0)))
            least = _along_channels(node, finest, result.shape, np.min)
            self.check_sums(result, least * (alpha or 1.0), where)

    def _grid_of(self, tensor: Tensor | None) -> Grid | None:
        if tensor is None or not isinstance(tensor.operand, Value):
            return None
        return self._grids.get(tensor.operand.index)

    def _move(self, node: OnnxNode, source: str, result: Operand) -> None:
        """Record that a node only moves the entries of the dequantized tensor `source`."""
        target = node.outputs[0]
        if isinstance(result, Value):
            if source in self._scales:
                self._scales[target] = self._scales[source]
            if source in self._signed:
                self._signed.add(target)
            return
        if source in self._steps:
            self._steps[target] = self._steps[source]
        if source in self._dequantized:
            self._dequantized.add(target)
        if source in self._weights:
            integers, scale = self._weights[source]
            scale, shape = np.broadcast_to(scale, integers.shape), np.shape(result)
            if node.op == "Transpose":
                order = node.attributes.get("perm")
                self._weights[target] = integers.transpose(order), scale.transpose(order)
            elif np.size(result) == integers.size:
                self._weights[target] = integers.reshape(shape), scale.reshape(shape)
            else:  # Other int8 weights lose no more.
                self._weights[target] = np.full(shape, -128.0), scale.max()

    def _check_product(self, node: OnnxNode, results: Sequence[Tensor]) -> None:
        """Reject a matrix product of dequantized weights and activations that are not dequantized.

        For such a product, onnxruntime rounds the activations to 8 bits, with one scale per row.
        """
        activation, weight = node.inputs[:2]
        if weight in self._signed:
            self.check_factor(f"node `{node.name}` ({node.op})")
        varies = isinstance(results[0].operand, Value)
        is_product = node.op != "Conv" and varies and weight in self._dequantized
        if is_product and activation not in self._dequantized:
            raise UnsupportedError(
                "A matrix product with dequantized weights must read 8-bit activations from a "
                "`DequantizeLinear`, because runtimes also round other activations to 8 bits. "
                "Quantize the activations, or store the weights as float32. "
                f"Received: node `{node.name}` ({node.op}), which reads `{activation}`."
            )

    def _check_bias(
        self, node: OnnxNode, tensors: Sequence[Tensor | None], result: Operand
    ) -> None:
        """Account for a kernel that adds the integers of a dequantized bias to its sums.

        Such a kernel ignores the scale of the bias. The bias is refused if its scale is not close
        to the product of the other two scales; otherwise, the error is recorded.
        """
        stored = [self._steps.get(name) for name in node.inputs[1:3]]
        scale = self._scales.get(node.inputs[0])
        if len(stored) < 2 or stored[0] is None or stored[1] is None or scale is None:
            return
        weight, bias = stored[0][0], stored[1][0]
        fits = weight.size in (1, bias.size) or bias.size == 1
        if not fits or not np.allclose(bias, weight * scale, rtol=1e-5, atol=0.0):
            raise UnsupportedError(
                "The scale of a dequantized bias must be the product of the scales of activations "
                "and weights, because a runtime may add the stored integers to its sums. "
                f"Received: node `{node.name}` ({node.op}) with another scale."
            )
        grid = self._grid_of(tensors[0])
        if grid is not None and grid.is_merged:
            raise UnsupportedError(
                "A product with a dequantized bias must not read two successive quantizers with "
                "different parameters, because runtimes merge them into one quantizer with another "
                "scale, but keep the integers of the bias. Use one scale and one zero point for "
                f"both quantizers. Received: node `{node.name}` ({node.op})."
            )
        deviation = float(np.abs(weight * scale / bias - 1.0).max())
        value = tensors[2]
        if deviation > UNIT and value is not None and not isinstance(value.operand, Value):
            factor = abs(float(node.attributes.get("beta", 1.0)))
            largest = np.abs(value.operand).max(initial=0.0)
            self._add_error(result, np.array(1.001 * deviation * factor * largest))


def product_loss(node: OnnxNode, integers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Bound the effect of pair saturation on a product, in units of the activation's scale.

    Args:
        node: A matrix product or a convolution with constant weights as the second operand. The
            pairs of a matrix product are adjacent rows of the weights.
        integers: Integers of the weights, in the shape of the second operand.
        scale: Scales of the weights, which broadcast against `integers`.

    Returns:
        An array that is broadcast against the result.
    """
    weight, factor = integers, np.broadcast_to(np.abs(scale), integers.shape)
    if "Conv" in node.op:
        count, rank = len(weight), weight.ndim - 2
        # Kernels order the terms with channels first, or with channels last.
        orders = weight, np.moveaxis(weight, 1, -1)
        losses = np.max([pair_loss(order.reshape(count, -1).T) for order in orders], axis=0)
        return (losses * factor.reshape(count, -1).max(1)).reshape(-1, *(1,) * rank)
    if node.attributes.get("transB", 0):
        weight, factor = weight.T, factor.T
    if weight.ndim == 1:
        weight, factor = weight[:, None], factor[:, None]
    flat = weight.reshape(-1, *weight.shape[-2:])
    losses = np.array([pair_loss(part) for part in flat]).max(axis=0)
    alpha = abs(float(node.attributes.get("alpha", 1.0)))
    return losses * factor.reshape(-1, weight.shape[-1]).max(axis=0) * alpha


def _along_channels(
    node: OnnxNode,
    unit: np.ndarray,
    shape: Sequence[int],
    reduce: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Broadcast numbers per channel of the weights against the result of a product.

    Numbers that do not fit its channels are reduced to one number by `reduce`.
    """
    axis = 1 if node.op.startswith("Conv") else len(shape) - 1
    if unit.size == 1 or unit.size != shape[axis] or node.op == "ConvTranspose":
        return np.reshape(reduce(unit), 1)
    return unit.reshape(-1, *(1,) * (len(shape) - 1 - axis))


def _check_int32(largest: float, where: str) -> None:
    if largest * (1.0 + 2.0**-20) >= 2.0**31 - 1:  # Runtimes compute biases in float32.
        raise UnsupportedError(
            "Sums of integer products, and biases in the same units, must fit into int32, because "
            "kernels wrap around sums beyond its range. Use larger scales, or sum fewer terms. "
            f"Received: {where}, with integers up to {largest:.3g}."
        )
