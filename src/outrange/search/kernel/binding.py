"""Bindings to the compiled box kernel."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from ...core import Box
from ...core.clock import charge
from .heights import heights_of as heights_of, sizes_of
from .layer_program import LayerProgram
from .sparse import Matrix, as_array, entries_of, share_of


VERSION = 6
"""Version of the compiled library's interface."""

DENSE_SHARE = 0.25
"""Fraction of nonzeros above which a matrix is stored as a dense array."""

SWAMPED = 1e-3
"""Ratio of new to old rounding radii below which another pass is made, because the old radii were
far too large."""

MOST_PASSES = 6
"""Maximum number of passes of `root_magnitudes`, each of which recomputes the rounding radii."""

_P, _I, _D = ctypes.c_void_p, ctypes.c_int, ctypes.c_double


class Kernel:
    """The functions of a compiled library for one processor level.

    Args:
        level: The processor level for which the functions were compiled, such as `native`.
    """

    def __init__(self, lib: ctypes.CDLL, level: str) -> None:
        self.level = level
        for name, (result, arguments) in _FUNCTIONS.items():
            function = lib[f"outrange_{name}_{level}"]
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    tape_new: Callable[..., int]
    tape_noise: Callable[..., None]
    tape_whole: Callable[..., None]
    tape_climbs: Callable[..., None]
    tape_deep: Callable[..., None]
    tape_level: Callable[..., None]
    tape_apart: Callable[..., None]
    tape_source: Callable[..., None]
    tape_free: Callable[..., None]
    explore: Callable[..., int]
    bound: Callable[..., int]
    evaluate: Callable[..., None]
    prover_new: Callable[..., int]
    prover_block: Callable[..., None]
    prover_begin: Callable[..., None]
    prover_take: Callable[..., int]
    prover_resume: Callable[..., None]
    prover_run: Callable[..., int]
    prover_tree: Callable[..., int]
    prover_free: Callable[..., None]


_FUNCTIONS: dict[str, tuple[type | None, list[type]]] = {
    "tape_new": (_P, [_I, _I, _P]),
    "tape_noise": (None, [_P, _D]),
    "tape_whole": (None, [_P, _P]),
    "tape_climbs": (None, [_P, _I]),
    "tape_deep": (None, [_P, _I]),
    "tape_level": (None, [_P, _I, _I, _I, _D, _D, _P, _P, _P, _I]),
    "tape_apart": (None, [_P, _I, _I]),
    "tape_source": (None, [_P, _I, _I, _I, _I, _I, _P, _P, _P, _P]),
    "tape_free": (None, [_P]),
    "explore": (_I, [_P, _I] + [_P] * 5 + [_I] * 5 + [_P] * 13),
    "bound": (_I, [_P, _P, _P, _P, _I] + [_P] * 7),
    "evaluate": (None, [_P, _I, _P, _P]),
    "prover_new": (_P, [_I, _I, _I, _I, _P, _P, _P, _I, _I]),
    "prover_block": (None, [_P, _I, _I, _I, _I, _D, _D, _P, _P]),
    "prover_begin": (None, [_P, _P, _P]),
    "prover_take": (_I, [_P, _I, _P, _P, _P, _P, _P]),
    "prover_resume": (None, [_P, _P, _P, _P, _P, _P]),
    "prover_run": (_I, [_P, _I]),
    "prover_tree": (_P, [_P, _P, _P]),
    "prover_free": (None, [_P]),
}


def library() -> Kernel | None:
    """Return the best compiled kernel that runs on this processor, or None if there is none."""
    return next(iter(installed_kernels()), None)


@functools.cache
def installed_kernels() -> tuple[Kernel, ...]:
    """Return the package's kernels that run on this processor, best first."""
    folder = Path(__file__).parent
    for path in sorted([*folder.glob("_kernel*.so"), *folder.glob("_kernel*.dll")]):
        if usable_kernels := kernels(path):
            return tuple(usable_kernels)
    return ()


def kernels(path: Path) -> list[Kernel]:
    """Return the kernels of a compiled library that run on this processor, best first.

    Args:
        path: The library. If it was built for another system or with another interface version, the
            list is empty.
    """
    try:
        lib = ctypes.CDLL(str(path))
        version = lib.outrange_kernel_version()
    except (OSError, AttributeError):
        return []
    if version != VERSION:
        return []
    lib.outrange_kernel_level.restype = ctypes.c_char_p
    lib.outrange_kernel_level.argtypes = [_I, ctypes.POINTER(_I)]
    available, usable = [], _I()
    while (level := lib.outrange_kernel_level(len(available), ctypes.byref(usable))) is not None:
        available.append((level.decode(), bool(usable.value)))
    return [Kernel(lib, level) for level, works in available if works]


def address(array: np.ndarray) -> int:
    """Return the memory address of a contiguous array, which the caller must keep alive."""
    return array.ctypes.data


def memory(at: int, count: int) -> bytes:
    """Return a copy of `count` bytes of the kernel's memory, starting at address `at`."""
    return ctypes.string_at(at, count)


class CompiledProgram:
    """A layer program in the kernel's own memory layout.

    Args:
        reach: `(inputs,)` the largest absolute value of each input on the root box.
        values: Per layer, `(n,)` bounds on the absolute values `|h|` of its units on the root box;
            None to derive them from `reach`.
        radii: Whether to account for rounding errors. Only tests set this to False, to check that
            bounds are then violated.
        whole: `(inputs,)` mask of the integer inputs.
        kernel: The compiled kernel; None for this processor's kernel.
    """

    def __init__(
        self,
        program: LayerProgram,
        reach: np.ndarray,
        values: list[np.ndarray] | None = None,
        radii: bool = True,
        whole: np.ndarray | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        lib = kernel or library()
        if lib is None:
            raise RuntimeError("The package has no compiled kernel. Check `library()` first.")
        self.program, self.lib = program, lib
        self.objectives = program.layers[-1].size
        self._kept: list[np.ndarray] = []
        sizes = sizes_of(program, reach, values)
        self.handle = lib.tape_new(
            program.inputs, len(program.layers), address(self._keep(reach, np.float64))
        )
        if whole is not None and whole.any():
            lib.tape_whole(self.handle, address(self._keep(whole, np.uint8)))
        if not radii:
            lib.tape_noise(self.handle, 0.0)
            sizes = [(z, 0.0 * rho) for z, rho in sizes]
        self.radius = sizes[-1][1]
        """`(m,)` the rounding radii of the objectives' own sums: the smallest gaps that can be
        reached."""
        for k, (layer, (z, rho)) in enumerate(zip(program.layers, sizes, strict=True), 1):
            arrays = [address(self._keep(a, np.float64)) for a in (layer.bias, rho, z)]
            lib.tape_level(
                self.handle,
                k,
                layer.size,
                layer.linear,
                layer.below,
                layer.above,
                *arrays,
                len(layer.sources),
            )
            if layer.first:
                lib.tape_apart(self.handle, k, layer.first)
            for i, (source, matrix) in enumerate(layer.sources.items()):
                self._source(k, i, source, matrix)

    def _keep(self, array: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """Convert an array for the kernel, and keep the result alive as long as the program."""
        self._kept.append(np.ascontiguousarray(array, dtype))
        return self._kept[-1]

    def _source(self, k: int, i: int, source: int, matrix: Matrix) -> None:
        """Pass the `i`-th matrix of layer `k` to the kernel, in dense or sparse form."""
        dense = bool(share_of(matrix) > DENSE_SHARE)
        if dense:
            stride = -(-matrix.shape[1] // 8) * 8
            padded = np.zeros((matrix.shape[0], stride))
            padded[:, : matrix.shape[1]] = as_array(matrix)
            parts = (address(self._keep(padded, np.float64)), None, None, None)
        else:
            stride = 0
            row, column, value = entries_of(matrix)
            start = np.zeros(matrix.shape[0] + 1, np.int64)
            np.cumsum(np.bincount(row, minlength=matrix.shape[0]), out=start[1:])
            parts = (
                None,
                address(self._keep(start, np.int64)),
                address(self._keep(column, np.int32)),
                address(self._keep(value, np.float64)),
            )
        self.lib.tape_source(self.handle, k, i, source, dense, stride, *parts)

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self.lib.tape_free(self.handle)
            self.handle = None

    def go_deep(self, deep: bool) -> None:
        """Set the order in which a kernel call bounds the sub-boxes of each of its boxes.

        Args:
            deep: True to bound the least urgent sub-box first, False for the most urgent one.
                With True, fewer boxes are open at a time.
        """
        self.lib.tape_deep(self.handle, int(deep))

    def sharpen(self, steps: int) -> None:
        """Set the number of ascent steps on the bounds of nearly stable units; 0 for none.

        These units have the same phase at all sample points, and have nearly been proved stable.
        Units in layers of differences are left out.
        """
        self.lib.tape_climbs(self.handle, steps)

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Evaluate objectives `(batch, m)` at points `(batch, d)` in plain float64."""
        x = np.ascontiguousarray(x, np.float64)
        y = np.empty((len(x), self.objectives))
        charge(len(x) * self.program.products)
        self.lib.evaluate(self.handle, len(x), address(x), address(y))
        return y

    def bound(
        self, lo: np.ndarray, hi: np.ndarray, status: np.ndarray, steps: int = 4
    ) -> tuple[np.ndarray, ...]:
        """Bound the objectives over one box.

        Return `(least, A, offset, scores, status, lo_z, hi_z)`: lower bounds `(m,)`; coefficients
        `(m, d)` and constants `(m,)` of lower linear forms; branching scores `(m, d)` of the
        inputs; phases `(s,)` of the units, and bounds `(s,)` on their sums, NaN if unknown.
        """
        m, d, s = self.objectives, self.program.inputs, self.program.states
        least, a, offset, scores = np.empty(m), np.empty((m, d)), np.empty(m), np.empty((m, d))
        out, lo_z, hi_z = np.zeros(s, np.int8), np.full(s, np.nan), np.full(s, np.nan)
        lo, hi = (np.ascontiguousarray(v, np.float64) for v in (lo, hi))
        status = np.ascontiguousarray(status, np.int8)
        self.lib.bound(
            self.handle,
            address(lo),
            address(hi),
            address(status),
            steps,
            *map(address, (least, a, offset, scores, out, lo_z, hi_z)),
        )
        return least, a, offset, scores, out, lo_z, hi_z


def root_magnitudes(
    program: LayerProgram, box: Box, whole: np.ndarray | None = None
) -> CompiledProgram:
    """Compile a program, with rounding radii derived from linear bounds over this box.

    In a deep network, the magnitudes from interval arithmetic may be so large that the rounding
    radii swamp the bounds. Radii derived from the bounds of the previous pass are then much
    smaller, so up to `MOST_PASSES` passes are made.

    Args:
        whole: `(inputs,)` mask of the integer inputs.
    """
    reach = np.maximum(np.abs(box.lo), np.abs(box.hi))
    compiled = CompiledProgram(program, reach)
    unknown = np.zeros(program.states, np.int8)
    for _ in range(MOST_PASSES):
        sums = compiled.bound(box.lo, box.hi, unknown, 1)[-2:]
        better = CompiledProgram(program, reach, heights_of(program, *sums), whole=whole)
        before, compiled = compiled.radius, better
        if not np.any(compiled.radius < SWAMPED * before):
            break
    return compiled
