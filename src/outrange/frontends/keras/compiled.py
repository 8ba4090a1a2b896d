"""A model on JAX as one compiled program.

Run by Keras layer by layer, every operation of a new shape is compiled by itself, which takes most
of the time of a first answer. One program for all of them compiles in a fraction of it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..jax.api import jax
from .signature import Signature


PROGRAMS = 64
"""Compiled programs kept for models that are read again."""


@dataclass(frozen=True)
class LoweredModel:
    """What is compiled, known by its program and the structure around it.

    Args:
        program: Digest of the lowered program, which holds every constant, those of functions
            inside functions too.
        structure: Of arguments and results.
        lowered: What JAX compiles; taken out by the compilation, because it holds the model.
    """

    program: str
    structure: str
    lowered: list[Any] = field(compare=False)


@lru_cache(PROGRAMS)
def _compiled(program: LoweredModel) -> Callable:
    return program.lowered.pop().compile()


class CompiledCall:
    """A model at inference, compiled for each number of rows; weights are read at every call.

    Args:
        model: A Keras model or layer, on JAX.
        signature: Of its inputs.
    """

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model, self._signature = model, signature
        self._calls: dict[int, Callable] = {}

    def __call__(self, parts: list[Any]) -> Any:
        """The outputs, in the model's structure, of one array an input."""
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
            given = self._signature.packed(parts)
            return self._model.stateless_call(trainable, others, given, training=False)[0]

        traced = jax().jit(run).trace(*weights, parts)
        lowered = traced.lower()
        text = lowered.as_text()
        if "callback" in text:  # of Python code, which the text does not tell apart
            return lowered.compile()
        program = hashlib.sha256(text.encode()).hexdigest()
        structure = f"{traced.in_tree} {traced.out_info}"
        return _compiled(LoweredModel(program, structure, [lowered]))
