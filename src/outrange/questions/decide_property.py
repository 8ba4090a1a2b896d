"""Verification of a property on an input set; the answer records its provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.formula import TRUE, negate, remove_scale
from .common.provenance import add_provenance
from .conditions.term_graph import extend_network, is_linear
from .expressions import Terms, property_text, resolve
from .expressions.formulas import all_of
from .inputs.sets.base import cut, on_inputs
from .inputs.sets.regions import regions
from .verify import verify


if TYPE_CHECKING:
    from ..answers.progress import VerifyProgress
    from ..answers.verdict import Verdict
    from ..core import Formula, PropertySource, Region
    from .common.network import NetworkLike


N = TypeVar("N", bound="NetworkLike")


@dataclass(frozen=True)
class Translation(Generic[N]):
    """A property and its input set, translated to formulas and regions.

    Args:
        network: The network; its outputs are followed by the nonlinear terms of the condition.
        unsafe: The negated property, over the flat `[x, y, terms]`.
        regions: The input set, as a union of regions.
        text: The property as text.
        assumption: The part of `unsafe` that is a nonlinear condition on the inputs, if any.
    """

    network: N
    unsafe: Formula
    regions: list[Region]
    text: str
    assumption: Formula = TRUE


def translate_property(network: N, condition: Any, box: Any, where: Any = None) -> Translation[N]:
    """Translate a property and an input set.

    Args:
        network: The network under study.
        condition: A condition on the network's inputs and outputs.
        box: The set of inputs.
        where: Condition on the inputs that restricts `box` further, or None.
    """
    slots, outputs = network.graph.inputs, network.graph.outputs
    terms = Terms(network.graph.size + network.graph.value_size(network.graph.output))
    unsafe = negate(resolve(condition, slots, outputs, terms))
    text = property_text(condition, slots, outputs)
    return restrict(network, unsafe, regions(slots, box), text, where, terms)


def restrict(
    network: N,
    unsafe: Formula,
    regions: list[Region],
    text: str,
    where: Any,
    terms: Terms,
) -> Translation[N]:
    """Return a question whose input set is restricted by a condition.

    A linear condition becomes a part of the regions, and a nonlinear one a part of `unsafe`.

    Args:
        network: The network under study.
        unsafe: The negated property, over the flat `[x, y, terms]`.
        regions: The input set, as a union of regions.
        text: The property as text.
        where: Condition on the inputs, or None.
        terms: The nonlinear terms of `unsafe`.
    """
    assumption: Formula = TRUE
    if where is not None:
        slots, outputs = network.graph.inputs, network.graph.outputs
        condition = on_inputs(slots, where, outputs, terms)
        if is_linear(condition, terms.first):
            regions = cut(regions, condition)
        else:
            assumption, unsafe = condition, all_of((condition, unsafe))
    extended = extend_network(network, terms, [unsafe, assumption])
    return Translation(extended, unsafe, regions, text, assumption)


def decide_property(
    network: NetworkLike,
    unsafe: Formula,
    where: Sequence[Region],
    text: str,
    *,
    time_limit: float | None,
    seed: int = 0,
    source: PropertySource | None = None,
    progress: Callable[[VerifyProgress], None] | None = None,
    arithmetic: str = "real",
    has_float32_sums: bool = False,
    assumption: Formula = TRUE,
) -> Verdict:
    """Verify a property, and add the input set, the model's hash and `source` to the verdict.

    In real arithmetic, a part of the time limit may be reserved for trials on smaller boxes, which
    are run if the search over a box runs out of time.

    Args:
        network: The network to verify.
        unsafe: The negated property, over the flat `[x, y]`.
        where: The input set, as a union of regions.
        text: The property as text, for the verdict.
        time_limit: Limit in seconds; None for no limit.
        seed: Random seed of the samples.
        source: Name and hash of the property, or None.
        progress: Callback for progress records, called a few times a second.
        arithmetic: Either `"real"` or `"float32"`.
        has_float32_sums: Whether float32 rounds the sums in `unsafe` (VNN-LIB 2.0).
        assumption: The part of `unsafe` that is a nonlinear condition on the inputs.
    """
    run: Any = verify
    if arithmetic == "float32":
        from .float32.verdicts import verify_float32

        run = partial(verify_float32, has_sums=has_float32_sums)
    verdict = run(
        network, unsafe, where, text=text, time_limit=time_limit, seed=seed, progress=progress,
        remedies=True, assumption=assumption,
    )  # fmt: skip
    verdict = replace(
        verdict,
        margin=remove_scale(verdict.margin, unsafe),
        nearest=None if verdict.nearest is None else remove_scale(verdict.nearest, unsafe),
    )
    return add_provenance(verdict, network, regions=where, property=source)
