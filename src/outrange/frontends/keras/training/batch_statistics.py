"""Detection of batch normalizations that use batch statistics, and of their sample size."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

from .training import overridden_training_method


def batch_statistics(k: Any, model: Any, struct: Any) -> dict[str, int]:
    """Count the entries per row over which each `BatchNormalization` averages in training.

    The model's own code is run in training mode on shapes alone. A layer is absent from the result
    if it is frozen, uses renormalization or synchronization, or shares its name with another
    `BatchNormalization`. It is also absent if any call has a mask, `training=False` or an
    input of unknown size.

    Args:
        model: A built model; it is not changed.
        struct: Symbols of its inputs, one row each.

    Returns:
        Map from the name of a layer to its number of entries per row and channel. If the calls of a
        layer differ, this is the largest number. The map is empty if the model's code cannot be run
        on shapes alone, or if the model overrides one of Keras's training methods.
    """
    if isinstance(model, k.Model) and overridden_training_method(k, model):
        return {}
    layers = [
        layer for layer in model._flatten_layers() if type(layer) is k.layers.BatchNormalization
    ]
    if not layers:
        return {}
    names = [layer.name for layer in layers]
    counts: dict[str, list[int | None]] = {}

    class Training(k.Operation):
        """The model in training mode, as an operation."""

        def call(self, x: Any) -> Any:
            return model(x, training=True)

    with contextlib.ExitStack() as undo:
        for layer in layers:
            undo.enter_context(_report_calls(layer, counts.setdefault(layer.name, []).append))
        try:
            with k.StatelessScope():
                k.Operation.compute_output_spec(Training(), struct)
        except Exception:
            return {}  # code that cannot be run on shapes alone, so nothing is known
    return {
        name: max(n for n in calls if n is not None)
        for name, calls in counts.items()
        if calls and None not in calls and names.count(name) == 1
    }


@contextlib.contextmanager
def _report_calls(layer: Any, callback: Callable[[int | None], None]) -> Iterator[None]:
    """Report the number of entries in the batch statistics of each call in this context.

    The number is passed to `callback`. It is None if the call does not use batch statistics, or if
    their size is unknown.
    """
    attributes, call = vars(layer), layer.call

    def report(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        shape = tuple(inputs.shape)
        other = getattr(layer, "renorm", False) or getattr(layer, "synchronized", False)
        uses_batch = training and layer.trainable and mask is None and not other
        is_known = uses_batch and isinstance(layer.axis, int) and None not in shape
        callback(math.prod(shape) // shape[layer.axis] if is_known else None)
        return call(inputs, training=training, mask=mask)

    # Bypass `Layer.__setattr__`, so that the layer does not track the change.
    before = attributes.get("call")
    attributes["call"] = report
    try:
        yield
    finally:
        if before is None:
            del attributes["call"]
        else:
            attributes["call"] = before
