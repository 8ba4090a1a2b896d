"""Tracing of TensorFlow functions to frozen graphs; the only module that imports TensorFlow."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..traced import TracedProgram, TracedStep, random_numbers


RENAMED = {"squeeze_dims": "axis", "split_dim": "axis", "concat_dim": "axis", "dim": "axis"}
"""Map from argument names in recorded operations to the names in `tf.raw_ops`."""

_RANDOM = re.compile("Random|Normal|Uniform|Multinomial|Gamma|Poisson|Binomial|Shuffle|Sampler")
"""Pattern in the names of stateful operations that draw random numbers."""


def tensorflow() -> Any:
    """Import and return `tensorflow`."""
    import tensorflow

    return tensorflow


def record(function: Callable, specs: Sequence[tuple[tuple[int, ...], str]]) -> TracedProgram:
    """Trace a TensorFlow function, and return its operations as a program.

    Args:
        function: Function of one tensor per spec that returns a flat list of tensors.
        specs: Shape and dtype of each tensor.

    Raises:
        UnsupportedError: The function draws random numbers.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (  # pyright: ignore[reportMissingImports]  # an optional framework
        convert_variables_to_constants_v2 as freeze,
    )

    signature = [tf.TensorSpec(shape, dtype) for shape, dtype in specs]
    traced = freeze(tf.function(function, autograph=False).get_concrete_function(*signature))
    constants, steps = {}, []
    for op in traced.graph.get_operations():
        if op.type in ("Placeholder", "NoOp"):
            continue
        if op.op_def.is_stateful and _RANDOM.search(op.type):
            raise random_numbers(op.type)
        if op.type == "Const":
            constants[op.outputs[0].name] = tf.make_ndarray(op.get_attr("value"))
            continue
        attributes = {a.name: _attribute(op, a.name) for a in op.op_def.attr}
        steps.append(
            TracedStep(
                op.type,
                [x.name for x in op.inputs],
                [x.name for x in op.outputs],
                attributes,
                _runner(tf, op),
                [x.dtype.base_dtype.name for x in op.inputs],
            )
        )
    return TracedProgram(
        [x.name for x in traced.inputs], steps, [x.name for x in traced.outputs], constants
    )


def _attribute(op: Any, name: str) -> Any:
    try:
        value = op.get_attr(name)
    except ValueError:
        return None
    return value.name if hasattr(value, "as_datatype_enum") else value


def _runner(tf: Any, op: Any) -> Callable[..., list[np.ndarray]]:
    """Return a function that runs the operation itself, on arrays of any type."""

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        left = iter(tf.constant(np.asarray(x)) for x in arrays)
        arguments: dict[str, Any] = {}
        for a in op.op_def.input_arg:
            count = op.get_attr(a.number_attr) if a.number_attr else None
            arguments[a.name] = next(left) if count is None else [next(left) for _ in range(count)]
        inferred = {a.type_attr for a in op.op_def.input_arg}
        inferred |= {a.number_attr for a in op.op_def.input_arg}
        for a in op.op_def.attr:
            if a.name not in inferred and not a.name.startswith("_"):
                arguments[a.name] = op.get_attr(a.name)
        function = getattr(tf.raw_ops, op.type)
        legal = inspect.signature(function).parameters
        arguments = {k if k in legal else RENAMED.get(k, k): v for k, v in arguments.items()}
        results = function(**arguments)
        return [t.numpy() for t in (results if isinstance(results, list | tuple) else [results])]

    return run
