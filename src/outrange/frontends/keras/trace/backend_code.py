"""Layers that call the backend's own functions, which the backend's own tracer records."""

from __future__ import annotations

from typing import Any

from ....core import ModelError, UnsupportedError
from ....graph import Operand
from ..api import keras


class NativeCall:
    """The `call` of a layer as one recorded operation.

    Args:
        layer: The layer whose `call` is recorded.
        args: Arguments of the call, with KerasTensors.
        kwargs: Keyword arguments of the call, with KerasTensors.
        refusal: The error to raise if the backend's tracer fails with an unexpected error.
    """

    def __init__(self, layer: Any, args: tuple, kwargs: dict, refusal: Exception) -> None:
        self.keras, self.layer, self.refusal = keras(), layer, refusal
        self.args, self.kwargs = args, kwargs
        self.symbols = self._tensors((args, kwargs))

    def _tensors(self, tree: Any) -> list[Any]:
        tensor = self.keras.KerasTensor
        return [t for t in self.keras.tree.flatten(tree) if isinstance(t, tensor)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.keras.StatelessScope():
            return self.layer.call(*args, **kwargs)

    def get_config(self) -> dict:
        """Return an empty dict; the configuration belongs to the layer."""
        return {}

    def outputs(self) -> Any:
        """Return KerasTensors for the call's results, from the layer's `compute_output_spec`."""
        stated = self.layer.compute_output_spec(*self.args, **self.kwargs)
        tensor = self.keras.KerasTensor
        rows = next((t.shape[0] for t in self.symbols if t.shape), 1)

        def for_one(t: Any) -> Any:
            """Replace an unknown batch size of a KerasTensor by the batch size of the arguments."""
            shape = getattr(t, "shape", ())
            return tensor((rows, *shape[1:]), t.dtype) if shape and shape[0] is None else t

        return self.keras.tree.map_structure(for_one, stated)

    def function(self, *tensors: Any) -> list[Any]:
        """Run the call with tensors in place of its symbols; return a flat list of results."""
        remaining = iter(tensors)
        tree, tensor = self.keras.tree, self.keras.KerasTensor
        args, kwargs = tree.map_structure(
            lambda t: next(remaining) if isinstance(t, tensor) else t, (self.args, self.kwargs)
        )
        return tree.flatten(self(*args, **kwargs))

    def read(self, b: Any, operands: list[Operand]) -> list[Operand]:
        """Add the operations of the call to the builder `b`; return the operands of its results.

        Raises:
            UnsupportedError: An operation of the backend, or the backend itself, is not supported.
            ModelError: The backend cannot trace the call.
        """
        backend = self.keras.backend.backend()
        dtypes = [str(t.dtype) for t in self.symbols]
        if backend == "tensorflow":
            from ...tensorflow import read
        elif backend == "torch":
            from ...torch import read
        elif backend == "jax":
            from ...jax import read
        else:
            raise UnsupportedError(f"code for the backend {backend} is not supported")
        try:
            return read(b, self.function, operands, dtypes)
        except UnsupportedError as error:
            raise UnsupportedError(f"its {backend} code: {error}") from error
        except ModelError:
            raise
        except Exception as error:
            raise self.refusal from error
