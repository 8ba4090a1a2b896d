"""Output ranges over finitely many sampled inputs; they prove nothing and serve for comparison."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..answers.sampled import SampledRange
from ..core import Box, InputError, Region, check_deadline
from ..core.clock import read_clock
from ..graph import Slot
from ..search.common.domain_boxes import DomainBoxes
from .common.network import NetworkLike
from .common.provenance import input_domain
from .conditions.integer_cases import union_of_boxes
from .inputs.columns import is_frame
from .inputs.parse_box import input_box, whole_entries
from .inputs.sets import Mixed
from .inputs.sets.regions import regions
from .output_range import split_inputs


CORNERS = 1024
"""Maximum number of corners of the input set that are evaluated first."""

_CELLS = 1 << 21
"""Maximum size of a batch of random inputs, times the size of the graph's largest value."""


def sample_range(
    network: NetworkLike, box: Any, *, samples: int = 100_000, seed: int = 0
) -> SampledRange:
    """Compute the smallest and largest outputs at corners and at random points of the input set.

    The arguments are described in `outrange.sample_range`.
    """
    for name, value, least in (("samples", samples, 1), ("seed", seed, 0)):
        is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not is_integer or value < least:
            raise InputError(f"`{name}` must be an integer >= {least}. Received: {name}={value!r}.")
    graph = network.graph
    over, domain = sampled_set(graph.inputs, box)
    start = read_clock()
    width = max(graph.value_size(v) for v in range(len(graph.nodes) + 1))
    batch = max(1, min(16384, _CELLS // width))
    rng = np.random.default_rng(seed)
    corner_points = _corners(domain, rng, min(CORNERS, samples))
    size = graph.value_size(graph.output)
    ends = [(np.full(size, np.inf), np.zeros((size, graph.size))) for _ in range(2)]
    done = 0
    while done < samples:
        check_deadline()
        if done == 0:
            points = corner_points
        else:
            count = min(batch, samples - done)
            points = domain.uniform(rng, count)
        values = graph.run(points)
        for sign, (best, at) in zip((1.0, -1.0), ends, strict=True):
            _improve(sign * values, points, best, at)
        done += len(points)
    shapes = {slot.name: slot.shape for slot in graph.outputs}
    shape = next(iter(shapes.values())) if len(shapes) == 1 else (size,)
    (lo, at_lo), (hi, at_hi) = ends
    return SampledRange(
        model=network.name,
        inputs={slot.name: slot.shape for slot in graph.inputs},
        outputs=shapes,
        lo=lo.reshape(shape),
        hi=(0.0 - hi).reshape(shape),
        at_lo=split_inputs(network, at_lo, shape),
        at_hi=split_inputs(network, at_hi, shape),
        samples=done,
        seed=int(seed),
        seconds=read_clock() - start,
        over=input_domain(graph.inputs, over),
    )


def sampled_set(slots: Sequence[Slot], box: Any) -> tuple[list[Region], DomainBoxes]:
    """Return the regions of an input set, and the boxes from which its points are drawn.

    Args:
        slots: The inputs of the model.
        box: A box, a `Mixed` set or a DataFrame. Integer and one-hot constraints are respected. If
            they have more than `MOST_CASES` combinations, they are dropped, and the result is the
            box alone.
    """
    if isinstance(box, Mixed) or is_frame(box):
        parts = regions(slots, box)
        domain = union_of_boxes(parts)
        if domain is not None:
            return parts, domain
    where = input_box(slots, box)
    return [Region(where)], DomainBoxes(where.lo[None], where.hi[None], whole_entries(slots))


def _corners(domain: DomainBoxes, rng: np.random.Generator, most: int) -> np.ndarray:
    """Return at most `most` corners `(n, inputs)`, with the same limit for each box."""
    boxes = [Box(*ends) for ends in zip(domain.lo[:most], domain.hi[:most], strict=True)]
    return np.concatenate([corners(box, rng, max(1, most // len(boxes))) for box in boxes])[:most]


def corners(where: Box, rng: np.random.Generator, most: int) -> np.ndarray:
    """Return all corners of a box if there are at most `most`, `(n, inputs)`.

    Otherwise return `most` corners: `hi`, also `lo` if `most` is at least 2, and random ones.
    """
    free = np.flatnonzero(where.hi > where.lo)
    if free.size < 31 and 2**free.size <= most:
        picks = (np.arange(2**free.size)[:, None] >> np.arange(free.size)) & 1
    else:
        picks = rng.integers(0, 2, (most, free.size))
        picks[0] = 0
        picks[-1] = 1
    points = np.repeat(where.lo[None], len(picks), axis=0)
    points[:, free] = np.where(picks == 1, where.hi[free], where.lo[free])
    return points


def _improve(values: np.ndarray, points: np.ndarray, best: np.ndarray, at: np.ndarray) -> None:
    """Update the minima `best` and their points `at` in place with the column minima of `values`.

    NaN values are ignored.
    """
    values = np.where(np.isnan(values), np.inf, values)
    row = np.argmin(values, axis=0)
    minima = values[row, np.arange(best.size)]
    better = minima < best
    best[better] = minima[better]
    at[better] = points[row[better]]
