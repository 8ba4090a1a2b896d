"""Computation of the explorer's answers as plain data.

Every bound comes from `domains` or `questions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.progress import RangeProgress
from ..answers.range import Range
from ..core import Bounds, Box
from ..domains import bounds
from ..questions.common.network import GraphAlone
from ..questions.common.provenance import add_provenance
from ..questions.evidence.contradictions import check_forms, run_samples as run_sampled
from ..questions.evidence.evaluate import entries
from ..questions.output_range import output_range
from ..questions.sample_range import sample_range
from ..questions.summary import layer_row
from .exhibit import MOST_UNITS, Exhibit


if TYPE_CHECKING:
    from ..answers.summary import LayerRow
    from .messages import Ask


POINTS = 128
"""Maximum number of inputs at which the network is evaluated before the search."""

MOST_CASES = 16
"""Maximum number of categories, or combinations of categories, that are bounded separately before a
search."""

_CELLS = 1 << 20
"""Maximum number of entries of all values of a graph, over all inputs at which it is evaluated.

The graph is evaluated at three or more inputs, even if there are more entries then.
"""

DIGITS = 5
"""Significant digits of a unit's range, for drawing."""

STATES = ("dead", "saturated", "constant", "always_on")
"""Proved states of a unit. The page shows the first letter of the first state that applies."""

OPEN = "-"
"""The symbol for a unit without a proved state."""


@dataclass(frozen=True, eq=False)
class Ends:
    """The tried inputs at which each output is smallest and largest.

    Args:
        lo: The inputs with the smallest value of each output, `(outputs, inputs)`.
        hi: The inputs with the largest value of each output, `(outputs, inputs)`.
    """

    lo: np.ndarray
    hi: np.ndarray


@dataclass(frozen=True, eq=False)
class First:
    """The bounds that are available before the search, and their message for the page.

    Args:
        message: Message for the page.
        known: Proved bounds on the outputs, `(outputs,)` each.
        ends: The tried inputs at which the outputs are smallest and largest.
    """

    message: dict[str, Any]
    known: Bounds
    ends: Ends


def finite(values: Any) -> list[float | None]:
    """Flatten numbers to a list for JSON; None replaces numbers that are not finite."""
    flat = np.ravel(np.asarray(values, np.float64))
    return [v if ok else None for v, ok in zip(flat.tolist(), np.isfinite(flat), strict=True)]


def first_bounds(exhibit: Exhibit, ask: Ask, known: Bounds | None = None) -> Iterator[First]:
    """Yield proved bounds on outputs and units, and outputs at a few inputs, before the search.

    Args:
        exhibit: Content of the page.
        ask: A `range` question.
        known: Bounds on the outputs that were proved before; None if there are none.

    Yields:
        Linear bounds; for a large graph, interval bounds come first.
    """
    assert ask.box is not None
    network, box = exhibit.network, ask.box
    graph = network.graph
    seen, ends = _try_inputs(exhibit, box)
    low, high, proved = *_cases(exhibit, box), known
    for domain in ("intervals", "linear") if exhibit.is_large else ("linear",):
        values = [(lo.min(0), hi.max(0)) for lo, hi in bounds(graph, low, high, domain)]
        lo, hi = values[graph.output]
        proved = (lo, hi) if proved is None else (np.fmax(proved[0], lo), np.fmin(proved[1], hi))
        values[graph.output] = proved
        message = {
            **_range_message(ask, "bounds", proved, seen),
            "layers": [_strip(layer_row(network, layer, values)) for layer in network.layers],
        }
        yield First(message, proved, ends)


def _cases(exhibit: Exhibit, box: Box) -> Bounds:
    """Return bounds `(cases, inputs)` of boxes whose union contains the input set.

    There is one box per combination of categories, or a single box if there are more than
    `MOST_CASES` combinations.
    """
    domain = exhibit.boxes(box)
    return (domain.lo, domain.hi) if len(domain.lo) <= MOST_CASES else (box.lo[None], box.hi[None])


def _try_inputs(exhibit: Exhibit, box: Box) -> tuple[Bounds, Ends]:
    """Evaluate the network at some inputs of `Exhibit.boxes`: a midpoint, corners, random inputs.

    Returns:
        The smallest and the largest value of each output, `(outputs,)` each, and the inputs at
        which they occur.
    """
    graph, domain = exhibit.network.graph, exhibit.boxes(box)
    count = max(3, min(POINTS, _CELLS // max(1, entries(graph))))
    rng = np.random.default_rng(0)
    which = np.arange(count // 2) % len(domain.lo)
    corners = np.where(
        rng.integers(0, 2, (len(which), box.size)) > 0, domain.lo[which], domain.hi[which]
    )
    points = np.concatenate([domain.uniform(rng, count - len(which)), corners])
    points[:2], points[2] = (domain.lo[0], domain.hi[0]), domain.middle()[0]
    with np.errstate(all="ignore"):
        y = graph.run(points)
    low, high = (np.where(np.isnan(y), worst, y) for worst in (np.inf, -np.inf))
    least, most = low.argmin(axis=0), high.argmax(axis=0)
    return (low.min(axis=0), high.max(axis=0)), Ends(points[least], points[most])


def _range_message(ask: Ask, stage: str, known: Bounds, seen: Bounds) -> dict[str, Any]:
    lo, hi = known
    # Float64 evaluation may exceed the proved bounds by a rounding error.
    least, most = np.clip(seen[0], lo, hi), np.clip(seen[1], lo, hi)
    return {
        "say": "range",
        "id": ask.id,
        "stage": stage,
        "lo": finite(lo),
        "hi": finite(hi),
        "seen_lo": finite(least),
        "seen_hi": finite(most),
    }


def _strip(row: LayerRow) -> dict[str, Any]:
    """Return the states and ranges of a layer's units as data for the page.

    `before` contains ranges before the activation; it is absent if the layer has no activation.
    """
    masks = {name: np.ravel(getattr(row, name)) for name in STATES}
    state = np.full(np.size(row.dead), OPEN)
    for name in reversed(STATES):
        state = np.where(masks[name], name[0], state)
    strip = {
        "state": "".join(state[:MOST_UNITS]),
        "counts": {name: int((state == name[0]).sum()) for name in STATES},
        "after": _few_digits(row.after),
        "hull": finite([np.min(row.after[0]), np.max(row.after[1])]) if row.dead.size else None,
    }
    return strip if row.before is None else {**strip, "before": _few_digits(row.before)}


def _few_digits(ends: Bounds) -> list[list[float | None]]:
    rows = []
    for end in ends:
        shown = np.ravel(end)[:MOST_UNITS]
        rows.append([None if v is None else float(f"{v:.{DIGITS}g}") for v in finite(shown)])
    return rows


def exact_range(
    exhibit: Exhibit, ask: Ask, known: Bounds, say: Callable[[dict[str, Any]], None]
) -> tuple[Range, Ends]:
    """Search for the exact ranges of the outputs, and report bounds during and after the search.

    Args:
        exhibit: Content of the page.
        ask: A `range` question.
        known: Bounds on the outputs that were proved before.
        say: Function that sends a message to the page.

    Returns:
        The ranges, and the inputs at which the outputs are smallest and largest.
    """

    def report(now: RangeProgress) -> None:
        lo, hi = np.fmax(now.lo, known[0]), np.fmin(now.hi, known[1])
        message = _range_message(ask, "search", (lo, hi), (now.seen_lo, now.seen_hi))
        say({**message, "seconds": now.seconds, "boxes": now.boxes})

    # No bound may depend on a mixed-integer solver's tolerance: the page shows only proofs. The
    # model itself is run once no slider moves (`check`), since it takes longer than a small search.
    graph = GraphAlone(exhibit.network.graph, exhibit.network.name)
    assert ask.box is not None
    result = output_range(
        graph,
        exhibit.input_set(ask.box),
        time_limit=exhibit.seconds,
        solver=False,
        progress=report,
        remedies=False,
    )
    answer = add_provenance(narrow(result, known), exhibit.network)
    ends = (np.ravel(answer.lo), np.ravel(answer.hi))
    seen = (np.ravel(answer.seen_lo), np.ravel(answer.seen_hi))
    say(
        {
            **_range_message(ask, "done", ends, seen),
            "seconds": answer.cost.seconds,
            "boxes": answer.cost.boxes,
            "exact": answer.is_exact,
            "reason": answer.reason,
            "closed_lo": np.ravel(answer.closed_lo).tolist(),
            "closed_hi": np.ravel(answer.closed_hi).tolist(),
        }
    )
    count = np.size(answer.lo)
    return answer, Ends(flat_points(answer.at_lo, count), flat_points(answer.at_hi, count))


def narrow(answer: Range, known: Bounds) -> Range:
    """Intersect a range with bounds that were proved before.

    Sound: both the range and the bounds are valid. Seen values are unchanged, except that rounding
    errors are removed: `seen_lo` is at most `hi`, and `seen_hi` is at least `lo`.

    Args:
        known: Proved bounds on the outputs, `(outputs,)` each.
    """
    lo = np.fmax(answer.lo, np.reshape(known[0], answer.lo.shape))
    hi = np.fmin(answer.hi, np.reshape(known[1], answer.hi.shape))
    least, most = np.minimum(answer.seen_lo, hi), np.maximum(answer.seen_hi, lo)
    return replace(answer, lo=lo, hi=hi, seen_lo=least, seen_hi=most)


def check(exhibit: Exhibit, box: Box, answer: Range) -> None:
    """Compare an answer with the model itself, as `outrange.output_range` does.

    Raises:
        ContradictionError: An output of the model is outside the proved range. This is a bug in
            outrange.
    """
    network, count = exhibit.network, np.size(answer.lo)
    points = [*flat_points(answer.at_lo, count), *flat_points(answer.at_hi, count)]
    run = run_sampled(network, exhibit.regions(box), points)
    check_forms(run, np.eye(count), np.ravel(answer.lo), np.ravel(answer.hi))


def flat_points(at: np.ndarray | dict[str, np.ndarray], count: int) -> np.ndarray:
    """Flatten points in the shapes of the model's inputs to `(count, inputs)`.

    Args:
        at: An array whose first axis is the points, or a dict of such arrays if there are several
            inputs.
        count: Number of points.
    """
    parts: Sequence[np.ndarray] = list(at.values()) if isinstance(at, dict) else [at]
    return np.concatenate([np.reshape(part, (count, -1)) for part in parts], axis=1)


def at_point(exhibit: Exhibit, id: int, x: np.ndarray) -> dict[str, Any]:
    """Return the message with the outputs of the network and of the model itself at one input.

    Args:
        exhibit: Content of the page.
        id: ID of the question.
        x: The input, `(inputs,)`.
    """
    network = exhibit.network
    with np.errstate(all="ignore"):
        y = network.graph.run(x[None])[0]
        single = np.asarray(x[None], np.float32)
        model = None if network.predict is None else finite(network.predict(single))
    return {
        "say": "point",
        "id": id,
        "x": x.tolist(),
        "y": finite(y),
        "model": model,
        "rounded": not np.array_equal(single[0], x),
    }


def sample(exhibit: Exhibit, ask: Ask) -> dict[str, Any]:
    """Return the message with the ranges seen at random inputs, which are not proved bounds."""
    assert ask.box is not None
    seen = sample_range(exhibit.network, exhibit.input_set(ask.box), samples=ask.count)
    return {
        "say": "sample",
        "id": ask.id,
        "lo": finite(seen.lo),
        "hi": finite(seen.hi),
        "samples": seen.samples,
        "seconds": seen.seconds,
    }
