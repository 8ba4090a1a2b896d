"""Loss, gradients and training steps under JAX, as compiled functions.

If operations ran one by one, JAX would compile each of them separately, which could take half a
minute for a deep model. As one function they compile about as fast as the first batch of `fit`.
"""

from __future__ import annotations

import contextlib
import warnings
from functools import cache, cached_property
from typing import Any

import numpy as np

from ...names import pack_targets
from ..copies.replacements import Replacements, with_replaced
from ..optimizer_settings import fresh_optimizer, settings_of, without_clipping
from .gradients import jax_module


@cache
def quick_options() -> dict[str, Any]:
    """Return XLA options for fast compilation, for functions that run only a few hundred times.

    Optimization level 0 cannot be used. It makes the gradient of a maximum over an axis wrong, or
    NaN if batch statistics are computed first, because fused kernels compute a value twice and
    round it differently. Without the emitters of fused kernels, in versions that have them,
    compilation takes half to two thirds as long.
    """
    jax, options = jax_module(), {"xla_backend_optimization_level": 1}
    more = options | {"xla_cpu_use_fusion_emitters": False}
    try:
        jax.jit(lambda x: x + 1.0, compiler_options=more)(0.0)
    except Exception:  # another version without such kernels
        return options
    return more


class JaxTraining:
    """The training of a compiled model, as functions of the values of its variables.

    The variables themselves do not change.

    Args:
        model: A built, compiled model.
        noisy: Whether the model behaves differently in training mode.
    """

    def __init__(self, k: Any, model: Any, noisy: bool) -> None:
        self.k, self.model, self.noisy = k, model, noisy
        self.jax = jax_module()
        self._steps: dict[tuple[str, Replacements, str], Any] = {}
        self._looks: dict[Replacements, Any] = {}

    def _jit(self, function: Any) -> Any:
        if getattr(self.model, "run_eagerly", False):
            return function  # it may contain Python code that needs concrete numbers
        quick = self.jax.jit(function, compiler_options=quick_options())
        plain = self.jax.jit(function)
        failed = []

        def run(*arguments: Any) -> Any:
            if not failed:
                try:
                    return quick(*arguments)
                except Exception as error:  # some versions do not accept options, or constants
                    failed.append(error)
            return plain(*arguments)

        return run

    def prepare(self, x: Any, y: Any) -> None:
        """Build the loss before anything is traced, so that its counters do not contain tracers."""
        compiled = self.model._compile_loss
        if compiled is not None and not compiled.built:
            rows = self.k.tree.map_structure(lambda a: self.k.KerasTensor(a.shape, a.dtype), (x, y))
            with contextlib.suppress(Exception):  # the call itself raises the real error
                outputs = self.model.compute_output_spec(rows[0])
                compiled.build(pack_targets(self.k, rows[1], outputs), outputs)

    def current_values(self) -> tuple[list[Any], list[Any]]:
        """Return the current values of the trainable variables, and of the other variables."""
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
        bent: Replacements = (),
        other: str = "",
    ) -> tuple[Any, Any]:
        model = self.model
        mapping = [
            *zip(model.trainable_variables, trainable, strict=True),
            *zip(model.non_trainable_variables, others, strict=True),
            *((v, np.asarray(v.value)) for v in _counters(model)),
        ]
        scope = self.k.StatelessScope(state_mapping=mapping, collect_losses=True)
        with scope, with_replaced(self.k, model, bent):
            outputs = model(x, training=training)
            if other:
                loss = sum(scope.losses, self.k.ops.mean(self.k.losses.get(other)(y, outputs)))
            elif penalized:
                loss = model.compute_loss(x=x, y=y, y_pred=outputs, training=training)
            else:
                loss = model._compile_loss(y, outputs, None)
        updated = [scope.get_current_value(v) for v in model.non_trainable_variables]
        return loss, (self.k.tree.flatten(outputs), updated)

    @cached_property
    def measure(self) -> Any:
        """Function from `(trainable, others, x, y)` to loss, outputs and gradients at inference."""

        def run(trainable: list[Any], others: list[Any], x: Any, y: Any) -> Any:
            def loss(values: list[Any]) -> Any:
                return self._loss(values, others, x, y, False)

            (value, (outputs, _)), results = self.jax.value_and_grad(loss, has_aux=True)(trainable)
            return value, outputs, results

        return self._jit(run)

    @cached_property
    def outputs(self) -> Any:
        """Function from `(trainable, others, x)` to the flat list of outputs at inference."""

        def run(trainable: list[Any], others: list[Any], x: Any) -> Any:
            results, _ = self.model.stateless_call(trainable, others, x, training=False)
            return self.k.tree.flatten(results)

        return self._jit(run)

    def look(self, bent: Replacements = ()) -> Any:
        """Return a function from `(trainable, others, x, y)` to the three fields of a `Look`."""
        if not self.noisy and not bent:
            return lambda *arguments: (*self.measure(*arguments)[:2], [])

        def run(trainable: list[Any], others: list[Any], x: Any, y: Any) -> Any:
            loss, (predictions, _) = self._loss(trainable, others, x, y, True, bent=bent)
            if not self.noisy:
                return loss, predictions, []
            return loss, self._loss(trainable, others, x, y, False, bent=bent)[1][0], predictions

        if bent not in self._looks:
            self._looks[bent] = self._jit(run)
        return self._looks[bent]

    @cached_property
    def _optimizer(self) -> Any:
        """A new optimizer with the settings of the model's optimizer."""
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
            except ValueError:  # it creates a variable from a value, which no scope allows
                fresh = fresh_optimizer(self.model, settings)
                fresh.build(self.model.trainable_variables)
        return fresh

    @property
    def rate_slot(self) -> int:
        """Index of the learning rate among the optimizer's variables.

        Raises:
            TypeError: The rate follows a schedule.
        """
        rate = rate_owner(self._optimizer)._learning_rate
        return next(i for i, v in enumerate(self._optimizer.variables) if v is rate)

    def step(self, without: str = "", bent: Replacements = (), other: str = "") -> Any:
        """Return a function from `(state, x, y)` to the loss before a step and the state after it.

        Args:
            without: Part to leave out: `"penalties"`, `"noise"` (the model then runs as at
                inference) or `"clipping"`; `""` for none.
            bent: Layers to replace; see `replaced_attributes`.
            other: Name of a loss to use instead of the model's, or `""` to keep the model's.
        """
        key = without, bent, other
        if key not in self._steps:
            self._steps[key] = self._jit(self._step(*key))
        return self._steps[key]

    def _step(self, without: str, bent: Replacements, other: str) -> Any:
        optimizer = self._optimizer
        if without == "clipping":
            settings = without_clipping(settings_of(self.model.optimizer))
            optimizer = self._fresh(settings)

        def run(state: Any, x: Any, y: Any) -> Any:
            trainable, others, slots = state

            def loss(values: list[Any]) -> Any:
                value, (_, updated) = self._loss(
                    values,
                    others,
                    x,
                    y,
                    without != "noise",
                    without != "penalties",
                    bent,
                    other,
                )
                # In mixed precision, the optimizer divides by the scale again.
                mapping = list(zip(optimizer.variables, slots, strict=True))
                with self.k.StatelessScope(state_mapping=mapping):
                    scaled = optimizer.scale_loss(value)
                return scaled, (value, updated)

            (_, (value, updated)), results = self.jax.value_and_grad(loss, has_aux=True)(trainable)
            trainable, slots = optimizer.stateless_apply(slots, results, trainable)
            return value, (trainable, updated, slots)

        return run

    def start(self) -> Any:
        """Return the state before the first step: stored weights, and a new optimizer's state."""
        return (*self.current_values(), [v.value for v in self._optimizer.variables])


def _counters(model: Any) -> list[Any]:
    """Return the variables of all metrics, including those of the compiled loss."""
    metrics = [*getattr(model, "metrics", ()), *getattr(model._compile_loss, "metrics", ())]
    return list({id(v): v for metric in metrics for v in metric.variables}.values())


def _start_with_numpy(variable: Any) -> None:
    """Let NumPy create a variable's initial zeros, so that JAX compiles nothing for their shape."""
    if variable._value is None and type(variable._initializer).__name__ == "Zeros":
        variable._initializer = lambda shape, dtype=None: np.zeros(shape, dtype)


def rate_owner(optimizer: Any) -> Any:
    """Return the optimizer that has the learning rate: the inner one of a loss-scaling optimizer.

    Raises:
        TypeError: The rate follows a schedule, which cannot be multiplied.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not hasattr(inner._learning_rate, "shape"):
        raise TypeError("the learning rate follows a schedule")
    return inner
