"""Instances of the records about loops and reach sets, ordinary and unusual."""

from dataclasses import replace

import numpy as np

from answers.record_parts import COST, HOSTILE, METHODS, PROOF
from outrange.answers.loops import Loop, LoopTrajectory, Pipe
from outrange.answers.loops.pipe import Invariant
from outrange.answers.loops.trajectory import LoopZone
from outrange.answers.reach_sets import LoopReachSets, ReachSet
from outrange.answers.reach_sets.star import Star
from outrange.answers.reach_sets.star_union import StarUnion


def loops() -> dict[str, Loop]:
    def pipe(states, steps=3, wide=1.0):
        grid = np.linspace(-1, 1, (steps + 1) * len(states)).reshape(steps + 1, -1)
        times, push = np.arange(steps + 1.0), np.zeros((steps, 1))
        return Pipe(
            tuple(states), ("u1",), times, times, grid - wide, grid + wide, grid - 0.5, grid + 0.5,
            push, push + 1,
        )  # fmt: skip

    plain = pipe(["angle", "speed"])
    holds = Loop(
        "arm", "(x[0] <= 1).always()", "HOLDS", plain, None, 0.125, 0.25, "decided", 3, 1.0, (), (),
        PROOF, COST, METHODS, trajectories=np.zeros((2, 4, 2)),
        zones=(LoopZone(True, np.array([1.0, -np.inf]), np.array([np.inf] * 2), 0.0, 3.0),),
    )  # fmt: skip
    run = LoopTrajectory(
        np.array([0.5, 1.0]), plain.lo, plain.lo + 1e-9, np.zeros((3, 1)), np.zeros((3, 0)),
        np.zeros(0), np.zeros(0), 2, plain.lo, True,
    )  # fmt: skip
    broken = replace(holds, status="VIOLATED", counterexample=run, margin=-np.inf, nearest=-0.5)
    at_once = replace(run, step=0, model=None, reproduced=None)
    helps = ("Narrow it.",)
    unknown = replace(
        holds, status="UNKNOWN", reason="time", margin=-np.inf, safe_until=1, covered=0.25,
        helps=helps,
    )  # fmt: skip
    return {
        "holds": holds,
        "violated": broken,
        "at once": replace(broken, counterexample=at_once),
        "unknown": unknown,
        "nothing known": replace(unknown, safe_until=-1, covered=0.0, pipe=pipe("ab", wide=np.inf)),
        "reached": replace(holds, claim="", status="REACHED", safe_until=None),
        "for ever": replace(holds, invariant=Invariant(np.zeros(2), np.ones(2), 3.0, 2.0)),
        "not for ever": replace(unknown, reason="forever"),
        "many states": replace(holds, pipe=pipe([f"x{i}" for i in range(30)], 40), zones=()),
        "hostile": replace(holds, model=HOSTILE, claim=HOSTILE, warnings=(HOSTILE,),
                           pipe=pipe([HOSTILE, "b"])),
    }  # fmt: skip


def star(at=0.0, exact=True, outputs=2) -> Star:
    """Return the unit square under a shift."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    slopes, center = np.eye(outputs, 2), np.full(outputs, at)
    return Star(
        np.array([[1.0, 1.0]]), np.array([2.0]), np.array([0]), np.zeros(2), np.ones(2),
        np.zeros(2), slopes,
        center, corners, corners @ slopes.T + center, np.full(outputs, 1e-12 if exact else 0.25),
        exact, True,
    )  # fmt: skip


def reach_sets() -> dict[str, ReachSet]:
    def of(*pieces, names=("y[0]", "y[1]"), status="exact", **changes):
        outputs = {"y": (len(names),)}
        answer = ReachSet(
            "arm", {"x": (2,)}, outputs, StarUnion(names, pieces), np.full((3, len(names)), 0.5),
            status, 0.01, PROOF, COST, METHODS,
        )  # fmt: skip
        return replace(answer, **changes)

    far = replace(star(exact=False), error=np.full(2, np.inf))
    return {
        "exact": of(star(), star(0.5)),
        "a cover": of(star(), star(0.5, exact=False), status="pieces"),
        "curved": of(star(exact=False), status="known"),
        "interrupted": of(far, status="interrupted"),
        "empty": of(seen=np.zeros((0, 2))),
        "many pieces": of(*[star(i / 100) for i in range(2500)]),
        "one output": of(star(outputs=1), names=("y[0]",)),
        "three outputs": of(star(outputs=3), names=("a", "b", "c")),
        "hostile": of(star(), names=(HOSTILE, "b"), model=HOSTILE),
    }


def loop_reach_sets() -> dict[str, LoopReachSets]:
    def of(*sets, names=("angle", "speed"), status="exact", **changes):
        answer = LoopReachSets(
            "arm", names, tuple(StarUnion(names, item) for item in sets),
            np.zeros((2, len(sets), len(names))), status, PROOF, COST, METHODS,
        )  # fmt: skip
        return replace(answer, **changes)

    return {
        "exact": of((star(),), (star(0.5), star(0.75))),
        "a cover": of((star(),), (star(0.5, exact=False),), status="time"),
        "long": of(*[(star(k / 10),) for k in range(40)]),
        "empty": of((), (), trajectories=np.zeros((0, 2, 2))),
        "hostile": of((star(),), (star(),), names=(HOSTILE, "b"), model=HOSTILE),
    }
