"""Detection of random numbers that training may draw, and of user code in a model."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

from ...torch.api import torch
from .modes import is_own, may_differ
from .training import overridden_training_method


def may_draw(k: Any, model: Any) -> bool:
    """Return whether anything in the model may draw random numbers in training.

    A user's layer is considered deterministic if `may_differ` is False for it, and it has no Keras
    random generator.
    """
    if isinstance(model, k.Model) and overridden_training_method(k, model):
        return True
    return any(may_differ(layer) or _draws(layer) for layer in model._flatten_layers())


def user_code_may_draw(k: Any, model: Any) -> bool:
    """Return whether user code may draw random numbers in training."""
    if isinstance(model, k.Model) and overridden_training_method(k, model):
        return True
    layers = model._flatten_layers()
    return any(may_differ(layer) or _draws(layer) for layer in layers if is_own(layer))


def _draws(layer: Any) -> bool:
    """Return whether a layer is user code and has a Keras random generator."""
    return is_own(layer) and bool(getattr(layer, "_seed_generators", None))


def has_user_code(k: Any, model: Any) -> bool:
    """Return whether a layer, the training method, the loss or the learning rate is user code."""
    if isinstance(model, k.Model) and overridden_training_method(k, model):
        return True
    rate = getattr(getattr(model, "optimizer", None), "_learning_rate", None)
    own_rate = not hasattr(rate, "shape") and _is_user_function(rate)
    return has_user_loss(k, model) or own_rate or any(map(is_own, model._flatten_layers()))


def has_user_functions(model: Any) -> bool:
    """Return whether a layer uses a user's activation, regularizer or constraint."""
    names = ("activation", "regularizer", "constraint")
    return any(
        name.endswith(names) and _is_user_function(value)
        for layer in model._flatten_layers()
        for name, value in vars(layer).items()
    )


def more_than_losses(k: Any, model: Any) -> bool:
    """Return whether training may use more than the compiled losses: penalties, or user code."""
    layers = model._flatten_layers()
    penalties = [getattr(layer, "activity_regularizer", None) for layer in layers]
    penalties += [getattr(variable, "regularizer", None) for variable in model.weights]
    return has_user_code(k, model) or any(penalty is not None for penalty in penalties)


def has_user_loss(k: Any, model: Any) -> bool:
    """Return whether a loss is user code, which may read the model itself, or count calls."""
    return any(map(_is_user_function, compiled_losses(k, model)))


def compiled_losses(k: Any, model: Any) -> list[Any]:
    """Return the losses as passed to `compile`, as a flat list.

    None stands for an output without a loss. The list is `[None]` if the model is not compiled.
    """
    return k.tree.flatten(getattr(getattr(model, "_compile_loss", None), "_user_loss", None))


def _is_user_function(function: Any) -> bool:
    home = function if hasattr(function, "__name__") else type(function)
    return callable(function) and not home.__module__.startswith("keras.")


@contextlib.contextmanager
def preserve_random_state(k: Any) -> Iterator[None]:
    """Restore the global random state of Python (and PyTorch, if it is the backend) afterward."""
    is_torch = k.backend.backend() == "torch"
    before, torch_state = random.getstate(), torch().get_rng_state() if is_torch else None
    try:
        yield
    finally:
        random.setstate(before)
        if is_torch:
            torch().set_rng_state(torch_state)
