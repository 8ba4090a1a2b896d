"""Parsing of arguments that public functions share: the model, the property, the time limit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from inspect import Signature
from typing import TYPE_CHECKING, Any

from ..core import (
    Clock,
    InputError,
    PropertySource,
    Specification,
    UnsupportedError,
    text_digest,
)
from ..core.progress import Stage, current_listener, report_progress
from .read import is_property_file, read_property


if TYPE_CHECKING:
    from ..frontends.network import Network
    from ..questions.decide_property import Translation


MOST_NAMED = 1000
"""Maximum number of outputs for which a live view shows names."""

LEAST_TIME = 1e-3
"""Minimum time in seconds for answering a question, even if loading the model took too long."""


def load_network(model: Any, inputs: Any = None) -> Network:
    """Load a model; report progress and output names to the ambient listener, if there is one.

    Args:
        model: Model as passed by the user.
        inputs: Input set of the question. If it is a DataFrame, its columns name the features of a
            model with one flat input.
    """
    from ..frontends.load import load
    from ..questions.inputs.columns import column_names

    is_observed = current_listener() is not None
    is_loaded = hasattr(model, "graph")
    if not is_loaded:
        report_progress(Stage("reading the model"))
    network, names = load(model), column_names(inputs)
    if is_observed:
        report_progress(Stage(None if is_loaded else "", _output_names(network)))
    return (
        network.with_feature_names(names) if names is not None and is_nameless(network) else network
    )


def is_float32(arithmetic: Any) -> bool:
    """Return whether `arithmetic` is `"float32"` rather than `"real"`.

    Raises:
        InputError: `arithmetic` is neither of these.
    """
    if arithmetic in ("real", "float32"):
        return arithmetic == "float32"
    rounds_more = arithmetic in ("bfloat16", "float16", "half", "tf32", "tensorfloat32", "float8")
    raise InputError(
        "`arithmetic` must be 'real' or 'float32'"
        + ("; rounding in narrower types is not supported" * rounds_more)
        + f". Received: arithmetic={arithmetic!r}."
    )


def check_shared_arguments(takes: Signature, values: Mapping[str, Any]) -> None:
    """Check the limits, the tolerance, the seed and the arithmetic of a call.

    This is done before the model is read, because that may import a framework, which takes seconds.

    Args:
        takes: Signature of the function; its arguments other than these are not checked.
        values: Arguments by name, with defaults.

    Raises:
        InputError: One of these arguments is invalid.
    """
    from ..questions.common.arguments import check_hooks, check_limits

    tol, limit = takes.parameters.get("tol"), values.get("time_limit")
    check_limits(
        values.get("tol"),
        None if isinstance(limit, str) else limit,
        default=tol is None or tol.default is None,
    )
    check_hooks(None, values.get("seed", 0))
    if values.get("arithmetic") is not None:
        is_float32(values["arithmetic"])


def read_if_file(property: Any) -> Any:
    """Return the property in a VNN-LIB file if `property` is its path, or `property` itself."""
    is_file = isinstance(property, os.PathLike)
    if isinstance(property, str):
        is_file = is_property_file(property)
    return read_property(property) if is_file else property


def arithmetic_of(property: Any, arithmetic: str | None) -> str:
    """Return `arithmetic`, `"real"` or `"float32"`, with a default if it is None.

    The default is the arithmetic that `property` declares if it was read from a VNN-LIB file,
    otherwise `"real"`.

    Raises:
        InputError: The arithmetic is neither real nor float32.
    """
    declared = property.elements if isinstance(property, Specification) else "real"
    chosen = declared if arithmetic is None else arithmetic
    return "float32" if is_float32(chosen) else "real"


def is_nameless(network: Network) -> bool:
    """Return whether a model has a single input without feature names."""
    return len(network.graph.inputs) == 1 and not network.graph.inputs[0].column_of


def _output_names(network: Network) -> tuple[str, ...]:
    """Return the names of all output entries, or () if there are more than `MOST_NAMED`."""
    from ..answers.render.text import entry_names

    outputs = network.graph.outputs
    if sum(slot.size for slot in outputs) > MOST_NAMED:
        return ()
    return tuple(entry_names({slot.name: slot.shape for slot in outputs}))


def share_feature_names(network: Network, other: Network) -> Network:
    """Return `network` with the feature names of `other`.

    The network is returned unchanged if it already has feature names, if `other` has none, or if it
    does not have exactly one input with that number of features.
    """
    names = [slot.name for slot in other.graph.inputs if slot.column_of]
    nameless = not any(slot.column_of for slot in network.graph.inputs)
    fits = nameless and [slot.size for slot in network.graph.inputs] == [len(names)]
    return network.with_feature_names(names) if fits else network


def load_within_limit(
    model: Any, time_limit: float | None, inputs: Any = None
) -> tuple[Network, Clock]:
    """Load a model, and return it with a clock for `time_limit` that started before the loading."""
    from ..questions.common.arguments import check_limits

    check_limits(0.0, time_limit)
    clock = Clock(time_limit)
    return load_network(model, inputs), clock


def time_left(clock: Clock) -> float | None:
    """Return the seconds left for the question (at least `LEAST_TIME`), or None without a limit."""
    return None if clock.limit == float("inf") else max(clock.left, LEAST_TIME)


def parse_condition(where: Any) -> Any:
    """Parse a condition given as text; return anything else unchanged."""
    from ..questions.language.parser import read_condition

    return read_condition(where) if isinstance(where, str) else where


def _is_set(value: Any) -> bool:
    """Return whether a value is taken for an input set, to detect swapped arguments.

    Such a value is a tuple, list or dict, or has the attribute `dtype` (an array), `regions` (a set
    of this package) or `columns` (a DataFrame).
    """
    parts = ("dtype", "regions", "columns")
    return isinstance(value, tuple | list | dict) or any(hasattr(value, part) for part in parts)


def _check_specification(
    network: Network, specification: Specification, float32: bool
) -> Specification:
    """Return the specification if it matches the network and the arithmetic of the question.

    Raises:
        InputError: The specification declares several networks that are not the parts of `network`,
            or refers to values of hidden layers that are not outputs of `network`.
        UnsupportedError: The specification declares a float type, but `float32` is False.
    """
    if specification.elements != "real" and not float32:
        # The only safeguard against answering a float32 query with real-number reasoning.
        raise UnsupportedError(
            f"`{specification.name}` declares elements of type `{specification.elements}`, but "
            "this question is about real numbers. To decide the specification in float32, call "
            "`outrange.verify` without `arithmetic`. To ask about the real-valued network, declare "
            f"`real` in the file. Received: element type `{specification.elements}`."
        )
    declared = [declaration.name for declaration in specification.networks]
    names = [name for name, _ in network.parts]
    if len(declared) == 1 and specification.networks[0].hidden:
        outputs = len(specification.networks[0].outputs)
        if len(network.graph.outputs) != outputs:
            raise InputError(
                f"`{specification.name}` is about values inside the network: pass a dict from the "
                f'network\'s name to its ONNX file, {{"{declared[0]}": "model.onnx"}}, or use '
                f"`outrange-vnnlib`. Received: {network!r}."
            )
    if len(declared) > 1 and declared != names:
        raise InputError(
            f"`{specification.name}` is about {len(declared)} networks: pass a dict from their "
            f"names, {', '.join(declared)}, to models (omit a network that is `equal-to` "
            f"another), or use `outrange-vnnlib`. Received: {network!r}."
        )
    return specification


def resolve_question(
    network: Network, property: Any, box: Any, where: Any, float32: bool = False
) -> tuple[Translation[Network], PropertySource | None]:
    """Return the translated question, and the name and hash of the property.

    Args:
        network: The loaded network.
        property: The property, as for `outrange.verify`.
        box: The input set, or None for the input set of a VNN-LIB file.
        where: A condition on inputs that restricts the input set, or None.
        float32: Whether the question is about float32 arithmetic.

    Raises:
        InputError: The property has no input set, or an argument does not fit the network.
        UnsupportedError: See `_check_specification`.
    """
    from ..questions.conditions.specification import (
        add_products,
        check_sizes,
        input_constraints,
        own_box,
        whole_space,
    )
    from ..questions.decide_property import restrict, translate_property
    from ..questions.expressions import Terms
    from ..questions.inputs.sets.base import cut
    from ..questions.inputs.sets.regions import regions
    from ..questions.language.parser import read_condition

    slots = network.graph.inputs
    where = parse_condition(where)
    if _is_set(property) and (isinstance(box, str) or hasattr(box, "op")):
        raise InputError(
            "The property comes before the input set: `verify(model, y[0] <= 3.99, (0, 1))`. Swap "
            f"the two. Received: {type(property).__name__} as the property."
        )
    if isinstance(property, str) and not is_property_file(property):
        property = read_condition(property)
    property = read_if_file(property)
    if isinstance(property, Specification):
        specification = check_sizes(_check_specification(network, property, float32), network.graph)
        name = specification.name if specification.source is None else specification.source.name
        if box is None:
            whole = own_box(specification) if float32 else whole_space(network.graph)
            sets = [whole]
        else:
            # The file's bounds are part of the input set: if they exclude all of `box`, nothing is
            # left to verify.
            sets = cut(regions(slots, box), input_constraints(specification))
        terms = Terms(specification.inputs + specification.outputs)
        unsafe = add_products(specification, terms)
        translation = restrict(network, unsafe, sets, name, where, terms)
        return translation, specification.source
    if box is None:
        raise InputError(
            "A condition needs an input set: pass `box`, such as `(0, 1)` (only a VNN-LIB file "
            "contains its own). Received: box=None."
        )
    question = translate_property(network, property, box, where)
    return question, PropertySource(question.text, text_digest(question.text), "text")


def compose_specification(
    models: Mapping[str, Any], property: Any
) -> tuple[Network, Specification]:
    """Compose several models into one network, as a VNN-LIB 2.0 property declares them.

    Args:
        models: Dict from network names in the property to models.
        property: A VNN-LIB file of version 2.0, or a result of `outrange.vnnlib.read_property`.

    Returns:
        The network and the property. If the property declares several networks, inputs that it
        requires to be equal are merged in both, provided that all coefficients remain float64
        numbers.

    Raises:
        InputError: The property declares no networks, or the keys of `models` are not the names of
            the declared networks (without those declared `equal-to` another).
    """
    from ..frontends.composition import check_names, compose
    from ..frontends.load import load
    from ..questions.conditions.equal_inputs import merge_equal_inputs

    property = read_if_file(property)
    if not property.networks:
        raise InputError(
            "With a dict of models, a VNN-LIB file must have version 2.0, which names its "
            f"networks. Received: {property!r}."
        )
    check_names(property.networks, list(models))
    hidden = {declared.name: declared.hidden_elements for declared in property.networks}
    networks = {name: load(model, hidden=hidden[name]) for name, model in models.items()}
    _check_elements(property, models)
    if len(property.networks) == 1:
        return compose(property.networks, networks), property
    shorter, index = merge_equal_inputs(property)
    return compose(property.networks, networks, index), shorter


def _check_elements(specification: Specification, models: Mapping[str, Any]) -> None:
    """Raise an `InputError` if the element types of a model differ from its declaration.

    For a declaration in real arithmetic, the element types of the model do not matter.
    """
    if specification.elements == "real":
        return
    from ..frontends.load import is_onnx_file
    from ..frontends.onnx.load import element_types

    for network in specification.networks:
        model = models[network.equal_to or network.name]
        ours = [[t.element for t in group] for group in (network.inputs, network.model_outputs)]
        is_file = is_onnx_file(model)
        theirs = (
            element_types(model)
            if is_file
            else [["float32"] * len(group) for group in ours]  # as all framework models
        )
        if ours != theirs:
            raise InputError(
                "The element types of a query must be those of the model, or `real`. "
                f"Received: `{network.name}` with inputs {ours[0]} and outputs {ours[1]}, and "
                f"`{os.path.basename(model) if is_file else type(model).__name__}` with inputs "
                f"{theirs[0]} and outputs {theirs[1]}."
            )
