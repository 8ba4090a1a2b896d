"""Selects the cases of each law: a few in `make test`, all of them in `make check`.

Laws do not choose by themselves. The selection is the same on every run, and it keeps every entry
of an axis: every op, domain and graph meets every law, only not every
other op, domain and graph.
"""

import itertools
import os
import random
from collections.abc import Callable, Iterable, Sized
from typing import Any, TypeVar


T = TypeVar("T")

ASKED = os.environ.get("OUTRANGE_CASES", "few")
if ASKED not in ("few", "full"):
    raise ValueError(f"OUTRANGE_CASES is `few` or `full`. Received: {ASKED!r}.")

FULL = ASKED == "full"


def cases(few: T, full: T) -> T:
    """Whichever of the two is asked for: a number of seeds, boxes, nets, a range of sizes.

    Raises:
        TypeError: One has items, and the other is their number: that is `some`.
    """
    if isinstance(few, Sized) is not isinstance(full, Sized):
        raise TypeError(f"few and full cases are alike. Received: {few!r}, {full!r}.")
    return full if FULL else few


def some(items: Iterable[T], few: int, key: Callable[[T], Any] | None = None) -> list[T]:
    """All items; or about `few` of them, drawn alike on every run.

    Args:
        items: In an order of their own, which stays.
        few: How many are drawn in `make test`; all if there are no more.
        key: What must not be lost, by item: of every key the first drawn item stays.
    """
    every = list(items)
    if FULL or len(every) <= few:
        return every
    drawn = random.Random(0).sample(range(len(every)), len(every))
    first = {} if key is None else {key(every[i]): i for i in reversed(drawn)}
    order = [*first.values(), *(i for i in drawn if i not in first.values())]
    return [every[i] for i in sorted(order[: max(few, len(first))])]


def covering(parts: dict[T, set[Any]]) -> list[T]:
    """All items; or so few of them that each part that an item has is in one of them.

    The one with most parts that are still missing is taken until none is, alike on every run.

    Args:
        parts: Of every item, what must not be lost: of a model, the layers it is made of.
    """
    if FULL:
        return list(parts)
    missing, chosen = set().union(*parts.values()), set()
    while missing:
        best = max((item for item in parts), key=lambda item: len(parts[item] & missing))
        chosen.add(best)
        missing -= parts[best]
    return [item for item in parts if item in chosen]


def combine(*axes: Iterable[Any], rounds: int = 1) -> list[tuple[Any, ...]]:
    """Return every combination of the axes, or each entry of the longest axis `rounds` times.

    The others are dealt beside it, every entry of an axis before any entry of it again, in an order
    that is shuffled alike on every run.

    Args:
        axes: The entries of each; `combine(DOMAINS, NETS)` makes pairs.
        rounds: How often each entry of the longest axis occurs in `make test`.
    """
    lists = [list(axis) for axis in axes]
    if FULL:
        return list(itertools.product(*lists))
    count = rounds * max(len(entries) for entries in lists)
    places = [_dealt(len(entries), count, seed) for seed, entries in enumerate(lists)]
    chosen = sorted(set(zip(*places, strict=True)))
    return [tuple(lists[axis][i] for axis, i in enumerate(at)) for at in chosen]


def _dealt(size: int, count: int, seed: int) -> list[int]:
    """`count` places from shuffled packs of `size`."""
    rng = random.Random(seed)
    packs = [rng.sample(range(size), size) for _ in range(-(-count // size))]
    return [place for pack in packs for place in pack][:count]


def one_in(names: list[str], share: int) -> set[int]:
    """Places of about one in `share` names, at least one, drawn alike on every run."""
    count = -(-len(names) // share)
    return set(random.Random(names[0]).sample(range(len(names)), count))


def function_name(value: Any) -> str | None:
    """Return the name of a function, the id of a case."""
    return getattr(value, "__name__", None)
