"""Settings of a compiled optimizer, and copies of the optimizer."""

from collections.abc import Sequence
from typing import Any

from ..api import is_keras_class


def fresh_optimizer(
    model: Any, settings: dict[str, Any], variables: Sequence[Any] | None = None
) -> Any:
    """Build a new optimizer, of the same class as the model's optimizer, that has taken no steps.

    Args:
        model: Compiled model, whose optimizer states the class.
        settings: Settings from which the new optimizer is built.
        variables: All variables of the model to train, in the order of `model.variables`, or None
            for `model.variables` themselves.
    """
    optimizer = model.optimizer
    fresh = type(optimizer).from_config(settings)
    # The config does not include which weights are excluded from weight decay.
    names = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    keys = getattr(optimizer, "_exclude_from_weight_decay", None) or ()
    excluded = [
        variable
        for original, variable in zip(model.variables, variables or model.variables, strict=True)
        if keys and optimizer._var_key(original) in keys
    ]
    if excluded or names is not None:
        patterns = None if names is None else [names.pattern]
        fresh.exclude_from_weight_decay(var_list=excluded, var_names=patterns)
    return fresh


def settings_of(optimizer: Any) -> dict[str, Any]:
    """Return the config of an optimizer, but keep a learning rate that is user code as an object.

    Keras would serialize a function but refuse to deserialize it, and would fail on a schedule that
    has no `get_config`.
    """
    rate = getattr(optimizer, "_learning_rate", None)
    is_code = callable(rate) and not hasattr(rate, "shape")
    if not is_code or is_keras_class(type(rate)):
        return optimizer.get_config()
    optimizer._learning_rate = 0.0
    try:
        return {**optimizer.get_config(), "learning_rate": rate}
    finally:
        optimizer._learning_rate = rate


def without_clipping(settings: dict[str, Any]) -> dict[str, Any]:
    """Return an optimizer's settings with all gradient clipping disabled, that is, set to None."""
    limits = ("clipnorm", "clipvalue", "global_clipnorm")
    return {name: None if name in limits else value for name, value in settings.items()}
