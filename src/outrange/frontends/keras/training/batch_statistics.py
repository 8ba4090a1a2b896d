"""Which batch normalizations take the statistics of the batch in training, and over how much."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

from .training import own_training


def batch_statistics(k: Any, model: Any, struct: Any) -> dict[str, int]:
    """Entries of one row over which each `BatchNormalization` takes mean and variance in training.

    The model's own code is run in training on shapes alone, so layers that are frozen, or called
    with `training=False`, are left out; so are those with a mask, with renormalization, and those
    that share a name.

    Args:
        model: A built model; nothing in it is changed.
        struct: Its inputs as symbols, one row each.

    Returns:
        Names of layers to the largest number of entries in any of their calls.
    """
    if isinstance(model, k.Model) and own_training(k, model):
        return {}
    layers = [one for one in model._flatten_layers() if type(one) is k.layers.BatchNormalization]
    if not layers:
        return {}
    names = [one.name for one in layers]
    seen: dict[str, list[int | None]] = {}

    class Training(k.Operation):
        """The model in training, as an operation."""

        def call(self, x: Any) -> Any:
            return model(x, training=True)

    with contextlib.ExitStack() as undo:
        for layer in layers:
            undo.enter_context(_call_seen(layer, seen.setdefault(layer.name, []).append))
        try:
            with k.StatelessScope():
                k.Operation.compute_output_spec(Training(), struct)
        except Exception:
            return {}  # code that cannot be run on shapes alone: nothing is known
    return {
        name: max(n for n in calls if n is not None)
        for name, calls in seen.items()
        if calls and None not in calls and names.count(name) == 1
    }


@contextlib.contextmanager
def _call_seen(layer: Any, note: Callable[[int | None], None]) -> Iterator[None]:
    """Tells of every call over how many entries the layer takes the statistics of its input."""
    own, call = vars(layer), layer.call

    def seen(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        shape = tuple(inputs.shape)
        other = getattr(layer, "renorm", False) or getattr(layer, "synchronized", False)
        taken = training and layer.trainable and mask is None and not other
        known = taken and isinstance(layer.axis, int) and None not in shape
        note(math.prod(shape) // shape[layer.axis] if known else None)
        return call(inputs, training=training, mask=mask)

    # Past `Layer.__setattr__`, so that nothing in the layer notices.
    before = own.get("call")
    own["call"] = seen
    try:
        yield
    finally:
        if before is None:
            del own["call"]
        else:
            own["call"] = before
