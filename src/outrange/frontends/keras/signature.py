"""Signature of a model's inputs (structure, names and shapes), and names of its outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError, ModelError, UnsupportedError
from ...graph import Slot
from ...graph.integer_inference import INTEGER_LIMITS, input_slot
from .api import keras


@dataclass(frozen=True, eq=False)
class Signature:
    """The inputs of a model, in the order in which Keras flattens them.

    Args:
        struct: Symbols of the inputs, with a batch axis of 1, in the model's structure.
        slots: Name and shape of each input.
        dtypes: Dtype of each input.
        batch: The batch size that the model declares, if it is larger than 1; otherwise None.
    """

    struct: Any
    slots: list[Slot]
    dtypes: list[str]
    batch: int | None

    def pack(self, arrays: Sequence[Any]) -> Any:
        """Pack arrays, one per input, into the model's structure."""
        return keras().tree.pack_sequence_as(self.struct, list(arrays))


def signature(model: Any, like: Any = None) -> Signature:
    """Return the signature of a built model or layer.

    Args:
        model: The model or layer.
        like: Arrays in the structure of the model's inputs, with the batch axis first. They
            determine the sizes or the structure that the model leaves open.

    Raises:
        InputError: `like` does not have one array per input of the model.
        ModelError: The model is not built, or a size is left open.
        UnsupportedError: The dtype of an input is not float32, float64, bool or an integer type.
    """
    k = keras()
    struct = _declared_or_like(k, model, like)
    flat = k.tree.flatten(struct)
    names = _names(k, struct, flat)
    shapes = [tuple(tensor.shape) for tensor in flat]
    if like is not None:
        shapes = _fill_open_sizes(names, shapes, k.tree.flatten(like))
    slots, batches = [], set()
    for name, tensor, shape in zip(names, flat, shapes, strict=True):
        if not shape or any(n is None for n in shape[1:]):
            raise ModelError(
                f"Every size of an input except the batch size must be fixed, but input `{name}` "
                "has an open size (None). Rebuild the model with a `keras.Input` of fixed shape. "
                f"Received: shape {shape}."
            )
        if tensor.dtype not in INTEGER_LIMITS and tensor.dtype not in ("float32", "float64"):
            raise UnsupportedError(
                "Inputs must be real numbers of dtype float32 or float64, or integers. "
                f"Received: input `{name}` of dtype {tensor.dtype}."
            )
        batches.add(shape[0])
        slots.append(input_slot(name, shape[1:], tensor.dtype))
    symbols = [
        k.KerasTensor((1, *shape[1:]), dtype=t.dtype, name=t.name)
        for t, shape in zip(flat, shapes, strict=True)
    ]
    fixed = {n for n in batches if n is not None and n > 1}
    return Signature(
        k.tree.pack_sequence_as(struct, symbols),
        slots,
        [t.dtype for t in flat],
        fixed.pop() if fixed else None,
    )


def batch_struct(inputs: Signature, rows: int) -> Any:
    """Return the symbols of the inputs for a batch of `rows`, in the model's structure."""
    k = keras()
    return k.tree.map_structure(
        lambda t: k.KerasTensor((rows, *t.shape[1:]), dtype=t.dtype, name=t.name), inputs.struct
    )


def _declared_or_like(k: Any, model: Any, like: Any) -> Any:
    try:
        return declared_struct(k, model)
    except ModelError:
        # A user's model may not state any shape; the data have one.
        if like is None or not model.built:
            raise
    return k.tree.map_structure(
        lambda a: k.KerasTensor((None, *a.shape[1:]), dtype=_dtype_of(a), name="input"), like
    )


def _dtype_of(array: Any) -> str:
    """Return the dtype in which `fit` passes data to a model under Keras's default `floatx`."""
    name = str(array.dtype)
    return "float32" if name.startswith("float") else name


def _fill_open_sizes(names: list[str], shapes: list[tuple], arrays: list[Any]) -> list[tuple]:
    """Return the shapes, with unknown sizes taken from arrays of the same rank.

    An unknown batch size stays unknown.
    """
    if len(arrays) != len(shapes):
        raise InputError(
            f"The data must have one array for each input of the model, {names}. "
            f"Received: {len(arrays)} array{'' if len(arrays) == 1 else 's'}."
        )
    filled = []
    for shape, array in zip(shapes, arrays, strict=True):
        data_shape = adjust_shape(np.shape(array), shape)
        sizes = data_shape[1:] if len(data_shape) == len(shape) else shape[1:]
        filled.append(
            (*shape[:1], *(m if n is None else n for n, m in zip(shape[1:], sizes, strict=True)))
        )
    return filled


def adjust_shape(shape: Sequence[int], declared: Sequence[int | None]) -> tuple[int, ...]:
    """Return the shape to which `fit` converts data.

    `fit` adds a last axis of length 1 if the input's last axis has length 1 and the data have one
    axis fewer than the input. It drops a last axis of length 1 if the data have one axis more.

    Args:
        shape: Shape of the data, batch axis first.
        declared: Shape of the input, batch axis first.
    """
    if len(shape) == len(declared) - 1 and declared[-1] == 1:
        return (*shape, 1)
    if len(shape) == len(declared) + 1 and shape[-1] == 1:
        return tuple(shape[:-1])
    return tuple(shape)


def declared_struct(k: Any, model: Any) -> Any:
    """Return KerasTensors in the structure with which the model was declared or built.

    Raises:
        ModelError: The model does not know the shapes of its inputs.
    """
    if isinstance(model, k.Sequential):
        if not model.built or not getattr(model, "inputs", None):
            raise ModelError(
                "The input shape of a Sequential model must be known: start the model with "
                "`keras.Input(...)`, or call the model once on an example. Received: "
                f"`{model.name}`, which is not built."
            )
        return model.inputs[0]
    if getattr(model, "inputs", None) and hasattr(model, "operations"):
        return model.input
    config = model.get_build_config() if model.built else None
    shapes = (config or {}).get("input_shape")
    if shapes is None:
        names = sorted((config or {}).get("shapes_dict", {}))
        what = f"called with several arguments ({', '.join(names)})" if names else "not built"
        raise ModelError(
            f"A {type(model).__name__} must have one argument (a tensor, or a list or dict of "
            "tensors), and its shape must be known: call the model once on an example first. "
            f"Received: `{model.name}`, {what}."
        )
    dtype = model.input_dtype
    if k.backend.is_float_dtype(dtype) and dtype != "float64":
        dtype = "float32"
    return _shapes_to_symbols(k, shapes, dtype)


def _shapes_to_symbols(k: Any, shapes: Any, dtype: str) -> Any:
    if isinstance(shapes, dict):
        return {key: _shapes_to_symbols(k, shape, dtype) for key, shape in shapes.items()}
    if all(n is None or isinstance(n, int) for n in shapes):
        return k.KerasTensor((None, *shapes[1:]), dtype=dtype, name="input")
    return type(shapes)(_shapes_to_symbols(k, shape, dtype) for shape in shapes)


def _names(k: Any, struct: Any, flat: list) -> list[str]:
    """Return input names: keys of a dict, or unique names of `keras.Input` layers or tensors."""
    if isinstance(struct, dict) and len(struct) == len(flat):
        by_tensor = {id(tensor): str(key) for key, tensor in struct.items()}
        return [by_tensor[id(tensor)] for tensor in flat]
    return make_unique([_name_of(tensor) for tensor in flat])


def _name_of(tensor: Any) -> str:
    """Return the name of a tensor's `keras.Input` if it has one, otherwise the tensor's name."""
    history = getattr(tensor, "_keras_history", None)
    return str(history[0].name if history else tensor.name)


def output_names(model: Any, outputs: Any) -> list[str]:
    """Return a name for each output: its dict key, its layer's name, or a generic name."""
    k = keras()
    flat = k.tree.flatten(outputs)
    if isinstance(outputs, dict) and len(outputs) == len(flat):
        by_tensor = {id(tensor): str(key) for key, tensor in outputs.items()}
        if len(by_tensor) == len(flat):
            return [by_tensor[id(tensor)] for tensor in flat]
    names = getattr(model, "output_names", None)
    if names and len(names) == len(flat):
        return make_unique([str(name) for name in names])
    if isinstance(model, k.Sequential) and len(flat) == 1 and model.layers:
        return [model.layers[-1].name]
    return ["output"] if len(flat) == 1 else [f"output_{i}" for i in range(len(flat))]


def make_unique(names: list[str]) -> list[str]:
    """Return the names, with a number appended to each repeated name."""
    unique: list[str] = []
    for name in names:
        fresh, count = name, 2
        while fresh in unique:
            fresh, count = f"{name}_{count}", count + 1
        unique.append(fresh)
    return unique
