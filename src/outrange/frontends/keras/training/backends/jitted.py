"""Loss, gradients and steps of training under JAX, each compiled once for all calls.

Run one by one, every small operation is compiled by itself: half a minute for a deep model. As one
function they take as long as a first batch of `fit`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

import numpy as np

from ...names import pack_targets
from ..optimizer_settings import fresh_optimizer, settings_of, unclipped
from .gradients import jax_module


@cache
def quick_options() -> dict[str, Any]:
    """Options of XLA for what runs a few hundred times: compiled soon rather than to the fastest.

    At level 0 the slope of a maximum along an axis comes out wrong, NaN behind batch statistics:
    fused kernels compute a value twice, and round it differently. Without the emitters of fused
    kernels, where a version has them, compiling takes a half to two thirds of the time.
    """
    jax, options = jax_module(), {"xla_backend_optimization_level": 1}
    more = options | {"xla_cpu_use_fusion_emitters": False}
    try:
        jax.jit(lambda x: x + 1.0, compiler_options=more)(0.0)
    except Exception:  # another version: it has no such kernels
        return options
    return more


class JaxTraining:
    """A compiled model's training as functions of its variables; the model is not changed.

    Args:
        model: A built, compiled model.
        noisy: Whether it computes something else in training.
    """

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self.k, self.model, self.noisy = k, model, noisy
        self.jax = jax_module()
        self._steps: dict[tuple[str, tuple[str, ...], str], Any] = {}
        self._looks: dict[tuple[str, ...], Any] = {}

    def _jit(self, function: Any) -> Any:
        if getattr(self.model, "run_eagerly", False):
            return function  # it may hold Python code that only numbers can take
        quick = self.jax.jit(function, compiler_options=quick_options())
        plain = self.jax.jit(function)
        failed = []

        def run(*given: Any) -> Any:
            if not failed:
                try:
                    return quick(*given)
                except Exception as error:  # some versions do not take options, or constants
                    failed.append(error)
            return plain(*given)

        return run

    def prepare(self, x: Any, y: Any) -> None:
        """Let the loss make its counters before anything is traced: they would hold tracers."""
        compiled = self.model._compile_loss
        if compiled is not None and not compiled.built:
            rows = self.k.tree.map_structure(lambda a: self.k.KerasTensor(a.shape, a.dtype), (x, y))
            with contextlib.suppress(Exception):  # what is wrong with it, the call will tell
                outputs = self.model.compute_output_spec(rows[0])
                compiled.build(pack_targets(self.k, rows[1], outputs), outputs)

    def stored(self) -> tuple[list[Any], list[Any]]:
        """The model's present values: trainable, others."""
        model = self.model
        return (
            [v.value for v in model.trainable_variables],
            [v.value for v in model.non_trainable_variables],
        )

    def _loss(
        self,
        trainable: list[Any],
        others: list[Any],
        x: Any,
        y: Any,
        training: bool,
        penalized: bool = True,
        bent: tuple[str, ...] = (),
        other: str = "",
    ) -> tuple[Any, Any]:
        model = self.model
        mapping = [
            *zip(model.trainable_variables, trainable, strict=True),
            *zip(model.non_trainable_variables, others, strict=True),
            *((v, np.asarray(v.value)) for v in _counters(model)),
        ]
        scope = self.k.StatelessScope(state_mapping=mapping, collect_losses=True)
        with scope, activated(self.k, model, bent):
            outputs = model(x, training=training)
            if other:
                loss = sum(scope.losses, self.k.ops.mean(self.k.losses.get(other)(y, outputs)))
            elif penalized:
                loss = model.compute_loss(x=x, y=y, y_pred=outputs, training=training)
            else:
                loss = model._compile_loss(y, outputs, None)
        left = [scope.get_current_value(v) for v in model.non_trainable_variables]
        return loss, (self.k.tree.flatten(outputs), left)

    @cached_property
    def measure(self) -> Any:
        """`(trainable, others, x, y)` to loss, outputs, gradients, at inference."""

        def run(trainable: list[Any], others: list[Any], x: Any, y: Any) -> Any:
            def loss(values: list[Any]) -> Any:
                return self._loss(values, others, x, y, False)

            (value, (outputs, _)), found = self.jax.value_and_grad(loss, has_aux=True)(trainable)
            return value, outputs, found

        return self._jit(run)

    @cached_property
    def outputs(self) -> Any:
        """`(trainable, others, x)` to the outputs at inference."""

        def run(trainable: list[Any], others: list[Any], x: Any) -> Any:
            found, _ = self.model.stateless_call(trainable, others, x, training=False)
            return self.k.tree.flatten(found)

        return self._jit(run)

    def look(self, bent: tuple[str, ...] = ()) -> Any:
        """`(trainable, others, x, y)` to the loss in training, and the outputs: see `Look`."""
        if not self.noisy and not bent:
            return lambda *given: (*self.measure(*given)[:2], [])

        def run(trainable: list[Any], others: list[Any], x: Any, y: Any) -> Any:
            loss, (seen, _) = self._loss(trainable, others, x, y, True, bent=bent)
            if not self.noisy:
                return loss, seen, []
            return loss, self._loss(trainable, others, x, y, False, bent=bent)[1][0], seen

        if bent not in self._looks:
            self._looks[bent] = self._jit(run)
        return self._looks[bent]

    @cached_property
    def _optimizer(self) -> Any:
        """A fresh optimizer of the same settings."""
        return self._fresh(settings_of(self.model.optimizer))

    def _fresh(self, settings: dict[str, Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fresh = fresh_optimizer(self.model, settings)
            try:
                with self.k.StatelessScope():
                    fresh.build(self.model.trainable_variables)
                    for variable in fresh.variables:
                        _start_with_numpy(variable)
            except ValueError:  # it makes a variable with a value, which no scope allows
                fresh = fresh_optimizer(self.model, settings)
                fresh.build(self.model.trainable_variables)
        return fresh

    @property
    def rate_slot(self) -> int:
        """Which of the optimizer's variables is its learning rate.

        Raises:
            TypeError: The rate follows a schedule.
        """
        rate = rate_owner(self._optimizer)._learning_rate
        return next(i for i, v in enumerate(self._optimizer.variables) if v is rate)

    def step(self, without: str = "", bent: tuple[str, ...] = (), other: str = "") -> Any:
        """`(state, x, y)` to the loss before the step, and the state after it.

        Args:
            without: What is left out: `"penalties"`, `"noise"` or `"clipping"`.
            bent: Layers that get a relu for their activation.
            other: Name of another loss.
        """
        key = without, bent, other
        if key not in self._steps:
            self._steps[key] = self._jit(self._step(*key))
        return self._steps[key]

    def _step(self, without: str, bent: tuple[str, ...], other: str) -> Any:
        optimizer = self._optimizer
        if without == "clipping":
            settings = unclipped(settings_of(self.model.optimizer))
            optimizer = self._fresh(settings)

        def run(state: Any, x: Any, y: Any) -> Any:
            trainable, others, slots = state

            def loss(values: list[Any]) -> Any:
                value, (_, left) = self._loss(
                    values,
                    others,
                    x,
                    y,
                    without != "noise",
                    without != "penalties",
                    bent,
                    other,
                )
                # Mixed precision: the optimizer divides by the scale again.
                mapping = list(zip(optimizer.variables, slots, strict=True))
                with self.k.StatelessScope(state_mapping=mapping):
                    scaled = optimizer.scale_loss(value)
                return scaled, (value, left)

            (_, (value, left)), found = self.jax.value_and_grad(loss, has_aux=True)(trainable)
            trainable, slots = optimizer.stateless_apply(slots, found, trainable)
            return value, (trainable, left, slots)

        return run

    def start(self) -> Any:
        """The state before the first step: stored weights, fresh optimizer."""
        return (*self.stored(), [v.value for v in self._optimizer.variables])


def _counters(model: Any) -> list[Any]:
    """The variables of metrics: a loss counts itself in them."""
    metrics = [*getattr(model, "metrics", ()), *getattr(model._compile_loss, "metrics", ())]
    return list({id(v): v for metric in metrics for v in metric.variables}.values())


def _start_with_numpy(variable: Any) -> None:
    """Let a variable that waits for its zeros get them without a compilation for its shape."""
    if variable._value is None and type(variable._initializer).__name__ == "Zeros":
        variable._initializer = lambda shape, dtype=None: np.zeros(shape, dtype)


def rate_owner(optimizer: Any) -> Any:
    """The optimizer that holds the learning rate, inside one that scales the loss.

    Raises:
        TypeError: The rate follows a schedule, and no factor can be put on it.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not hasattr(inner._learning_rate, "shape"):
        raise TypeError("the learning rate follows a schedule")
    return inner


@contextlib.contextmanager
def activated(k: Any, model: Any, names: tuple[str, ...]) -> Iterator[None]:
    """Layers of these names have a relu for a while, where they have an activation at all."""
    layers = [
        layer for layer in model._flatten_layers()
        if layer.name in names and "activation" in vars(layer)
    ] if names else []  # fmt: skip
    before = [layer.activation for layer in layers]
    try:
        for layer in layers:
            layer.activation = k.activations.relu
        yield
    finally:
        for layer, activation in zip(layers, before, strict=True):
            layer.activation = activation
