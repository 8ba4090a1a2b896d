"""Files of mixed-integer linear programs for other solvers.

HiGHS writes the MPS files, and this module writes the LP files. The LP files that HiGHS writes have
a section named `bin`. CBC would read this name as a variable, and ignore that the variables in this
section are integers. The objective is always minimized, since CBC ignores the sense of an MPS file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ...core import Bounds, Box, InputError, UnsupportedError
from ...graph import Graph
from .encoding import Encoding, has_encoding
from .highs import module, quiet_solver


SUFFIXES = (".lp", ".mps")
"""Suffixes of the supported file formats."""

PER_LINE = 4
"""Maximum number of terms per line of an LP file, since some readers limit the line length."""


def check_encoding(graph: Graph) -> None:
    """Check that a graph has an exact mixed-integer form.

    Raises:
        UnsupportedError: An op of the graph is not piecewise linear.
    """
    for node in graph.nodes:
        if not has_encoding(node.op):
            raise UnsupportedError(
                "A mixed-integer linear program needs a network of piecewise-linear operations, "
                f"such as ReLU and max pooling. Received: `{node.op.name}` in `{node.source}`."
            )


def write_program(
    graph: Graph,
    box: Box,
    bounds: Sequence[Bounds],
    path: str | os.PathLike,
    *,
    output: int = 0,
    maximize: bool = False,
) -> None:
    """Write the program that optimizes one output of a graph over a box.

    Args:
        graph: A graph that `check_encoding` accepts.
        box: Box of the inputs.
        bounds: Finite bounds `(lo, hi)` on every value of the graph.
        path: A file whose name ends in `.lp` or `.mps`, replaced if it exists.
        output: Index of the output to optimize.
        maximize: Whether to maximize the output; the objective is then its negative.

    Raises:
        InputError: The file cannot be written.
    """
    path = Path(path)
    encoding = Encoding(graph, box, bounds)
    columns = encoding.add_outputs(*bounds[graph.output])
    sign = -1.0 if maximize else 1.0
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        if path.suffix == ".lp":
            lines = _lp_lines(encoding, encoding.names[columns[output] - 1], sign)
            part.write_text("\n".join(lines) + "\n", encoding="ascii")
        else:
            part.touch()  # HiGHS reports no reason if it cannot write.
            _write_mps(encoding, columns[output], sign, part)
        os.replace(part, path)
    except OSError as error:
        raise InputError(
            f"The mixed-integer program must be written to a writable path ({error.strerror}). "
            f"Received: `{path}`."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _write_mps(encoding: Encoding, column: int, sign: float, path: Path) -> None:
    """Write an MPS file that minimizes `sign` times a column."""
    objective = np.zeros(1 + len(encoding.lower))
    objective[column] = sign
    solver = quiet_solver()
    solver.passModel(encoding.program(objective))
    if solver.writeModel(str(path)) == module().HighsStatus.kError:
        raise InputError(
            "The solver HiGHS must be able to write the file; choose another path. Received: "
            f"`{path}`."
        )


def _lp_lines(encoding: Encoding, objective: str, sign: float) -> Iterator[str]:
    """Yield the lines of an LP file that minimizes `sign` times the column named `objective`."""
    names = encoding.names
    yield from ("Minimize", f" obj: {sign:+g} {objective}", "Subject To")
    for k, (row, lo, hi) in enumerate(encoding.rows):
        at = np.flatnonzero(row).tolist()
        terms = [f"{float(row[j])!r} {names[j]}" for j in at] or [f"0 {names[0]}"]
        terms = [terms[0], *(t if t.startswith("-") else f"+ {t}" for t in terms[1:])]
        chunks = [" ".join(terms[i : i + PER_LINE]) for i in range(0, len(terms), PER_LINE)]
        sides = [("=", lo)] if lo == hi else [(">=", lo), ("<=", hi)]
        for n, (sense, side) in enumerate(s for s in sides if np.isfinite(s[1])):
            yield f" r_{k}{'ab'[n]}: {chunks[0]}"
            yield from (f"  {chunk}" for chunk in chunks[1:])
            yield f"  {sense} {float(side)!r}"
    yield "Bounds"
    for name, lo, hi in zip(names, encoding.lower, encoding.upper, strict=True):
        yield f" {float(lo)!r} <= {name} <= {float(hi)!r}"
    binaries = [name for name, whole in zip(names, encoding.integer, strict=True) if whole]
    if binaries:
        yield "Binaries"
        yield from (f" {name}" for name in binaries)
    yield "End"
