"""The settings of a compiled optimizer, and others of the same settings."""

from collections.abc import Sequence
from typing import Any

from ..api import is_keras_class


def fresh_optimizer(
    model: Any, settings: dict[str, Any], variables: Sequence[Any] | None = None
) -> Any:
    """An optimizer as the model's, which has taken no step.

    Args:
        settings: What it is made with.
        variables: Those that it will move, in the order of the model's own; None for these.
    """
    optimizer = model.optimizer
    fresh = type(optimizer).from_config(settings)
    # Which weights do not decay is in no configuration.
    names = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    keys = getattr(optimizer, "_exclude_from_weight_decay", None) or ()
    spared = [
        variable
        for own, variable in zip(model.variables, variables or model.variables, strict=True)
        if keys and optimizer._var_key(own) in keys
    ]
    if spared or names is not None:
        patterns = None if names is None else [names.pattern]
        fresh.exclude_from_weight_decay(var_list=spared, var_names=patterns)
    return fresh


def settings_of(optimizer: Any) -> dict[str, Any]:
    """What `from_config` takes; a rate that is code of the user's own is handed on itself.

    Keras writes a function down, and refuses to read it back; of a schedule it asks how.
    """
    rate = getattr(optimizer, "_learning_rate", None)
    own = callable(rate) and not hasattr(rate, "shape")
    if not own or is_keras_class(type(rate)):
        return optimizer.get_config()
    optimizer._learning_rate = 0.0
    try:
        return {**optimizer.get_config(), "learning_rate": rate}
    finally:
        optimizer._learning_rate = rate


def unclipped(settings: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's settings without a limit of the gradients."""
    limits = ("clipnorm", "clipvalue", "global_clipnorm")
    return {name: None if name in limits else value for name, value in settings.items()}
