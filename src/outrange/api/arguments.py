"""What the public questions about properties have in common: the model, and what is asked of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core import (
    Clock,
    InputError,
    PropertySource,
    Specification,
    UnsupportedError,
    deadline,
    text_digest,
)
from ..core.watch import Stage, listener, tell
from .read import is_property_file, read_property


if TYPE_CHECKING:
    from ..core import Formula, Region
    from ..frontends.network import Network


MOST_NAMED = 1000
"""Outputs that a live view calls by name."""

LEAST_TIME = 1e-3
"""Seconds of a question whose time went by while the model was read."""


def loaded(model: Any, asked: Any = None) -> Network:
    """The model, read once; whoever watches hears of it, and what the outputs are called.

    Args:
        model: What the user passed.
        asked: The inputs that the question is about: the columns of a DataFrame name the features
            of a model with one flat input.
    """
    from ..frontends.load import load
    from ..questions.inputs.columns import column_names

    hears = listener() is not None
    known = hasattr(model, "graph")
    if not known:
        tell(Stage("reading the model"))
    network, names = load(model), column_names(asked)
    if hears:
        tell(Stage(None if known else "", _output_names(network)))
    return (
        network.with_feature_names(names) if names is not None and is_nameless(network) else network
    )


def is_float32(arithmetic: Any) -> bool:
    """Whether a question is about the float32 network; False in real arithmetic.

    Raises:
        InputError: It is neither: a type that rounds more is refused by name.
    """
    if arithmetic in ("real", "float32"):
        return arithmetic == "float32"
    rounds_more = arithmetic in ("bfloat16", "float16", "half", "tf32", "tensorfloat32", "float8")
    raise InputError(
        "`arithmetic` is 'real' or 'float32'"
        + (", and nothing that rounds more than float32: no error of it is stated" * rounds_more)
        + f". Received: arithmetic={arithmetic!r}."
    )


def specified(property: Any) -> Any:
    """A property, read where it is a file."""
    is_file = isinstance(property, os.PathLike)
    if isinstance(property, str):
        is_file = is_property_file(property)
    return read_property(property) if is_file else property


def arithmetic_of(property: Any, arithmetic: str | None) -> str:
    """What the network computes in: what was asked for, else what a VNN-LIB file declares.

    Raises:
        InputError: It is neither real nor float32.
    """
    declared = property.elements if isinstance(property, Specification) else "real"
    chosen = declared if arithmetic is None else arithmetic
    return "float32" if is_float32(chosen) else "real"


def is_nameless(network: Network) -> bool:
    """Whether a model has one input, whose features have no names of their own."""
    return len(network.graph.inputs) == 1 and not network.graph.inputs[0].column_of


def _output_names(network: Network) -> tuple[str, ...]:
    """What the outputs are called, if they are few enough to be read."""
    from ..answers.render.text import entry_names

    outputs = network.graph.outputs
    if sum(slot.size for slot in outputs) > MOST_NAMED:
        return ()
    return tuple(entry_names({slot.name: slot.shape for slot in outputs}))


def alike(network: Network, other: Network) -> Network:
    """The network with the names that the features of another, as many, have."""
    names = [slot.name for slot in other.graph.inputs if slot.column_of]
    nameless = not any(slot.column_of for slot in network.graph.inputs)
    fits = nameless and [slot.size for slot in network.graph.inputs] == [len(names)]
    return network.with_feature_names(names) if fits else network


def loaded_within(model: Any, time_limit: float | None, asked: Any = None) -> tuple[Network, Clock]:
    """The model, read once; and the clock of the question, which runs while it is read."""
    from ..questions.common.arguments import check_limits

    check_limits(0.0, time_limit)
    clock = Clock(time_limit)
    return loaded(model, asked), clock


def left(clock: Clock) -> float | None:
    """Seconds that the question itself may take: at least a moment, to look once."""
    return None if clock.limit == float("inf") else max(clock.left, LEAST_TIME)


def written_condition(where: Any) -> Any:
    """A condition that is written out as text, read; anything else as it is."""
    from ..cli.property.parser import read_condition

    return read_condition(where) if isinstance(where, str) else where


def _is_set(given: Any) -> bool:
    """Whether something describes inputs, and no condition on them."""
    parts = ("dtype", "regions", "columns")
    return isinstance(given, tuple | list | dict) or any(hasattr(given, one) for one in parts)


def _about(network: Network, specification: Specification, float32: bool) -> Specification:
    """The specification, if it is about such a network, and in an arithmetic that is proved.

    Raises:
        InputError: It declares other networks.
        UnsupportedError: It is about an element type that nothing is proved of.
    """
    if specification.elements != "real" and not float32:
        # The one place that stands between a float32 query and reasoning about real numbers.
        raise UnsupportedError(
            f"`{specification.name}` declares elements of type `{specification.elements}`, and "
            "this question reasons about real numbers: `outrange.verify` without `arithmetic` "
            "answers about float32. Write `real` in place of the element type to ask about the "
            f"real-valued network. Received: element type `{specification.elements}`."
        )
    declared = [one.name for one in specification.networks]
    given = [name for name, _ in network.parts]
    if len(declared) > 1 and declared != given:
        raise InputError(
            f"`{specification.name}` is about {len(declared)} networks: pass a dict from their "
            f"names, {', '.join(declared)}, to models (those that are `equal-to` another apart), "
            f"or use `outrange-vnnlib`. Received: {network!r}."
        )
    return specification


def asked(
    network: Network, property: Any, box: Any, where: Any, float32: bool = False
) -> tuple[Formula, list[Region], str, PropertySource | None]:
    """What is unsafe, where, the property in words, and its hash."""
    from ..cli.property.parser import read_condition
    from ..questions.conditions.specification import assumed, matched, own_box, whole_space
    from ..questions.inputs.sets.base import cut
    from ..questions.inputs.sets.regions import regions, where_holds
    from ..questions.stated import stated

    slots, outputs = network.graph.inputs, network.graph.outputs
    where = written_condition(where)
    if _is_set(property) and (isinstance(box, str) or hasattr(box, "op")):
        raise InputError(
            "A property comes before the input set: `verify(model, y[0] <= 3.99, (0, 1))`; here "
            f"the two are swapped. Received: a {type(property).__name__} as the property."
        )
    if isinstance(property, str) and not is_property_file(property):
        property = read_condition(property)
    property = specified(property)
    if isinstance(property, Specification):
        specification = matched(_about(network, property, float32), network.graph)
        name = specification.name if specification.source is None else specification.source.name
        if box is None:
            whole = own_box(specification) if float32 else whole_space(network.graph)
            own = where_holds([whole], slots, where, outputs)
            return specification.unsafe, own, name, specification.source
        # Its own bounds belong to the input set: where they leave nothing, nothing was asked.
        found = regions(slots, box, where=where, outputs=outputs)
        inside = cut(found, assumed(specification))
        return specification.unsafe, inside, name, specification.source
    if box is None:
        raise InputError(
            "A condition needs an input set: pass `box`, `(0, 1)` say (only a VNN-LIB file brings "
            "its own). Received: box=None."
        )
    unsafe, found, text = stated(network, property, box, where)
    return unsafe, found, text, PropertySource(text, text_digest(text), "text")


def side_by_side(
    models: Mapping[str, Any], property: Any, time_limit: float | None
) -> tuple[Network, Specification, float | None]:
    """The models as one network, in the places that the property declares for them.

    Args:
        models: The names in the file to models.
        property: A VNN-LIB file of version 2.0, or what `outrange.read_property` returned.
        time_limit: Seconds, for reading too; None for no limit.

    Returns:
        The network, the property, and the seconds that are left.

    Raises:
        InputError: The property is no such file, or the names are others.
    """
    from ..frontends.composition import check_names, compose
    from ..frontends.load import load
    from ..questions.conditions.ties import merged

    clock = Clock(time_limit)
    with deadline(max(clock.left, LEAST_TIME)):
        if isinstance(property, str | os.PathLike) and is_property_file(os.fspath(property)):
            property = read_property(property)
        if not isinstance(property, Specification) or not property.networks:
            raise InputError(
                "A dict of models goes with a VNN-LIB file of version 2.0, which names its "
                f"networks. Received: {property!r}."
            )
        check_names(property.networks, list(models))
        known = {name: load(model) for name, model in models.items()}
        if len(property.networks) == 1:
            return compose(property.networks, known), property, left(clock)
        shorter, index = merged(property)
        return compose(property.networks, known, index), shorter, left(clock)
