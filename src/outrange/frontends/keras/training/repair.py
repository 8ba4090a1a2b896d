"""Copies of a compiled model with the changes that a finding suggests."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ....core import InputError, ModelError
from ....program import ModelChange, Program
from .copies.clone import not_compiling
from .optimizer_settings import fresh_optimizer, settings_of
from .rehearsal import Rehearser


ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "PReLU")
"""Layers that consist of an activation only."""


def repairer(
    k: Any, rehearser: Rehearser, x: Any, y: Any, read: Callable[..., Program]
) -> Callable[[Sequence[ModelChange], Any, Any], Program | None]:
    """Return a function that reads the program of a changed model; the model itself is unchanged.

    The function maps changes, inputs and targets to the program of the changed copy. It returns
    None if the copy cannot be built.

    Args:
        rehearser: Rehearser of the compiled model. Except under PyTorch, it is reused if only the
            numbers in the data change.
        read: Function from a model, its data, and a rehearser or None to a program.
    """
    model = rehearser.measurement.model
    kinds = _kinds(k, x, y)

    def repair(changes: Sequence[ModelChange], x: Any, y: Any) -> Program | None:
        try:
            if not changes and _kinds(k, x, y) == kinds:
                # A PyTorch record freezes values that went through NumPy, as look-ups do.
                return read(model, x, y, None if k.backend.backend() == "torch" else rehearser)
            return read(apply_changes(k, model, changes), x, y)
        except (InputError, ModelError):
            raise
        except Exception:
            # A model of a user's class, or a layer whose config does not describe it.
            return None

    return repair


def _kinds(k: Any, x: Any, y: Any) -> list[tuple[tuple[int, ...], str]]:
    """Return the row shape and the dtype of each array of inputs and targets."""
    return [(a.shape[1:], str(a.dtype)) for a in k.tree.flatten((x, y)) if a is not None]


def apply_changes(k: Any, model: Any, changes: Sequence[ModelChange]) -> Any:
    """Return a compiled copy of the model with the changes.

    A layer keeps its weights if their shapes stay the same and no change concerns its initializers
    or units, or inserts a layer before it. Other weights are newly initialized.

    Raises:
        ValueError: A change applies to no layer, or a layer lacks the setting to change.
    """
    plans = {id(layer): [] for layer in model.layers}
    for change in changes:
        for layer in _places(model, change):
            plans[id(layer)].append(change)
    fresh: set[str] = set()

    def clone(layer: Any) -> Any:
        current = layer
        for change in plans.get(id(layer), ()):
            current = _apply_change(k, current, change)
            if change.kind in ("initializer", "bias", "units", "hidden"):
                fresh.add(layer.name)
        return current.__class__.from_config(current.get_config()) if current is layer else current

    with not_compiling(model):
        copy = k.models.clone_model(model, clone_function=clone)
    if not copy.built:
        copy.build(model.input_shape)
    for old, new in zip(model.layers, copy.layers, strict=True):
        shapes = [[tuple(v.shape) for v in layer.weights] for layer in (old, new)]
        if old.name not in fresh and shapes[0] == shapes[1] and shapes[0]:
            new.set_weights(old.get_weights())
        if hasattr(new, "finalize_state"):
            new.finalize_state()
    if any(change.kind == "trainable" for change in changes):
        copy.trainable = True
    _compile(k, model, copy, changes)
    return copy


def _places(model: Any, change: ModelChange) -> list[Any]:
    """Return the layers to which a change applies."""
    if change.kind in ("loss", "from_logits", "optimizer", "trainable"):
        return []
    if change.layer == "*":
        name = {
            "activation": "activation",
            "initializer": "kernel_initializer",
            "bias": "bias_initializer",
        }[change.kind]
        if change.kind != "activation":
            return [layer for layer in model.layers if hasattr(layer, name)]
        hidden = model.layers[:-1]
        return [
            layer for layer in hidden if hasattr(layer, name) or type(layer).__name__ in ACTIVATIONS
        ]
    names = [layer for layer in model.layers if layer.name == change.layer.split("/")[-1]]
    if change.kind == "units" and not any(hasattr(layer, "units") for layer in names):
        names = [layer for layer in model.layers if hasattr(layer, "units")][-1:]
    elif change.kind == "initializer" and not change.layer:
        names = [layer for layer in model.layers if hasattr(layer, "kernel_initializer")]
    elif not change.layer:
        names = model.layers[-1:]
    if not names:
        raise ValueError(f"no layer {change.layer!r} for {change.kind}")
    return names


def _apply_change(k: Any, layer: Any, change: ModelChange) -> Any:
    """Return a changed copy of `layer`, without its weights.

    A removed layer becomes a linear activation. If the change inserts a layer before `layer`, the
    result is a `Sequential` model of both.
    """
    kind = type(layer).__name__
    if change.kind == "remove" or (change.kind == "activation" and kind in ACTIVATIONS):
        activation = change.value if change.kind == "activation" else None
        return k.layers.Activation(activation or "linear", name=layer.name)
    config = layer.get_config()
    if change.kind == "hidden":
        before = k.layers.Dense(change.value, **change.options)
        return k.Sequential([before, layer.__class__.from_config(config)], name=layer.name)
    name = {
        "activation": "activation",
        "units": "units",
        "initializer": "kernel_initializer",
        "bias": "bias_initializer",
    }[change.kind]
    if name not in config:
        raise ValueError(f"layer `{layer.name}` has no {name}")
    value = change.value
    if change.options:
        value = {"class_name": value, "config": dict(change.options)}
    config[name] = value if value is not None else "linear"
    return layer.__class__.from_config(config)


def _compile(k: Any, model: Any, copy: Any, changes: Iterable[ModelChange]) -> None:
    compiled = model._compile_loss
    loss = compiled._user_loss
    same = [tuple(v.shape) for v in model.variables] == [tuple(v.shape) for v in copy.variables]
    own_variables = copy.variables if same else None
    optimizer = fresh_optimizer(model, settings_of(model.optimizer), own_variables)
    for change in changes:
        if change.kind == "loss":
            new = getattr(k.losses, change.value)(**change.options) if change.options else (
                change.value
            )  # fmt: skip
            loss = _with_loss(model, loss, new, change.layer)
        elif change.kind == "from_logits":
            loss = _with_logits(k, loss, change.value)
        elif change.kind == "optimizer":
            options = dict(change.options)
            if "learning_rate" not in options and type(optimizer).__name__ == change.value:
                options = {**settings_of(optimizer), **options}
            optimizer = getattr(k.optimizers, change.value)(**options)
    copy.compile(
        optimizer=optimizer,
        loss=loss,
        loss_weights=compiled._user_loss_weights,
        run_eagerly=model.run_eagerly,
        jit_compile=False,
    )


def _with_loss(model: Any, losses: Any, new: Any, layer: str) -> Any:
    """Return the losses of a model with the loss of one layer's output replaced."""
    count = len(model.outputs)
    if count == 1:
        return new
    makers = [t._keras_history.operation.name for t in model.outputs]
    if layer.split("/")[-1] not in makers:
        raise ValueError(
            f"the loss needs an output of the model, but layer {layer!r} computes none"
        )
    place = makers.index(layer.split("/")[-1])
    if isinstance(losses, dict):
        return {**losses, model.output_names[place]: new}
    losses = list(losses) if isinstance(losses, list | tuple) else [losses] * count
    return [*losses[:place], new, *losses[place + 1 :]]


def _with_logits(k: Any, loss: Any, value: bool) -> Any:
    """Return a loss with its `from_logits` set to `value`."""
    if isinstance(loss, str):
        loss = k.losses.get(loss)
    if not isinstance(loss, k.losses.Loss):
        camel = "".join(part.capitalize() for part in loss.__name__.split("_"))
        return getattr(k.losses, camel)(from_logits=value)
    return type(loss).from_config({**loss.get_config(), "from_logits": value})
