"""Random graphs whose float32 runs are tried: every kind of op, and cancelling sums on purpose."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from outrange.core import UnsupportedError
from outrange.domains.float32 import bound_deviations, plan_of_rows
from outrange.graph import Builder, Slot
from outrange.ops import curve
from outrange.ops.float32 import float32_error
from small_graphs import NETS, describable, normal, wild_graph


def functions() -> list[str]:
    """Return the names of the functions with a stated float32 error."""
    return [name for name in describable() if float32_error(curve(name)) is not None]


def graphs(count: int, kinds: Sequence[int] = (0, 1, 2)) -> Iterator[tuple[int, Any]]:
    """Yield `count` pairs of a seed and a supported graph: wild, a net, or cancelling sums."""
    acts, seed, yielded = functions(), 0, 0
    while yielded < count:
        seed += 1
        if (seed - 1) % 3 not in kinds:
            continue
        graph = _graph(seed - 1, acts)
        point = np.zeros((1, graph.size))
        try:
            with np.errstate(all="ignore"):
                bound_deviations(
                    plan_of_rows(graph, np.eye(graph.value_size(graph.output))), point, point
                )
        except UnsupportedError:  # a curve that was fused has no float32 code
            continue
        yielded += 1
        yield seed - 1, graph


def _graph(seed: int, acts: list[str]) -> Any:
    rng, kind, turn = np.random.default_rng(seed), seed % 3, seed // 3
    if kind == 0:
        return wild_graph(rng, acts, products=True)
    if kind == 1:
        return NETS[turn % len(NETS)](rng, acts[turn % len(acts)])
    return cancelling_graph(rng, acts)


def cancelling_graph(rng: np.random.Generator, acts: list[str]) -> Any:
    """Draw a graph whose large shifts, factors and branches almost cancel."""
    d = int(rng.integers(2, 6))
    b = Builder([Slot("x", (d,))])
    (h,) = b.input_values()
    for _ in range(int(rng.integers(1, 4))):
        n = int(rng.integers(2, 8))
        big = np.float64(np.float32(10.0 ** rng.uniform(0.0, 7.0)))
        z = b.dense(
            h, normal(rng, h.shape[1], n), rng.normal(size=n) if rng.random() < 0.7 else None
        )
        way = int(rng.integers(0, 8))
        if way == 0:  # a batch norm behind
            z = b.affine_map(b.affine_map(z, 1.0, big * rng.normal(size=n)), *_norm(rng, n, big))
        elif way == 1:  # a residual
            z = b.add(z, b.dense(h, big * normal(rng, h.shape[1], n)))
            z = b.subtract(z, b.dense(h, big * normal(rng, h.shape[1], n)))
        elif way == 2:  # constants that cancel
            z = b.affine_map(b.affine_map(z, 1.0, big), 1.0, np.full(n, -big))
        elif way == 3:  # read by others, too
            moved = b.affine_map(b.affine_map(z, 1.0, big), rng.normal(size=n), -big)
            z = b.concat([z, moved, b.curve(str(rng.choice(acts)), z)], 1)
        elif way == 4:  # a batch norm before a matrix
            z = b.affine_map(z, rng.normal(size=n), np.full(n, big), ulps=4)
            z = b.dense(z, normal(rng, n, n), None)
        elif way == 5:
            index = np.array([rng.permutation(n)[: max(2, n - 1)] for _ in range(3)])
            z = b.gather_sum(z, index, 1.0 / index.shape[1], (1, 3), ulps=1)
            z = b.affine_map(z, 1.0, big)
        elif way == 6:  # a product of exponentials
            z = b.multiply(
                b.curve("exp", z), b.curve("exp", b.dense(h, normal(rng, h.shape[1], n)))
            )
        if rng.random() < 0.6:
            z = b.curve(str(rng.choice(acts)), z)
        h = z
    graph = b.finish([b.dense(h, normal(rng, h.shape[1], 2), rng.normal(size=2))], ["y"])
    return b.plain or graph


def long_graph(rng: np.random.Generator) -> Any:
    """A long sum of small terms that is read by one with a large number in it."""
    b, d = Builder([Slot("x", (97,))]), 96
    (x,) = b.input_values()
    z = b.dense(x, np.r_[normal(rng, d, 1), [[0.0]]])
    big = np.float64(np.float32(2.0 ** rng.uniform(8.0, 14.0)))
    way = int(rng.integers(0, 3))
    if way == 0:
        z = b.affine_map(b.affine_map(z, 1.0, -1.0), 1.5, big, ulps=4)
    elif way == 1:
        z = b.affine_map(b.affine_map(z, 1.0, big), 1.0, -big)
    else:
        z = b.add(z, b.affine_map(b.rearrange([x], [[96]]), big))
    graph = b.finish([z], ["y"])
    return b.plain or graph


def _norm(rng: np.random.Generator, n: int, big: float) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(0.1, 3.0, n), big * rng.normal(size=n)
