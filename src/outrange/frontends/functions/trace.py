"""Any function of arrays as values of a builder: by NumPy's protocol, or by its framework."""

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
from .symbol import NOT_FINITE, Symbol, unwrapped


FRAMEWORKS = ("keras", "jax", "torch", "tensorflow")
"""Modules whose functions do not take what is no array of their own, in the order asked."""


def trace(
    b: Builder,
    function: Callable,
    operands: Sequence[Operand],
    size: int | None,
    what: str,
    given: Sequence[str] = (),
) -> Value:
    """What a function returns for some operands, as one vector.

    Args:
        b: The builder.
        function: Of one array per operand; it returns an array, or a list of numbers.
        operands: Vectors without a batch axis: values, or arrays.
        size: Of what it must return; None for any.
        what: What the function is, for messages.
        given: What each operand holds, in the singular, for messages: "state".

    Raises:
        InputError: It returns something of another size, or holds a number that is not finite.
        UnsupportedError: It computes something that is not described.
    """
    try:
        found = _by_framework(b, function, operands)
    except OutrangeError as error:
        raise type(error)(f"{what}: {error}.".replace("..", ".")) from error
    except Exception as error:
        table = "For an entry of a table write `np.choose(place, [1.0, 2.5])`. "
        filled = "In place of filling an array, return a list: `return [a, b]`. "
        raise InputError(
            f"{what} is called once, with arrays whose numbers are not known yet, and must return "
            "the result as an array or a list; it may use NumPy, `keras.ops`, JAX or PyTorch. "
            f"{table * isinstance(error, IndexError)}"
            f"{filled * ('setting an array element' in str(error))}"
            f"Received: a function that raises {type(error).__name__}: {error}."
            f"{_sizes(operands, given)}"
        ) from error
    size = int(found.size) if size is None else size
    if found.size != size:
        raise InputError(
            f"{what} returns {size} number{'s' * (size != 1)}, one for each entry. Received: "
            f"{found.size}, of shape {tuple(found.shape)}."
        )
    flat = b.structural(lambda a: a[0].reshape(1, size), [found])
    return flat if isinstance(flat, Value) else b.constant_value(np.asarray(flat, np.float64))


def _refuse_infinite(nodes: Sequence[Node], first: int, found: Operand) -> None:
    """Refuse a number that is not finite: in an operation of a framework, or as a result.

    A comparison with infinity, as in `nan_to_num`, is allowed.

    Raises:
        InputError: There is one.
    """
    numbers = [] if isinstance(found, Value) else [np.asarray(found, np.float64)]
    used = {j for node in nodes if not isinstance(node.op, Step) for j in node.inputs}
    for value, node in enumerate(nodes, first + 1):
        op = node.op
        if value not in used and not (isinstance(found, Value) and found.index == value):
            continue
        if isinstance(op, Affine):
            numbers += [op.bias, op.apply(tuple(np.ones((1, n)) for n in op.sizes), False)]
        elif isinstance(op, Rearrange):
            numbers.append(op.fill[op.index < 0])
    for each in numbers:
        bad = ~np.isfinite(each)
        if bad.any():
            raise InputError(NOT_FINITE.format(each[bad].flat[0]))


def _sizes(operands: Sequence[Operand], given: Sequence[str]) -> str:
    """How many numbers a function is called with, in a sentence; nothing without names."""
    sizes = [int(np.prod(x.shape)) for x in operands[: len(given)]]
    said = [f"{n} {noun}{'s' * (n != 1)}" for n, noun in zip(sizes, given, strict=True) if noun]
    return f" It is called with {' and '.join(said)}." if said else ""


def _by_framework(b: Builder, function: Callable, operands: Sequence[Operand]) -> Operand:
    framework = used_framework(function)
    if framework is None:
        given = [Symbol(x) if isinstance(x, Value) else x for x in operands]
        return unwrapped(b, _tupled(function(*given)))
    if framework == "keras":
        from ..keras.api import keras

        framework = keras().backend.backend()
    read, stack = _reader(framework)

    def flat(*arrays: Any) -> list[Any]:
        found = function(*arrays)
        return [stack(found) if isinstance(found, list | tuple) else found]

    first = len(b.nodes)
    (found,) = read(b, flat, operands, ["float64"] * len(operands))
    _refuse_infinite(b.nodes[first:], first, found)
    return found


def _tupled(found: Any) -> Any:
    if found is None:
        raise UnsupportedError("It returns nothing: end it with `return`")
    return list(found) if isinstance(found, tuple) else found


def _reader(framework: str) -> tuple[Callable, Callable]:
    """How a framework's code is read, and how it joins a list of numbers."""
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
    """The framework whose functions a function calls, by the modules that its code names."""
    found: set[str] = set()
    waiting, seen = [function], set()
    while waiting:
        one = waiting.pop()
        one = one.func if isinstance(one, functools.partial) else one
        one = getattr(one, "__func__", getattr(one, "__wrapped__", one))
        if isinstance(one, types.ModuleType):
            found.add(one.__name__.split(".")[0])
        elif isinstance(one, types.FunctionType):
            if id(one.__code__) in seen:
                continue
            seen.add(id(one.__code__))
            found.add((one.__module__ or "").split(".")[0])
            found |= {name.split(".")[0] for name in _imported(one.__code__)}
            waiting += [one.__globals__[n] for n in _names(one.__code__) if n in one.__globals__]
            waiting += [c.cell_contents for c in one.__closure__ or () if _is_filled(c)]
        elif callable(one) and not isinstance(one, type):
            found.add((getattr(one, "__module__", None) or "").split(".")[0])
    return next((name for name in FRAMEWORKS if name in found), None)


def _names(code: types.CodeType) -> set[str]:
    """Names in a function's code and in functions inside it."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names}.union(*map(_names, inner))


def _imported(code: types.CodeType) -> set[str]:
    """Modules that a function imports itself."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    found = {i.argval for i in dis.get_instructions(code) if i.opname == "IMPORT_NAME"}
    return found.union(*map(_imported, inner))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
