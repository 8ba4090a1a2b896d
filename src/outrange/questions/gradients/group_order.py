"""Verification that the argmax of groups of outputs never falls from one group to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...answers.monotone import Monotone
from ...answers.progress import VerifyProgress
from ...answers.verdict import Counterexample, Verdict
from ...core import And, Atom, Formula, InputError, Or
from ...graph import Graph
from ...graph.rewrites.order import reduce_to_logits
from ..common.entries import select_entries
from ..common.named_arrays import split_by_name
from ..common.network import GraphAlone, NetworkLike
from ..common.target import target
from ..evidence.evaluate import enclose, model_values
from ..inputs.parse_box import input_box
from ..inputs.sets.base import regions_of
from ..verify import verify


def group_order(
    network: NetworkLike,
    box: Any,
    groups: Any,
    *,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[VerifyProgress], None] | None = None,
) -> Verdict:
    """Verify that the argmax never falls from group to group; see `outrange.monotone`."""
    wanted = target(network.graph)
    parts = group_entries(wanted.graph, groups)
    (where,) = regions_of(network.graph.inputs, input_box(network.graph.inputs, box))
    graph = reduce_to_logits(wanted.graph, parts)
    unsafe = falls(graph.size, [len(part) for part in parts])
    text = f"the chosen index never falls from group to group ({len(parts)} groups)"
    verdict = verify(
        GraphAlone(graph, network.name),
        unsafe,
        [where],
        text=text,
        time_limit=time_limit,
        seed=seed,
        progress=progress,
    )
    if verdict.counterexample is None:
        return verdict
    predict = network.predict
    x = verdict.counterexample.flat_x
    return replace(
        verdict, counterexample=_user_counterexample(network, wanted.graph, predict, parts, x)
    )


def groups_monotone(
    network: NetworkLike,
    box: Any,
    groups: Any,
    *,
    inputs: Any,
    outputs: Any,
    direction: Any,
    time_limit: float | None,
    progress: Callable[[VerifyProgress], None] | None,
) -> Monotone:
    """Verify the order of groups as `group_order` does; return the verdict as a `Monotone` answer.

    Raises:
        InputError: `inputs`, `outputs` or `direction` is passed together with `groups`.
    """
    selection = {"inputs": inputs, "outputs": outputs, "direction": direction}
    if any(value is not None for value in selection.values()):
        raise InputError(
            "`groups` selects the outputs to compare, for all inputs of the box: omit `inputs`, "
            f"`outputs` and `direction`. Received: {selection}."
        )
    verdict = group_order(network, box, groups, time_limit=time_limit, progress=progress)
    return Monotone(
        network.name, (), None, verdict, verdict.reason, verdict.warrant, verdict.cost,
        verdict.methods,
    )  # fmt: skip


def group_entries(graph: Graph, groups: Any) -> list[list[int]]:
    """Return the flat indices of the outputs of each group, in order.

    Raises:
        InputError: `groups` has none of the accepted forms, or groups overlap.
    """
    size = graph.value_size(graph.output)
    is_integer = isinstance(groups, int | np.integer) and not isinstance(groups, bool)
    if is_integer and groups > 1 and size % groups == 0:
        return np.arange(size).reshape(int(groups), -1).tolist()
    parts: list[list[int]] = []
    if not is_integer and isinstance(groups, list | tuple) and len(groups) > 1:
        if all(isinstance(g, int | np.integer) for g in groups) and sum(groups) == size:
            ends = np.cumsum([0, *groups])
            parts = [list(range(a, b)) for a, b in pairwise(ends)]
        elif not any(isinstance(g, int | np.integer) for g in groups):
            parts = [select_entries(graph.outputs, g, "groups").tolist() for g in groups]
    flat = [i for part in parts for i in part]
    if not parts or len(set(flat)) != len(flat) or min(map(len, parts)) < 1:
        raise InputError(
            f"`groups` must split the {size} outputs: a number (at least 2) of equal groups, a "
            "list of their sizes, or a list of lists of outputs (or names), with no output in two "
            "groups. "
            f"Received: groups={groups!r}."
        )
    return parts


def falls(inputs: int, sizes: Sequence[int]) -> Formula:
    """Build the condition that the argmax falls from some group of outputs to the next group.

    The condition is over `[x, y]`. If several entries tie for the largest, the argmax is the first
    of them, as in NumPy.

    Args:
        inputs: Number of flat inputs.
        sizes: Number of entries of each group; the outputs are the groups in sequence.
    """
    starts = inputs + np.cumsum([0, *sizes])
    cases: list[Formula] = []
    for g in range(len(sizes) - 1):
        for i in range(1, sizes[g]):
            for j in range(min(i, sizes[g + 1])):
                cases.append(And((
                    *_is_argmax(int(starts[g]), sizes[g], i),
                    *_is_argmax(int(starts[g + 1]), sizes[g + 1], j),
                )))  # fmt: skip
    return Or(tuple(cases))


def _is_argmax(start: int, size: int, i: int) -> list[Atom]:
    return [
        Atom.of({start + other: 1.0, start + i: -1.0}, 0.0, strict=other < i)
        for other in range(size)
        if other != i
    ]


def _user_counterexample(
    network: NetworkLike,
    graph: Graph,
    predict: Callable[[np.ndarray], np.ndarray] | None,
    parts: list[list[int]],
    x: np.ndarray,
) -> Counterexample:
    """Return the counterexample at `x` with the outputs of the user's model.

    The search itself may have used logits in their place.

    Args:
        network: The user's model.
        graph: The graph of its outputs, or of the requested layer.
        predict: The model in its own arithmetic; None if it cannot be run for these outputs.
        parts: Flat indices of the outputs of each group.
        x: The flat input found by the search.
    """
    lo, hi = enclose(graph, x[None])
    y, model, reproduced = 0.5 * lo[0] + 0.5 * hi[0], None, None
    if predict is not None:
        with np.errstate(all="ignore"):
            model = model_values(network, predict, x[None])[0]
        index = [int(np.argmax(model[part])) for part in parts]
        reproduced = any(b < a for a, b in pairwise(index))
    return Counterexample(
        x=split_by_name(graph.inputs, x),
        y=split_by_name(graph.outputs, y),
        model_y=None if model is None else split_by_name(graph.outputs, model),
        reproduced=reproduced,
        flat_x=x,
        flat_y=y if model is None else model,
    )
