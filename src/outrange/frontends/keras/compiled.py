"""Compilation of a whole model to a single JAX program.

When Keras runs a model layer by layer, JAX compiles each operation separately for every new shape,
which takes most of the time needed for the first answer. A single program for the whole model
compiles much faster.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..jax.api import jax
from .signature import Signature


PROGRAMS = 64
"""Size of the cache of compiled programs, which are reused when a model is read again."""


@dataclass(frozen=True)
class LoweredModel:
    """A lowered model, identified by its program and by the structure of its arguments and results.

    Args:
        program: Digest of the lowered program, which includes every constant, even those of nested
            functions.
        structure: Structure of arguments and results.
        lowered: List that contains JAX's lowered program until it is compiled. The list is then
            emptied, because the program keeps the model in memory.
    """

    program: str
    structure: str
    lowered: list[Any] = field(compare=False)


@lru_cache(PROGRAMS)
def _compile(program: LoweredModel) -> Callable:
    return program.lowered.pop().compile()


class CompiledCall:
    """Callable that compiles a model and runs it in inference mode.

    Each call uses the current weights of the model. The model is compiled at most once for each
    number of rows.

    Args:
        model: A Keras model or layer on the JAX backend.
        signature: The signature of the model's inputs.
    """

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model, self._signature = model, signature
        self._calls: dict[int, Callable] = {}

    def __call__(self, parts: list[Any]) -> Any:
        """Run the model on one array per input; return the outputs in the model's structure."""
        weights = self._weights()
        rows = len(parts[0])
        if rows not in self._calls:
            self._calls[rows] = self._trace(weights, parts)
        return self._calls[rows](*weights, parts)

    def _weights(self) -> tuple[list[Any], list[Any]]:
        model = self._model
        return (
            [variable.value for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
        )

    def _trace(self, weights: tuple[list[Any], list[Any]], parts: list[Any]) -> Callable:
        def run(trainable: list[Any], others: list[Any], parts: list[Any]) -> Any:
            inputs = self._signature.pack(parts)
            return self._model.stateless_call(trainable, others, inputs, training=False)[0]

        traced = jax().jit(run).trace(*weights, parts)
        lowered = traced.lower()
        text = lowered.as_text()
        if "callback" in text:  # Python callbacks, which the text does not distinguish
            return lowered.compile()
        program = hashlib.sha256(text.encode()).hexdigest()
        structure = f"{traced.in_tree} {traced.out_info}"
        return _compile(LoweredModel(program, structure, [lowered]))
