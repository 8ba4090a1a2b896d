"""By which keys a model takes dicts of inputs and of targets."""

from typing import Any


def input_keys(model: Any) -> list[str]:
    """The keys of a dict of inputs, in the order in which Keras flattens them; empty if unknown."""
    struct = getattr(model, "_inputs_struct", None)
    if isinstance(struct, dict):
        return sorted(struct)
    return [tensor.name for tensor in getattr(model, "inputs", None) or []]


def target_keys(model: Any) -> list[str]:
    """The keys of a dict of targets, in the order of the outputs; empty if unknown."""
    struct = getattr(model, "_outputs_struct", None)
    if isinstance(struct, dict):
        return sorted(struct)
    return list(getattr(model, "output_names", None) or [])
