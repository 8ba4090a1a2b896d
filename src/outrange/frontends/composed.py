"""Several models in the places of the networks that a property declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import DeclaredNetwork, InputError, UnsupportedError
from ..graph.composites.composition import composition
from .network import Network


def needed(declared: Sequence[DeclaredNetwork]) -> list[str]:
    """The names of the declared networks that need a model of their own."""
    return [network.name for network in declared if not network.equal_to]


def check_names(declared: Sequence[DeclaredNetwork], given: Sequence[str]) -> None:
    """Whether there is a model for each declared network, and none besides.

    Raises:
        InputError: There is not.
    """
    wanted = needed(declared)
    if sorted(wanted) != sorted(given):
        equal = [network.name for network in declared if network.equal_to]
        besides = f" ({', '.join(equal)} equal to one of them)" if equal else ""
        raise InputError(
            f"The property declares the networks {', '.join(wanted)}{besides}; each of them needs "
            f"one model. Received: {', '.join(given) or 'none'}."
        )


def composed(
    declared: Sequence[DeclaredNetwork],
    models: Mapping[str, Network],
    index: np.ndarray | None = None,
) -> Network:
    """The models as one network, in the order of the declarations.

    Args:
        declared: Of the property.
        models: Name to model, of those that need one.
        index: `(inputs,)` the place of each flat input among those of the whole, where some are
            one and the same; None where all differ.

    Returns:
        The model itself where one network is declared; else all of them side by side.

    Raises:
        InputError: The names are others, or a model has other inputs and outputs than declared.
        UnsupportedError: The models compute in different element types.
    """
    check_names(declared, list(models))
    found = {one.name: models[one.equal_to or one.name] for one in declared}
    for one in declared:
        _check_sizes(one, found[one.name])
    if len(found) == 1:
        return next(iter(found.values()))
    kinds = {network.computed.name for network in found.values()}
    if len(kinds) > 1:
        raise UnsupportedError(
            "The networks of one property compute in one element type. "
            f"Received: {', '.join(sorted(kinds))}."
        )
    networks = list(found.values())
    origins = {network.origin for network in networks}
    plain = None
    if any(network.plain is not None for network in networks):
        plain = composition({name: one.written for name, one in found.items()}, index)
    runs = [network.predict for network in networks if network.predict is not None]
    sizes = [network.graph.size for network in networks]
    return Network(
        graph=composition({name: one.graph for name, one in found.items()}, index),
        predict=_SideBySide(runs, sizes, index) if len(runs) == len(networks) else None,
        name=", ".join(found),
        origin=networks[0].origin if len(origins) == 1 else "several frameworks",
        plain=plain,
        computed=networks[0].computed,
        parts=tuple(found.items()),
    )


@dataclass(frozen=True, eq=False)
class _SideBySide:
    """Runs every model on its own part of flat points."""

    runs: Sequence[Callable[[np.ndarray], np.ndarray]]
    sizes: Sequence[int]
    index: np.ndarray | None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x) if self.index is None else np.asarray(x)[:, self.index]
        parts = np.split(x, np.cumsum(self.sizes)[:-1], axis=1)
        found = [
            np.asarray(run(part)).reshape(len(x), -1)
            for run, part in zip(self.runs, parts, strict=True)
        ]
        return np.concatenate(found, axis=1)


def _check_sizes(declared: DeclaredNetwork, network: Network) -> None:
    for word, tensors, slots in (
        ("inputs", declared.inputs, network.graph.inputs),
        ("outputs", declared.outputs, network.graph.outputs),
    ):
        ours = [int(np.prod(one.shape, dtype=np.int64)) for one in tensors]
        if ours != [slot.size for slot in slots]:
            raise InputError(
                f"The {word} of a model are those that the property declares, in their order. "
                f"Received: `{network.name}` for `{declared.name}`, with {word} of the sizes "
                f"{[slot.size for slot in slots]}; declared are {ours}."
            )
