"""The answers of the explorer, as plain data: every end comes from `domains` or `questions`."""

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
from ..questions.common.stamp import stamped
from ..questions.evidence.contradictions import check_forms, sampled as run_sampled
from ..questions.evidence.evaluate import entries
from ..questions.output_range import output_range
from ..questions.sample_range import sample_range
from ..questions.summary import layer_row
from .exhibit import MOST_UNITS, Exhibit


if TYPE_CHECKING:
    from ..answers.summary import LayerRow
    from .messages import Ask


POINTS = 128
"""Inputs at which the network is evaluated before anything is searched."""

MOST_CASES = 16
"""Categories, or combinations of them, that are bounded one by one before a search."""

_CELLS = 1 << 20
"""Entries of a graph's values that those may take."""

DIGITS = 5
"""Significant digits of a unit's range, of which a picture is drawn."""

STATES = ("dead", "saturated", "constant", "always_on")
"""What is proved of a unit; the first that holds is shown, by its first letter."""

OPEN = "-"
"""A unit of which none is proved."""


@dataclass(frozen=True, eq=False)
class Ends:
    """Inputs at which outputs are least and largest, of all that were tried.

    Args:
        lo: `(outputs, inputs)`.
        hi: `(outputs, inputs)`.
    """

    lo: np.ndarray
    hi: np.ndarray


@dataclass(frozen=True, eq=False)
class First:
    """What is known of a range before anything is searched.

    Args:
        message: For the page.
        known: Proved bounds of the outputs, `(outputs,)` each.
        ends: The inputs that were tried.
    """

    message: dict[str, Any]
    known: Bounds
    ends: Ends


def finite(values: Any) -> list[float | None]:
    """Numbers for JSON, which knows no infinities: None stands for "not bounded"."""
    flat = np.ravel(np.asarray(values, np.float64))
    return [v if ok else None for v, ok in zip(flat.tolist(), np.isfinite(flat), strict=True)]


def first_bounds(exhibit: Exhibit, ask: Ask, known: Bounds | None = None) -> Iterator[First]:
    """Proved bounds of outputs and units, without any search; what a few inputs show.

    Args:
        exhibit: The network.
        ask: A `range`.
        known: Proved of the outputs before, if anything was.

    Yields:
        What linear bounds prove; of a large graph what intervals prove comes before.
    """
    assert ask.box is not None
    network, box = exhibit.network, ask.box
    graph = network.graph
    seen, ends = _try_inputs(exhibit, box)
    lo, hi = _cases(exhibit, box)
    for domain in ("intervals", "linear") if exhibit.is_large else ("linear",):
        found = [(lo.min(0), hi.max(0)) for lo, hi in bounds(graph, lo, hi, domain)]
        lo, hi = found[graph.output]
        known = (lo, hi) if known is None else (np.fmax(known[0], lo), np.fmin(known[1], hi))
        found[graph.output] = known
        message = {
            **_range_message(ask, "bounds", known, seen),
            "layers": [_strip(layer_row(network, layer, found)) for layer in network.layers],
        }
        yield First(message, known, ends)


def _cases(exhibit: Exhibit, box: Box) -> Bounds:
    """Return `(cases, inputs)` boxes that hold the input set: one a category, if these are few."""
    domain = exhibit.boxes(box)
    return (domain.lo, domain.hi) if len(domain.lo) <= MOST_CASES else (box.lo[None], box.hi[None])


def _try_inputs(exhibit: Exhibit, box: Box) -> tuple[Bounds, Ends]:
    """Return the least and largest outputs at some inputs: middles, corners, and random ones."""
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
    # Evaluated in float64, a value may be a rounding error beyond what is proved of it.
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
    """The units of a layer: before the activation, or as they are where there is none."""
    masks = {name: np.ravel(getattr(row, name)) for name in STATES}
    state = np.full(np.size(row.dead), OPEN)
    for name in reversed(STATES):
        state = np.where(masks[name], name[0], state)
    strip = {
        "state": "".join(state[:MOST_UNITS]),
        "counts": {name: int((state == name[0]).sum()) for name in STATES},
        "after": _rounded(row.after),
        "hull": finite([np.min(row.after[0]), np.max(row.after[1])]) if row.dead.size else None,
    }
    return strip if row.before is None else {**strip, "before": _rounded(row.before)}


def _rounded(ends: Bounds) -> list[list[float | None]]:
    found = []
    for end in ends:
        shown = np.ravel(end)[:MOST_UNITS]
        found.append([None if v is None else float(f"{v:.{DIGITS}g}") for v in finite(shown)])
    return found


def exact_range(
    exhibit: Exhibit, ask: Ask, known: Bounds, say: Callable[[dict[str, Any]], None]
) -> tuple[Range, Ends]:
    """The exact ranges of the outputs; `say` hears of bounds on the way, and of the end.

    Args:
        exhibit: The network.
        ask: A `range`.
        known: Proved before.
        say: Takes a message.
    """

    def report(now: RangeProgress) -> None:
        lo, hi = np.fmax(now.lo, known[0]), np.fmin(now.hi, known[1])
        message = _range_message(ask, "search", (lo, hi), (now.seen_lo, now.seen_hi))
        say({**message, "seconds": now.seconds, "boxes": now.boxes})

    # No end rests on a mixed-integer solver's tolerance: what the page shows is proved. The model
    # itself is run once nothing moves any more (`check`): it takes longer than a small search.
    graph = GraphAlone(exhibit.network.graph, exhibit.network.name)
    assert ask.box is not None
    found = output_range(
        graph,
        exhibit.input_set(ask.box),
        time_limit=exhibit.seconds,
        solver=False,
        progress=report,
        remedies=False,
    )
    answer = stamped(narrowed(found, known), exhibit.network)
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


def narrowed(answer: Range, known: Bounds) -> Range:
    """The range within bounds that were proved before.

    Sound: both hold. What was seen stays, but for what it is above `hi` or below `lo` by rounding.

    Args:
        answer: The range.
        known: Proved bounds of the outputs, `(outputs,)` each.
    """
    lo = np.fmax(answer.lo, np.reshape(known[0], answer.lo.shape))
    hi = np.fmin(answer.hi, np.reshape(known[1], answer.hi.shape))
    least, most = np.minimum(answer.seen_lo, hi), np.maximum(answer.seen_hi, lo)
    return replace(answer, lo=lo, hi=hi, seen_lo=least, seen_hi=most)


def check(exhibit: Exhibit, box: Box, answer: Range) -> None:
    """Hold an answer against the model itself, as `outrange.output_range` does.

    Args:
        exhibit: The network.
        box: The input set.
        answer: Its ranges.

    Raises:
        ContradictionError: The model returns something outside: a bug of outrange.
    """
    network, count = exhibit.network, np.size(answer.lo)
    found = [*flat_points(answer.at_lo, count), *flat_points(answer.at_hi, count)]
    run = run_sampled(network, exhibit.regions(box), found)
    check_forms(run, np.eye(count), np.ravel(answer.lo), np.ravel(answer.hi))


def flat_points(at: np.ndarray | dict[str, np.ndarray], count: int) -> np.ndarray:
    """`(count, inputs)` of inputs in their own shapes, a dict if several."""
    parts: Sequence[np.ndarray] = list(at.values()) if isinstance(at, dict) else [at]
    return np.concatenate([np.reshape(part, (count, -1)) for part in parts], axis=1)


def at_point(exhibit: Exhibit, id: int, x: np.ndarray) -> dict[str, Any]:
    """The outputs at one input: of the network, and of the model itself.

    Args:
        exhibit: The network.
        id: Of the question.
        x: `(inputs,)`.
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


def sampled(exhibit: Exhibit, ask: Ask) -> dict[str, Any]:
    """What random inputs show: a comparison, no bound."""
    assert ask.box is not None
    found = sample_range(exhibit.network, exhibit.input_set(ask.box), samples=ask.count)
    return {
        "say": "sample",
        "id": ask.id,
        "lo": finite(found.lo),
        "hi": finite(found.hi),
        "samples": found.samples,
        "seconds": found.seconds,
    }
