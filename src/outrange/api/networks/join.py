"""Questions about several networks: a dict of models becomes one network that runs them all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, Clock, InputError, OutOfTime, Region, Specification, deadline
from ...core.formula import renumber
from ...questions.common.joint_conditions import (
    apply_to_networks,
    bind_networks,
    check_name,
    joint_scopes,
    named_layers,
    names_networks,
)
from ..arguments import (
    LEAST_TIME,
    compose_specification,
    load_network,
    parse_condition,
    time_left,
)
from ..read import is_property_file


if TYPE_CHECKING:
    from ...frontends.network import Network
    from ...graph import Graph


@dataclass(frozen=True, eq=False)
class JointQuestion:
    """A question about several networks, as a question about the network that combines them.

    Args:
        network: The combined network, or the model itself if nothing is combined.
        condition: The property or objective, about this network.
        box: The input set of the combined network; None for the set that a property file states.
        where: The condition on its inputs, or None.
        time_limit: Remaining seconds; None for no limit.
    """

    network: Any
    condition: Any
    box: Any
    where: Any
    time_limit: float | None


def join_models(
    model: Any, condition: Any, box: Any, where: Any, time_limit: float | None
) -> JointQuestion:
    """Combine several models into one network, and translate a question about them.

    If `box` is one input set, the models share their inputs. If it is a dict with a set for each
    model, the inputs are separate, except those that `where` equates. Values of hidden layers in a
    condition become outputs of the network.

    Args:
        model: Dict from names to models; or one model.
        condition: A condition or an expression that uses the names, such as `f.y[0] - g.y[0]`; its
            text, if it is a condition; a function of the networks; or a VNN-LIB file of version
            2.0 that declares networks with these names.
        box: The input set, or a dict from each name to a box.
        where: A condition on inputs, or None.
        time_limit: Limit in seconds, including the time to load the models; None for no limit.

    Returns:
        The question about the combined network; for one model and a condition that names neither
        networks nor layers, the question itself.

    Raises:
        InputError: A name, a box or a condition does not fit the models.
    """
    clock = Clock(time_limit)
    is_several = isinstance(model, Mapping)
    is_path = isinstance(condition, str | os.PathLike) and is_property_file(str(condition))
    if is_path or isinstance(condition, Specification):
        if is_several:
            model, condition = _compose_file(model, condition, clock)
        return JointQuestion(model, condition, box, where, time_left(clock))
    where, condition = parse_condition(where), parse_condition(condition)
    if not is_several and not names_networks(condition) and not names_networks(where):
        return JointQuestion(model, condition, box, where, time_left(clock))
    # No deadline: as for one model, a late answer has the bounds that are known without a search.
    networks = _load(model, box) if is_several else _alone(load_network(model, box))
    is_shared = not is_several or not _has_own_boxes(model, box)
    return _join(networks, condition, box, where, is_shared, clock)


def _compose_file(models: Mapping[str, Any], property: Any, clock: Clock) -> tuple[Any, Any]:
    """Return the network that a property file of several networks declares, and the property.

    Raises:
        InputError: The time limit expires before the file and the models are read.
    """
    try:
        with deadline(max(clock.left, LEAST_TIME)):
            return compose_specification(models, property)
    except OutOfTime:
        if clock.seconds < clock.limit:  # The caller canceled the question.
            raise
        raise InputError(
            "The time limit expired before the property and its networks were read; increase the "
            f"limit. Received: time_limit={clock.limit:g}."
        ) from None


def _has_own_boxes(models: Mapping[str, Any], box: Any) -> bool:
    return isinstance(box, Mapping) and bool(set(box) & set(models))


def _alone(network: Network) -> dict[str, Network]:
    return {network.name: network}


def _load(models: Mapping[str, Any], box: Any) -> dict[str, Network]:
    """Return the network of each name; a model with several names is loaded once.

    Args:
        models: Dict from names to models.
        box: The input set, or a dict from each name to a box. If it is a DataFrame, its columns
            name the features.
    """
    if not models:
        raise InputError("A dict of models needs at least one model. Received: {}.")
    for name in models:
        check_name(name)
    shared = None if _has_own_boxes(models, box) else box
    loaded: dict[int, Network] = {}
    for model in models.values():
        if id(model) not in loaded:
            loaded[id(model)] = load_network(model, shared)
    return {name: loaded[id(model)] for name, model in models.items()}


def _join(
    networks: Mapping[str, Network],
    condition: Any,
    box: Any,
    where: Any,
    is_shared: bool,
    clock: Clock,
) -> JointQuestion:
    from ...frontends.composition import compose, declare
    from ...frontends.hidden_values import return_layers

    graphs = {name: network.graph for name, network in networks.items()}
    apart = np.arange(sum(graph.size for graph in graphs.values()))
    index = _shared_inputs(graphs) if is_shared else apart
    scopes = joint_scopes(graphs, index, {})
    condition = apply_to_networks(condition, scopes, is_shared)
    where = apply_to_networks(where, scopes, is_shared)
    if not is_shared:
        index = _equated_inputs(graphs, where)
        box = _joint_region(graphs, box, index)
    hidden = named_layers([condition, where], list(networks))
    networks = {name: return_layers(net, hidden[name]) for name, net in networks.items()}
    declared = [declare(name, network) for name, network in networks.items()]
    network = compose(declared, networks, index)
    if is_shared and len(networks) > 1:
        inputs = next(iter(graphs.values())).inputs
        plain = None if network.plain is None else replace(network.plain, inputs=inputs)
        graph = replace(network.graph, inputs=inputs)
        network = replace(network, graph=graph, plain=plain, input_slots=(), input_index=None)
    graphs = {name: network.graph for name, network in networks.items()}
    scopes = joint_scopes(graphs, index, hidden)
    condition = bind_networks(condition, scopes, is_shared)
    where = bind_networks(where, scopes, is_shared)
    return JointQuestion(network, condition, box, where, time_left(clock))


def _shared_inputs(graphs: Mapping[str, Graph]) -> np.ndarray:
    """Return the position of each flat input in the joint input of networks with shared inputs."""
    sizes = {name: [slot.size for slot in graph.inputs] for name, graph in graphs.items()}
    first = next(iter(sizes.values()))
    if any(other != first for other in sizes.values()):
        raise InputError(
            "Networks that share one input set must have inputs of the same sizes in the same "
            "order; for other networks, pass a dict with a box for each network. "
            f"Received: inputs of sizes {sizes}."
        )
    return np.tile(np.arange(sum(first)), len(graphs))


def _equated_inputs(graphs: Mapping[str, Graph], where: Any) -> np.ndarray:
    """Return the position of each flat input in the joint input, after merging equated inputs."""
    from ...questions.conditions.equal_inputs import equal_inputs
    from ...questions.expressions import resolve
    from ...questions.expressions.nonlinear.terms import Terms

    total = sum(graph.size for graph in graphs.values())
    outputs = sum(graph.value_size(graph.output) for graph in graphs.values())
    apart = np.arange(total)
    if where is None:
        return apart
    slots, results = (
        [slot for graph in graphs.values() for slot in getattr(graph, role)]
        for role in ("inputs", "outputs")
    )
    bound = bind_networks(where, joint_scopes(graphs, apart, {}), is_shared=False)
    formula = resolve(bound, slots, results, Terms(total + outputs))
    return equal_inputs(Specification("where", total, outputs, formula))


def _joint_region(
    graphs: Mapping[str, Graph], boxes: Mapping[str, Any], index: np.ndarray
) -> Region:
    """Return the set of the joint input: the sets of all networks, intersected where equated.

    The set of a network is a box, or a table with integers and one-hot groups.
    """
    from ...questions.expressions.formulas import all_of
    from ...questions.inputs.sets.regions import regions

    if set(boxes) != set(graphs):
        raise InputError(
            "A dict of boxes must have one box for each network. "
            f"Received: boxes for {', '.join(map(str, boxes))}; networks {', '.join(graphs)}."
        )
    parts = []
    for name, graph in graphs.items():
        part = boxes[name]
        whole = [] if _is_general(part) else regions(graph.inputs, part)
        if len(whole) != 1 or whole[0].distances:
            raise InputError(
                "With several networks, the input set of each must be a box or a table; state "
                f"other conditions as `where=`. Received: {part!r} for `{name}`."
            )
        parts += whole
    lo, hi = np.full(index.max() + 1, -np.inf), np.full(index.max() + 1, np.inf)
    np.maximum.at(lo, index, np.concatenate([part.box.lo for part in parts]))
    np.minimum.at(hi, index, np.concatenate([part.box.hi for part in parts]))
    if (lo > hi).any():
        i = int(np.flatnonzero(lo > hi)[0])
        raise InputError(
            "Inputs that are equal by `where` must have intervals that overlap. "
            f"Received: a lower bound {lo[i]:g} above an upper bound {hi[i]:g}."
        )
    integer = np.zeros(lo.size, bool)
    np.logical_or.at(integer, index, np.concatenate([part.integer for part in parts]))
    starts = np.cumsum([0, *(part.box.size for part in parts)])
    conditions = [
        renumber(part.condition, index[start:])
        for part, start in zip(parts, starts[:-1], strict=True)
    ]
    return Region(Box(lo, hi), integer, all_of(conditions))


def _is_general(part: Any) -> bool:
    """Return whether a set is neither a box nor a table with integers and one-hot groups."""
    from ...questions.inputs.sets import Mixed

    return hasattr(part, "is_input_set") and not isinstance(part, Mixed)
