"""Complex operands, such as the result of a Fourier transform, and the operations on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand
from .call import TracedCall


@dataclass(frozen=True, eq=False)
class Complex:
    """A complex operand: its real and its imaginary part, of the same shape."""

    real: Operand
    imag: Operand

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.real.shape)


def real_fourier(b: Builder, x: Operand, length: int) -> Complex:
    """Compute the Fourier transform of a real operand along its last axis, of size `length`.

    The result has the non-negative frequencies only.
    """
    k = np.outer(np.arange(length), np.arange(length // 2 + 1)) % length
    angle = 2.0 * np.pi * k / length
    parts = (b.dense(x, part, name="fourier") for part in (np.cos(angle), -np.sin(angle)))
    return Complex(*parts)


def lower_complex(c: TracedCall, rules: dict[str, Callable]) -> Complex | Operand:
    """Lower a step with complex operands, as steps on real and imaginary parts.

    Raises:
        UnsupportedError: The step has no rule for complex operands.
    """
    if c.kind in ("real", "imag"):
        return getattr(c.inputs[0], c.kind)
    if c.kind == "abs":
        x: Any = c.inputs[0]
        square = c.b.add(*(c.b.curve("square", part) for part in (x.real, x.imag)))
        return c.b.curve("sqrt", square)
    is_complex = [isinstance(x, Complex) for x in c.inputs]
    others = [x for x, skip in zip(c.inputs, is_complex, strict=True) if not skip]
    if c.kind in ("mul", "div") and is_complex == [True, False]:
        factor: Any = np.asarray(others[0])
        if not np.iscomplexobj(factor) or not factor.imag.any():
            return _apply_to_parts(c, rules, [c.inputs[0], np.asarray(factor.real, np.float64)])
    if c.kind in ("add", "sub") and all(is_complex):
        return _apply_to_parts(c, rules, c.inputs)
    if c.kind in ("reshape", "transpose", "squeeze", "expand_dims", "slice", "broadcast_in_dim"):
        return _apply_to_parts(c, rules, c.inputs)
    raise UnsupportedError(f"{c.kind} of complex numbers is not supported yet")


def _apply_to_parts(c: TracedCall, rules: dict[str, Callable], inputs: Sequence) -> Complex:
    parts = []
    for name in ("real", "imag"):
        part = [getattr(x, name) if isinstance(x, Complex) else x for x in inputs]
        result = rules[c.kind](replace(c, inputs=part))
        parts.append(result[0] if isinstance(result, list | tuple) else result)
    return Complex(*parts)
