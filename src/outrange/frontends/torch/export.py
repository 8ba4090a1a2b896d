"""Export of modules and functions to programs with `torch.export`."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core import ModelError, OutrangeError, UnsupportedError
from ..row_mixing import COMMON_SIZES
from .api import evaluating, quiet, torch
from .places import error_place


MOST_ROWS = 256
"""Only batch sizes below this number are searched for a branch in the code."""


def export_module(module: Any, examples: Sequence[np.ndarray]) -> Any:
    """Export a module in evaluation mode, and return the exported program.

    Args:
        examples: An array for each input of the module, with the batch axis.

    Raises:
        ModelError: The module's code cannot be exported.
    """
    tensors = tuple(torch().as_tensor(x) for x in examples)
    try:
        with evaluating(module):
            return _export(module, tensors)
    except OutrangeError:
        raise
    except Exception as error:
        shapes = ", ".join(str(tuple(x.shape)) for x in examples)
        place = error_place(error)
        raise ModelError(
            f"`torch.export` must be able to export the module `{type(module).__name__}` for an "
            f"input of shape {shapes}. {_remedy(error)}"
            f"Received: {type(error).__name__}: {first_line(error)}"
            f"{' at ' * bool(place)}{place}."
        ) from error


def branching_sizes(module: Any, examples: Sequence[np.ndarray]) -> list[int]:
    """Return numbers of rows at which a module's code may take a different branch.

    Args:
        examples: An array for each input of the module, with at least two rows.

    Returns:
        Numbers in increasing order. The export records conditions on the number of rows. For each
        condition, the result includes the smallest number from 2 to `MOST_ROWS - 1` that violates
        it, if there is such a number. The number 2 itself is omitted. If the module cannot be
        exported for a free number of rows, the result is `COMMON_SIZES`.
    """
    t = torch()
    tensors = tuple(t.as_tensor(x) for x in examples)
    dynamic = tuple({0: t.export.Dim.AUTO} for _ in tensors)
    try:
        with evaluating(module):
            program = _export(module, tensors, dynamic_shapes=dynamic)
    except Exception:  # the code computes with the number of rows in a way that has no formula
        return list(COMMON_SIZES)
    tensor = next(n.meta["val"] for n in program.graph.nodes if n.op == "placeholder")
    sizes = set()
    for guard in tensor.fake_mode.shape_env.guards if hasattr(tensor, "fake_mode") else ():
        symbols = list(guard.expr.free_symbols)
        if len(symbols) == 1:
            changes = (n for n in range(2, MOST_ROWS) if guard.expr.subs(symbols[0], n) == False)  # noqa: E712
            sizes.update([next(changes, 2)])
    return sorted(sizes - {2})


def export_function(function: Callable, tensors: Sequence[Any]) -> Any:
    """Export a function of tensors that returns a flat list of tensors, and return the program."""
    t = torch()

    class Wrapped(t.nn.Module):
        def forward(self, *tensors: Any) -> tuple[Any, ...]:
            return tuple(function(*tensors))

    return _export(Wrapped(), tuple(tensors))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, cut to at most 300 characters."""
    text = str(error).strip()
    return text.splitlines()[0][:300].rstrip(".") if text else ""


def _export(module: Any, tensors: tuple[Any, ...], **options: Any) -> Any:
    t = torch()
    # PyTorch prints the graph so far to stderr before it raises an error.
    with quiet(), t.no_grad(), _real_parameters(t), contextlib.redirect_stderr(io.StringIO()):
        return t.export.export(module, tensors, strict=False, **options)


def _remedy(error: Exception) -> str:
    if "data-dependent" not in str(error):
        return ""
    return (
        "Its code must not branch on the value of a tensor: select values with `torch.where`, and "
        "pass `validate_args=False` to `torch.distributions`. "
    )


@contextlib.contextmanager
def _real_parameters(t: Any) -> Iterator[None]:
    """Allow distributions whose parameters may be any real numbers.

    A distribution raises an error if a parameter violates its constraint, but an exported program
    cannot represent this error. Every real number satisfies `constraints.real`, so this constraint
    is not checked. Other constraints (a positive scale, probabilities) are rejected: where they are
    violated, the module has no value, but the program would have one.
    """
    kind = t.distributions.Distribution
    original = kind.__init__

    def build(
        self: Any, batch_shape: Any = (), event_shape: Any = (), validate_args: Any = None
    ) -> None:
        validated = self._validate_args if validate_args is None else validate_args
        if validated:
            _check_constraints(t, self)
        original(self, t.Size(batch_shape), t.Size(event_shape), validate_args=False)
        self._validate_args = validated

    kind.__init__ = build
    try:
        yield
    finally:
        kind.__init__ = original


def _check_constraints(t: Any, distribution: Any) -> None:
    """Raise an error if a checked constraint of a distribution is not `real`."""
    constraints, name = t.distributions.constraints, type(distribution).__name__
    real = type(constraints.real)
    for parameter, constraint in distribution.arg_constraints.items():
        lazy = isinstance(
            getattr(type(distribution), parameter, None), t.distributions.utils.lazy_property
        )
        if constraints.is_dependent(constraint) or (lazy and parameter not in vars(distribution)):
            continue
        inner = constraint
        while hasattr(inner, "base_constraint"):
            inner = inner.base_constraint
        if not isinstance(inner, real):
            raise UnsupportedError(
                f"`{name}` raises an error if `{parameter}` violates {constraint}, which depends "
                "on the input. Pass `validate_args=False`, or build the distribution from "
                f"`logits=`. Received: `{name}` with `validate_args=True` (the default)."
            )
