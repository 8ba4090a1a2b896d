"""Attempts to break what a diagnosis calls PROVED, by evaluation, differentiation and training.

Nothing here asks the library: the model itself is run, with other weights where a finding is about
all weights, and differentiated by its backend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from .random_programs import RandomProgram


SCALES = (0.1, 1.0, 10.0, 100.0)
FLOAT = 1e-5
"""What float32 arithmetic may add to a bound, by size."""


@dataclass
class Attack:
    """One program under attack; weights are put back after each."""

    keras: ModuleType
    program: RandomProgram
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def model(self) -> Any:
        """The model itself."""
        return self.program.model

    def run(self, x: np.ndarray | None = None, training: bool = False) -> list[np.ndarray]:
        """The outputs."""
        x = self.program.x if x is None else x
        outputs = self.forward(x, training)
        return [np.asarray(self.keras.ops.convert_to_numpy(o), np.float64) for o in outputs]

    def forward(self, x: np.ndarray, training: bool = False) -> list[Any]:
        """The outputs, as tensors."""
        k, model = self.keras, self.model
        if k.backend.backend() != "jax":
            return k.tree.flatten(model(k.ops.convert_to_tensor(x), training=training))

        def outputs(trainable: Any, others: Any, x: Any) -> list[Any]:
            return k.tree.flatten(model.stateless_call(trainable, others, x, training=training)[0])

        return self._compile_for_jax(("outputs", training), outputs)(*self._state(), x)

    def _state(self) -> tuple[list[Any], list[Any]]:
        both = self.model.trainable_variables, self.model.non_trainable_variables
        return tuple([v.value for v in variables] for variables in both)

    def _compile_for_jax(self, name: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """JAX compiles a recurrent layer anew at each call outside of a larger function."""
        import jax

        return self.program.compiled.setdefault(name, jax.jit(function))

    def _trace_for_tensorflow(self, name: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a function for TensorFlow, which traces a new graph for every new function."""
        import tensorflow as tf

        return self.program.compiled.setdefault(name, tf.function(function, autograph=False))

    def values(self, name: str, x: np.ndarray | None = None) -> np.ndarray:
        """Return the output of a layer."""
        layer = self.model.get_layer(name)
        inner = self.keras.Model(self.model.inputs, layer.output)
        x = self.program.x if x is None else x
        outputs = inner(self.keras.ops.convert_to_tensor(x), training=False)
        return np.asarray(self.keras.ops.convert_to_numpy(outputs), np.float64)

    def outputs_of(self, layer: str) -> list[int]:
        """Return the model outputs that come from a layer or from one of the layers after it."""
        outputs = []
        for i, tensor in enumerate(self.keras.tree.flatten(self.model.outputs)):
            maker = tensor._keras_history.operation
            for _ in range(4):
                if maker.name == layer:
                    outputs.append(i)
                    break
                inbound = maker._inbound_nodes[0].input_tensors
                if not inbound:
                    break
                maker = inbound[0]._keras_history.operation
        return outputs

    def loss(self, at: int = 0) -> float:
        """The loss of one output over all rows, as `evaluate` has it, without penalties."""
        return self.loss_of(self.forward(self.program.x)[at], at)

    def loss_of(self, out: Any, at: int) -> float:
        """The loss of some outputs, however they came about."""
        y, out = (self.keras.ops.convert_to_tensor(v) for v in (self.program.targets[at], out))
        value = self.program.losses[at](y, out)
        return float(np.mean(self.keras.ops.convert_to_numpy(value)))

    def gradients(self, rows: slice = slice(None), penalties: bool = True) -> dict[str, Any]:
        """Path of each trainable weight to the gradient of the whole loss; the loss under `""`."""
        from outrange.frontends.keras.training.backends.gradients import gradients

        k, ops, model = self.keras, self.keras.ops, self.model
        x = ops.convert_to_tensor(self.program.x[rows])
        ys = [ops.convert_to_tensor(y[rows]) for y in self.program.targets]

        def whole(out: Any, ys: Any, extra: Any) -> Any:
            parts = [
                ops.mean(loss(y, p))
                for loss, y, p in zip(self.program.losses, ys, k.tree.flatten(out), strict=True)
            ]
            return sum(parts) + (sum(extra) if penalties else 0.0)

        def value() -> Any:
            return whole(model(x, training=False), ys, model.losses)

        def stateless(trainable: Any, others: Any, x: Any, ys: Any) -> Any:
            out, _, extra = model.stateless_call(
                trainable, others, x, training=False, return_losses=True
            )
            return whole(out, ys, extra)

        def compute_tape_gradients(x: Any, ys: Any) -> Any:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                loss = whole(model(x, training=False), ys, model.losses)
            gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
            return loss, [g if g is None else tf.convert_to_tensor(g) for g in gradients]

        name = ("gradients", penalties)
        if k.backend.backend() == "jax":
            import jax

            run = self._compile_for_jax(name, jax.value_and_grad(stateless))
            loss, found = jax.tree.map(np.asarray, run(*self._state(), x, ys))
        elif k.backend.backend() == "tensorflow":
            loss, found = k.tree.map_structure(
                lambda t: None if t is None else t.numpy(),
                self._trace_for_tensorflow(name, compute_tape_gradients)(x, ys),
            )
        else:
            loss, found = gradients(k, model, value)
        paths = ["/".join(v.path.split("/")[-2:]) for v in self.model.trainable_variables]
        named = {"": loss}
        for i, (path, gradient) in enumerate(zip(paths, found, strict=True)):
            named[f"{path}#{i}" if path in named else path] = gradient  # cells share names
        return named

    def through(self, value: Callable[[], Any]) -> float:
        """The largest gradient of a scalar by any trainable weight."""
        from outrange.frontends.keras.training.backends.gradients import gradients

        _, gradient = gradients(self.keras, self.model, value)
        return max((float(np.abs(np.nan_to_num(g)).max()) for g in gradient if g is not None),
                   default=0.0)  # fmt: skip

    def draw_weights(self, count: int = 8) -> Any:
        """Set `count` random draws of the trainable weights, one after the other."""
        weights = self.model.get_weights()
        for i in range(count):
            for variable in self.model.trainable_variables:
                array = self.rng.normal(size=variable.shape) * SCALES[i % len(SCALES)]
                if self.rng.uniform() < 0.15:
                    array = np.abs(array)
                variable.assign(array.astype("float32"))
            yield i
        self.model.set_weights(weights)

    def inside(self, rows: int = 40) -> np.ndarray:
        """Points of the box of the data."""
        x = self.program.x
        if x.dtype.kind != "f":
            return x
        sound = x[np.isfinite(x.reshape(len(x), -1)).all(axis=1)]
        part = self.rng.uniform(size=(rows, *x.shape[1:]))
        part[: rows // 2] = np.round(part[: rows // 2])
        lo, hi = sound.min(axis=0), sound.max(axis=0)
        return np.concatenate([sound, (lo + part * (hi - lo)).astype("float32")])


Check = Callable[[Attack, Any], str]
"""What contradicts a finding, `""` if nothing was found."""


def contradiction(keras: ModuleType, program: RandomProgram, finding: Any) -> str | None:
    """Return a contradiction of a PROVED finding; `""` if there is none, None without an attack."""
    from .checks import CHECKS

    check = CHECKS.get(finding.code)
    if check is None:
        return None
    names = [layer.name for layer in program.model.layers]
    if finding.layer and finding.layer not in names:
        return None  # a layer inside another one
    attack = Attack(keras, program)
    weights = program.model.get_weights()
    try:
        with np.errstate(all="ignore"):
            return check(attack, finding)
    except Exception:
        if _raises(attack):
            return None  # the program itself cannot compute its loss
        raise
    finally:
        program.model.set_weights(weights)


def _raises(attack: Attack) -> bool:
    """Whether the program's own loss raises, on targets it does not read."""
    try:
        attack.gradients()
    except Exception:
        return True
    return False
