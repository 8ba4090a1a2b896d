"""Restriction of an answer about a closed loop to the states of the user's plant."""

from __future__ import annotations

from dataclasses import replace

from .loop import Loop


def first_states(answer: Loop, count: int) -> Loop:
    """Return an answer restricted to the first `count` states.

    Later states are internal, such as delayed controls.

    Args:
        answer: Answer about all states.
        count: Number of states to keep.
    """
    pipe, example = answer.pipe, answer.counterexample
    if count == len(pipe.states):
        return answer
    ends = ("lo", "hi", "seen_lo", "seen_hi")
    pipe = replace(
        pipe, states=pipe.states[:count], **{k: getattr(pipe, k)[:, :count] for k in ends}
    )
    if example is not None:
        model = None if example.model is None else example.model[:, :count]
        example = replace(
            example, x=example.x[:count], lo=example.lo[:, :count], hi=example.hi[:, :count],
            model=model,
        )  # fmt: skip
    zones = tuple(replace(z, lo=z.lo[:count], hi=z.hi[:count]) for z in answer.zones)
    return replace(
        answer, pipe=pipe, counterexample=example, zones=zones,
        trajectories=answer.trajectories[:, :, :count],
    )  # fmt: skip
