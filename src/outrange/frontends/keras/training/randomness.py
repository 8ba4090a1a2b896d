"""Whether training may draw random numbers that inference, which is recorded, does not."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

from ...torch.api import torch
from .modes import is_own, may_differ
from .training import own_training


def may_draw(k: Any, model: Any) -> bool:
    """False only if everything in the model is known to do the same in training.

    User code counts as such if it does not receive the training flag.
    """
    if isinstance(model, k.Model) and own_training(k, model):
        return True
    return any(may_differ(layer) or _draws(layer) for layer in model._flatten_layers())


def own_code_may_draw(k: Any, model: Any) -> bool:
    """The same of code that is not Keras's: what of it is random cannot be told from outside."""
    if isinstance(model, k.Model) and own_training(k, model):
        return True
    layers = model._flatten_layers()
    return any(may_differ(layer) or _draws(layer) for layer in layers if is_own(layer))


def _draws(layer: Any) -> bool:
    """Whether code of the user's own has a source of random numbers, in training or not."""
    return is_own(layer) and bool(getattr(layer, "_seed_generators", None))


def own_code(k: Any, model: Any) -> bool:
    """Whether a layer, the model's way of training, its loss or its rate is not Keras's."""
    if isinstance(model, k.Model) and own_training(k, model):
        return True
    rate = getattr(getattr(model, "optimizer", None), "_learning_rate", None)
    own_rate = not hasattr(rate, "shape") and _is_own_function(rate)
    return own_loss(k, model) or own_rate or any(map(is_own, model._flatten_layers()))


def own_functions(model: Any) -> bool:
    """Whether an activation, a penalty or a constraint in Keras's layers is not Keras's."""
    names = ("activation", "regularizer", "constraint")
    return any(
        name.endswith(names) and _is_own_function(value)
        for layer in model._flatten_layers()
        for name, value in vars(layer).items()
    )


def more_than_losses(k: Any, model: Any) -> bool:
    """Whether training may heed more than the compiled losses: penalties, or what own code adds."""
    layers = model._flatten_layers()
    penalties = [getattr(layer, "activity_regularizer", None) for layer in layers]
    penalties += [getattr(variable, "regularizer", None) for variable in model.weights]
    return own_code(k, model) or any(penalty is not None for penalty in penalties)


def own_loss(k: Any, model: Any) -> bool:
    """Whether a loss is not Keras's: it may read the model itself, and count."""
    return any(map(_is_own_function, given_losses(k, model)))


def given_losses(k: Any, model: Any) -> list[Any]:
    """The losses as `compile` got them; nothing of a model that is not compiled."""
    return k.tree.flatten(getattr(getattr(model, "_compile_loss", None), "_user_loss", None))


def _is_own_function(given: Any) -> bool:
    home = given if hasattr(given, "__name__") else type(given)
    return callable(given) and not home.__module__.startswith("keras.")


@contextlib.contextmanager
def chance_kept(k: Any) -> Iterator[None]:
    """The sources of random numbers that are no part of a model go on where they were."""
    is_torch = k.backend.backend() == "torch"
    before, own = random.getstate(), torch().get_rng_state() if is_torch else None
    try:
        yield
    finally:
        random.setstate(before)
        if is_torch:
            torch().set_rng_state(own)
