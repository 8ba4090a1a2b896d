"""Tracing of functions of arrays to values of a builder, by NumPy's protocols or a framework."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import InputError, OutrangeError, UnsupportedError
from ...graph import Builder, Operand, Value
from ...graph.graph import Node
from ...ops import Affine, Rearrange, Step
from .symbol import NOT_FINITE, Symbol, unwrap


FRAMEWORKS = ("keras", "jax", "torch", "tensorflow")
"""Frameworks whose functions do not accept a `Symbol`, in order of priority."""


def trace(
    b: Builder,
    function: Callable,
    operands: Sequence[Operand],
    size: int | None,
    what: str,
    nouns: Sequence[str] = (),
) -> Value:
    """Trace a function of the operands, and return its result as one row of shape `(1, size)`.

    Args:
        function: Function of one array per operand; it returns an array, or a list of numbers.
        operands: Vectors without a batch axis: values, or arrays.
        size: Size of the result; None if any size is allowed.
        what: Description of the function, for messages.
        nouns: Noun for the entries of each operand in messages, in the singular, such as "state";
            `""` omits an operand from the messages.

    Raises:
        InputError: The function raises an exception, the result has another size, or a number is
            not finite.
        UnsupportedError: The function computes something unsupported.
    """
    try:
        result = _by_framework(b, function, operands)
    except OutrangeError as error:
        raise type(error)(f"{what}: {error}.".replace("..", ".")) from error
    except Exception as error:
        table = "For an entry of a table write `np.choose(place, [1.0, 2.5])`. "
        filled = "In place of filling an array, return a list: `return [a, b]`. "
        raise InputError(
            f"{what} is called once, with symbolic arrays instead of numbers, and must return the "
            "result as an array or a list; it may use NumPy, `keras.ops`, JAX or PyTorch. "
            f"{table * isinstance(error, IndexError)}"
            f"{filled * ('setting an array element' in str(error))}"
            f"Received: a function that raises {type(error).__name__}: {error}."
            f"{_sizes(operands, nouns)}"
        ) from error
    size = int(result.size) if size is None else size
    if result.size != size:
        raise InputError(
            f"{what} must return {size} number{'s' * (size != 1)}. Received: {result.size}, of "
            f"shape {tuple(result.shape)}."
        )
    flat = b.structural(lambda a: a[0].reshape(1, size), [result])
    return flat if isinstance(flat, Value) else b.constant_value(np.asarray(flat, np.float64))


def _check_finite(nodes: Sequence[Node], first: int, result: Operand) -> None:
    """Reject constants that are not finite in the nodes of framework code or in its result.

    A comparison with infinity, as in `nan_to_num`, is allowed.

    Args:
        nodes: The nodes that were added by the framework code.
        first: Number of nodes that the graph had before.
        result: The result of the framework code.

    Raises:
        InputError: A number is not finite.
    """
    numbers = [] if isinstance(result, Value) else [np.asarray(result, np.float64)]
    used = {j for node in nodes if not isinstance(node.op, Step) for j in node.inputs}
    for value, node in enumerate(nodes, first + 1):
        op = node.op
        if value not in used and not (isinstance(result, Value) and result.index == value):
            continue
        if isinstance(op, Affine):
            numbers += [op.bias, op.apply(tuple(np.ones((1, n)) for n in op.sizes), False)]
        elif isinstance(op, Rearrange):
            numbers.append(op.fill[op.index < 0])
    for each in numbers:
        bad = ~np.isfinite(each)
        if bad.any():
            raise InputError(NOT_FINITE.format(each[bad].flat[0]))


def _sizes(operands: Sequence[Operand], nouns: Sequence[str]) -> str:
    """Return a sentence on the sizes of operands, such as `" It is called with 2 states."`.

    Args:
        operands: The operands of a function.
        nouns: Noun for the entries of each of the first operands, in the singular. The sentence
            omits operands without a noun.

    Returns:
        The sentence after a space, or `""` if no operand has a noun.
    """
    sizes = [int(np.prod(x.shape)) for x in operands[: len(nouns)]]
    counts = [f"{n} {noun}{'s' * (n != 1)}" for n, noun in zip(sizes, nouns, strict=True) if noun]
    return f" It is called with {' and '.join(counts)}." if counts else ""


def _by_framework(b: Builder, function: Callable, operands: Sequence[Operand]) -> Operand:
    framework = used_framework(function)
    if framework is None:
        arguments = [Symbol(x) if isinstance(x, Value) else x for x in operands]
        return unwrap(b, _check_result(function(*arguments)))
    if framework == "keras":
        from ..keras.api import keras

        framework = keras().backend.backend()
    read, stack = _reader(framework)

    def flat(*arrays: Any) -> list[Any]:
        result = function(*arrays)
        return [stack(result) if isinstance(result, list | tuple) else result]

    first = len(b.nodes)
    (result,) = read(b, flat, operands, ["float64"] * len(operands))
    _check_finite(b.nodes[first:], first, result)
    return result


def _check_result(result: Any) -> Any:
    if result is None:
        raise UnsupportedError(
            "The function must return its result, but it returns None: end it with `return`"
        )
    return list(result) if isinstance(result, tuple) else result


def _reader(framework: str) -> tuple[Callable, Callable]:
    """Return a framework's tracing function, and its function for stacking a list of numbers."""
    if framework == "jax":
        from ..jax.api import jax
        from ..jax.read import read_float64

        return read_float64, jax().numpy.stack
    if framework == "torch":
        from ..torch.api import torch
        from ..torch.read import read

        return read, torch().stack
    from ..tensorflow.api import tensorflow
    from ..tensorflow.read import read

    return read, tensorflow().stack


def used_framework(function: Any) -> str | None:
    """Return the framework that a function's code refers to; None if it refers to none.

    If it refers to several, return the first of them in `FRAMEWORKS`.
    """
    modules: set[str] = set()
    waiting, seen = [function], set()
    while waiting:
        current = waiting.pop()
        current = current.func if isinstance(current, functools.partial) else current
        current = getattr(current, "__func__", getattr(current, "__wrapped__", current))
        if isinstance(current, types.ModuleType):
            modules.add(current.__name__.split(".")[0])
        elif isinstance(current, types.FunctionType):
            if id(current.__code__) in seen:
                continue
            seen.add(id(current.__code__))
            modules.add((current.__module__ or "").split(".")[0])
            modules |= {name.split(".")[0] for name in _imported_modules(current.__code__)}
            waiting += [
                current.__globals__[n] for n in _names(current.__code__) if n in current.__globals__
            ]
            waiting += [c.cell_contents for c in current.__closure__ or () if _is_filled(c)]
        elif callable(current) and not isinstance(current, type):
            modules.add((getattr(current, "__module__", None) or "").split(".")[0])
    return next((name for name in FRAMEWORKS if name in modules), None)


def _names(code: types.CodeType) -> set[str]:
    """Return the global and attribute names that a function and its nested functions use."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names}.union(*map(_names, inner))


def _imported_modules(code: types.CodeType) -> set[str]:
    """Return the modules that the body of a function imports."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    modules = {i.argval for i in dis.get_instructions(code) if i.opname == "IMPORT_NAME"}
    return modules.union(*map(_imported_modules, inner))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
