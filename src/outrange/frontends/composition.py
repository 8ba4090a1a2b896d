"""Combination of several models into one network, for a property of several networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import DeclaredNetwork, DeclaredTensor, InputError, UnsupportedError
from ..graph.composites.composition import composition
from .network import Network


def distinct_names(declared: Sequence[DeclaredNetwork]) -> list[str]:
    """Return the names of the declared networks that need a separate model."""
    return [network.name for network in declared if not network.equal_to]


def check_names(declared: Sequence[DeclaredNetwork], names: Sequence[str]) -> None:
    """Check that there is exactly one model for each declared network that needs a model.

    Raises:
        InputError: A model is missing, or a name is not declared.
    """
    required = distinct_names(declared)
    if sorted(required) != sorted(names):
        equal = [network.name for network in declared if network.equal_to]
        besides = f" (and {', '.join(equal)}, equal to one of them)" if equal else ""
        raise InputError(
            f"The property declares the networks {', '.join(required)}{besides}; each needs one "
            f"model. Received: {', '.join(names) or 'none'}."
        )


def declare(name: str, network: Network) -> DeclaredNetwork:
    """Return the declaration that exactly fits a network."""
    element = network.computed.name
    inputs, outputs = (
        tuple(DeclaredTensor(f"{name}.{slot.name}", element, slot.shape) for slot in slots)
        for slots in (network.graph.inputs, network.graph.outputs)
    )
    return DeclaredNetwork(name, inputs, outputs)


def compose(
    declared: Sequence[DeclaredNetwork],
    models: Mapping[str, Network],
    index: np.ndarray | None = None,
) -> Network:
    """Combine the models into one network, in the order of the declarations.

    Args:
        declared: The networks that the property declares.
        models: Map from name to model, for the declared networks that need a model.
        index: Position of each flat input of the models among the flat inputs of the composition,
            `(inputs,)`, if some inputs are identical; None if all differ.

    Returns:
        The model itself if one network is declared; otherwise one network that runs all the models
        side by side.

    Raises:
        InputError: A model is missing or not declared, or the sizes of a model's inputs or outputs
            differ from the declaration.
        UnsupportedError: The models compute in different element types.
    """
    check_names(declared, list(models))
    networks_by_name = {
        network.name: models[network.equal_to or network.name] for network in declared
    }
    for network in declared:
        _check_sizes(network, networks_by_name[network.name])
    if len(networks_by_name) == 1:
        return next(iter(networks_by_name.values()))
    kinds = {network.computed.name for network in networks_by_name.values()}
    if len(kinds) > 1:
        raise UnsupportedError(
            "All networks in a property must use the same element type. "
            f"Received: {', '.join(sorted(kinds))}."
        )
    networks = list(networks_by_name.values())
    origins = {network.origin for network in networks}
    plain = None
    if any(network.plain is not None for network in networks):
        plain = composition(
            {name: network.written for name, network in networks_by_name.items()}, index
        )
    runs = [network.predict for network in networks if network.predict is not None]
    sizes = [network.graph.size for network in networks]
    graphs = {name: network.graph for name, network in networks_by_name.items()}
    return Network(
        graph=composition(graphs, index),
        predict=_SideBySide(runs, sizes, index) if len(runs) == len(networks) else None,
        name=", ".join(networks_by_name),
        origin=networks[0].origin if len(origins) == 1 else "several frameworks",
        plain=plain,
        computed=networks[0].computed,
        undescribed=next((network.undescribed for network in networks if network.undescribed), ""),
        parts=tuple(networks_by_name.items()),
        input_slots=() if index is None else composition(graphs).inputs,
        input_index=index,
    )


@dataclass(frozen=True, eq=False)
class _SideBySide:
    """Callable that runs each model on its own columns of flat points, and joins the outputs."""

    runs: Sequence[Callable[[np.ndarray], np.ndarray]]
    sizes: Sequence[int]
    index: np.ndarray | None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x) if self.index is None else np.asarray(x)[:, self.index]
        parts = np.split(x, np.cumsum(self.sizes)[:-1], axis=1)
        outputs = [
            np.asarray(run(part)).reshape(len(x), -1)
            for run, part in zip(self.runs, parts, strict=True)
        ]
        return np.concatenate(outputs, axis=1)


def _check_sizes(declared: DeclaredNetwork, network: Network) -> None:
    for word, tensors, slots in (
        ("inputs", declared.inputs, network.graph.inputs),
        ("outputs", declared.outputs, network.graph.outputs),
    ):
        declared_sizes = [int(np.prod(tensor.shape, dtype=np.int64)) for tensor in tensors]
        if declared_sizes != [slot.size for slot in slots]:
            raise InputError(
                f"A model must have the {word} that the property declares, in the same order. "
                f"Received: `{network.name}` for `{declared.name}`, with {word} of sizes "
                f"{[slot.size for slot in slots]}, not {declared_sizes} as declared."
            )
