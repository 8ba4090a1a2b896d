"""Decision of a property on an input set, with provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..core.formula import negate
from .common.provenance import add_provenance
from .expressions import property_text, resolve
from .inputs.sets.regions import regions
from .verify import verify


if TYPE_CHECKING:
    from ..answers.progress import VerifyProgress
    from ..answers.verdict import Verdict
    from ..core import Formula, PropertySource, Region
    from .common.network import NetworkLike


def translate_property(
    network: NetworkLike, condition: Any, box: Any, where: Any = None
) -> tuple[Formula, list[Region], str]:
    """Return the negated property as a formula, the input set, and the property as text.

    Args:
        network: The network under study.
        condition: A condition on its inputs and outputs.
        box: The set of inputs.
        where: Conditions that inputs of the set satisfy, too; None for none.
    """
    slots, outputs = network.graph.inputs, network.graph.outputs
    unsafe = negate(resolve(condition, slots, outputs))
    text = property_text(condition, slots, outputs)
    return unsafe, regions(slots, box, where=where, outputs=outputs), text


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
) -> Verdict:
    """Decide a property, and add the hash of the model and the box of the input set to the verdict.

    If time runs out, a part of it was reserved to find smaller sets on which the property holds.

    Args:
        network: The network to verify.
        unsafe: The negated property, over the flat `[x, y]`.
        where: The input sets; a union.
        text: The property as the user wrote it.
        time_limit: Seconds; None for no limit.
        seed: Random seed of the samples.
        source: The hash of the property.
        progress: Called a few times a second.
        arithmetic: Either `"real"` or `"float32"`.
    """
    run = verify
    if arithmetic == "float32":
        from .float32.verdicts import verify_float32 as run
    verdict = run(
        network, unsafe, where, text=text, time_limit=time_limit, seed=seed, progress=progress,
        remedies=True,
    )  # fmt: skip
    return add_provenance(verdict, network, regions=where, property=source)
