"""From a stated condition to a verdict that says which model and which input set it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..core.formula import negate
from .common.stamp import stamped
from .expressions import resolve, written_out
from .inputs.sets.regions import regions
from .verify import verify


if TYPE_CHECKING:
    from ..answers.progress import VerifyProgress
    from ..answers.verdict import Verdict
    from ..core import Formula, PropertySource, Region
    from .common.network import NetworkLike


def stated(
    network: NetworkLike, condition: Any, box: Any, where: Any = None
) -> tuple[Formula, list[Region], str]:
    """What is unsafe, where, and the condition in words.

    Args:
        network: The model.
        condition: Of its inputs and outputs.
        box: The input set.
        where: Conditions that inputs of the set satisfy too; None for none.
    """
    slots, outputs = network.graph.inputs, network.graph.outputs
    unsafe = negate(resolve(condition, slots, outputs))
    text = written_out(condition, slots, outputs)
    return unsafe, regions(slots, box, where=where, outputs=outputs), text


def decided(
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
    """The verdict, with the hash of the model and the box of the input set.

    Where time runs out, a part of it goes to what smaller sets the property holds on.

    Args:
        network: The model.
        unsafe: The negated property, over the flat `[x, y]`.
        where: The input sets; a union.
        text: The property as the user wrote it.
        time_limit: Seconds; None for no limit.
        seed: Of the samples.
        source: The hash of the property.
        progress: Called a few times a second.
        arithmetic: `"real"` or `"float32"`.
    """
    ask = verify
    if arithmetic == "float32":
        from .float32.verdicts import verify_float32 as ask
    found = ask(
        network, unsafe, where, text=text, time_limit=time_limit, seed=seed, progress=progress,
        remedies=True,
    )  # fmt: skip
    return stamped(found, network, regions=where, property=source)
