"""An answer without what a loop holds beside its states."""

from __future__ import annotations

from dataclasses import replace

from .loop import Loop


def shown(answer: Loop, count: int) -> Loop:
    """The same answer about the first states alone.

    Args:
        answer: About all of them.
        count: How many are shown.
    """
    pipe, found = answer.pipe, answer.counterexample
    if count == len(pipe.states):
        return answer
    ends = ("lo", "hi", "seen_lo", "seen_hi")
    pipe = replace(
        pipe, states=pipe.states[:count], **{k: getattr(pipe, k)[:, :count] for k in ends}
    )
    if found is not None:
        model = None if found.model is None else found.model[:, :count]
        found = replace(
            found, x=found.x[:count], lo=found.lo[:, :count], hi=found.hi[:, :count], model=model
        )
    zones = tuple(replace(z, lo=z.lo[:count], hi=z.hi[:count]) for z in answer.zones)
    return replace(
        answer, pipe=pipe, counterexample=found, zones=zones,
        trajectories=answer.trajectories[:, :, :count],
    )  # fmt: skip
