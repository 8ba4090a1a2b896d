"""Rules for Keras layers without windows: dense layers, curves, shapes and sums."""

import math

from flint import fmpq

from ...network import Refused
from ..tensors import Tensor, joined, single, size
from .layer import Layer, Rule


def only(given: list[Tensor]) -> Tensor:
    """Return the only input of a layer; refuse several."""
    if len(given) != 1:
        raise Refused(f"the layer takes one tensor, but gets {len(given)}")
    return given[0]


def activated(layer: Layer, x: Tensor, key: str = "activation") -> Tensor:
    """Apply the activation that an argument of the layer names to `x`."""
    name = layer.get(key, "linear")
    maker = layer.maker
    match name:
        case None | "linear":
            return x
        case "relu":
            return maker.kink(x, 0)
        case "leaky_relu":
            return maker.kink(x, single(0.2))
        case "relu6":
            return maker.clip(x, 0, 6)
        case "hard_tanh":
            return maker.clip(x, -1, 1)
        case "hard_sigmoid":
            return _scaled(layer, maker.clip(maker.shifted(x, 3), 0, 6), fmpq(1, 6))
        case "sigmoid" | "tanh" | "softplus" | "elu" | "gelu" | "silu":
            return maker.curve(name, x)
        case "exponential":
            return maker.curve("exp", x)
        case {"module": "keras.layers", "class_name": str(kind), "config": dict(config)}:
            if kind in _CURVES and name.get("registered_name") in (None, kind):
                inner = Layer(kind, layer.name, config, "", layer.weights, maker)
                return inner.call(_CURVES[kind], [x])
    raise Refused(f"the activation {str(name)[:60]} is not supported")


def _scaled(layer: Layer, x: Tensor, factor: fmpq) -> Tensor:
    return layer.maker.times(x, Tensor((), [factor], "real"))


def _dense(layer: Layer, given: list[Tensor]) -> Tensor:
    x, units = only(given), layer.whole("units")
    if not x.shape:
        raise Refused("the input is a scalar, which has no last axis")
    inner = x.shape[-1]
    shape = (*x.shape[:-1], units)
    size(shape)
    shapes = [(inner, units), (units,)] if layer.flag("use_bias", True) else [(inner, units)]
    kernel, *bias = layer.stored(*shapes)
    forms = x.forms()
    rows = [forms[i : i + inner] for i in range(0, len(forms), inner)] if inner else []
    columns = [kernel.numbers()[j::units] for j in range(units)]
    found = Tensor(shape, layer.maker.matrix(rows, columns))
    return activated(layer, layer.maker.plus(found, bias[0]) if bias else found)


def _relu(layer: Layer, given: list[Tensor]) -> Tensor:
    """Return the layer's `relu`, in general `s x + (1 - s) relu(x) - relu(x - most)`.

    Here `s` is the slope below 0, and `most` is the largest value.
    """
    x, slope = only(given), layer.real("negative_slope")
    if layer.get("threshold", 0.0) != 0:
        raise Refused("a `threshold` other than 0, where the function jumps, is not supported")
    if layer.get("max_value") is None:
        return layer.maker.kink(x, slope)
    most = layer.real("max_value")
    if most < 0:
        raise Refused("a `max_value` below 0 is not supported")
    if not slope:
        return layer.maker.clip(x, 0, most)
    bent = _scaled(layer, layer.maker.kink(x, 0), 1 - slope)
    bent = layer.maker.plus(_scaled(layer, x, slope), bent)
    return layer.maker.plus(bent, layer.maker.kink(layer.maker.shifted(x, -most), 0), -1)


def _leaky(layer: Layer, given: list[Tensor]) -> Tensor:
    return layer.maker.kink(only(given), layer.real("negative_slope", 0.3))


def _elu(layer: Layer, given: list[Tensor]) -> Tensor:
    if layer.real("alpha", 1.0) != 1:
        raise Refused("`alpha` other than 1 is not supported")
    return layer.maker.curve("elu", only(given))


def _same(*arguments: str) -> Rule:
    """Return the rule of a layer that is the identity in inference.

    Args:
        arguments: Names of arguments that only affect training.
    """

    def of(layer: Layer, given: list[Tensor]) -> Tensor:
        layer.asked.update(arguments)
        return only(given)

    return of


def _flatten(layer: Layer, given: list[Tensor]) -> Tensor:
    x = only(given)
    first = layer.word("data_format", ("channels_last", "channels_first")) == "channels_first"
    if first and x.shape:
        x = x.transposed([*range(1, len(x.shape)), 0])
    return x.reshaped((len(x.items),))


def _reshape(layer: Layer, given: list[Tensor]) -> Tensor:
    x, wanted = only(given), layer.get("target_shape")
    if not isinstance(wanted, list) or any(type(n) is not int or n < -1 for n in wanted):
        raise Refused("`target_shape` is not a shape")
    if wanted.count(-1) > 1:
        raise Refused("`target_shape` leaves two axes open")
    rest = math.prod(n for n in wanted if n != -1)
    if rest == 0 or len(x.items) % rest:
        raise Refused(f"shape {x.shape} cannot be reshaped to {wanted}")
    return x.reshaped(tuple(len(x.items) // rest if n == -1 else n for n in wanted))


def _permute(layer: Layer, given: list[Tensor]) -> Tensor:
    x = only(given)
    return x.transposed([i - 1 for i in layer.wholes("dims", len(x.shape))])


def _alike(given: list[Tensor]) -> list[Tensor]:
    if not given or len({len(x.shape) for x in given}) > 1:
        raise Refused("the tensors have different numbers of axes")
    return given


def _added(layer: Layer, given: list[Tensor]) -> Tensor:
    found, *others = _alike(given)
    for other in others:
        found = layer.maker.plus(found, other)
    return found


def _subtracted(layer: Layer, given: list[Tensor]) -> Tensor:
    if len(_alike(given)) != 2:
        raise Refused(f"the layer takes two tensors, but gets {len(given)}")
    return layer.maker.plus(given[0], given[1], -1)


def _averaged(layer: Layer, given: list[Tensor]) -> Tensor:
    return _scaled(layer, _added(layer, given), fmpq(1, len(given)))


def _maximum(layer: Layer, given: list[Tensor]) -> Tensor:
    found, *others = _alike(given)
    for other in others:
        found = layer.maker.largest(found, other)
    return found


def _concatenated(layer: Layer, given: list[Tensor]) -> Tensor:
    rank = len(_alike(given)[0].shape)
    axis = layer.whole("axis", -1)
    axis = axis - 1 if axis > 0 else axis + rank
    if axis not in range(rank):
        raise Refused("`axis` is the batch axis, or does not exist")
    return joined(given, axis)


def _rescaled(layer: Layer, given: list[Tensor]) -> Tensor:
    found = _scaled(layer, only(given), layer.real("scale"))
    return layer.maker.shifted(found, layer.real("offset"))


_CURVES: dict[str, Rule] = {"ReLU": _relu, "LeakyReLU": _leaky, "ELU": _elu}

RULES: dict[str, Rule] = {
    **_CURVES,
    "Dense": _dense,
    "Activation": lambda layer, given: activated(layer, only(given)),
    "Identity": _same(),
    "Dropout": _same("rate", "noise_shape"),
    "SpatialDropout1D": _same("rate"),
    "SpatialDropout2D": _same("rate", "data_format"),
    "AlphaDropout": _same("rate", "noise_shape"),
    "GaussianDropout": _same("rate"),
    "GaussianNoise": _same("stddev"),
    "ActivityRegularization": _same("l1", "l2"),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "Add": _added,
    "Subtract": _subtracted,
    "Average": _averaged,
    "Maximum": _maximum,
    "Concatenate": _concatenated,
    "Rescaling": _rescaled,
}
