"""Instances of every record, ordinary and unusual: infinite bounds, many entries, early stops."""

from dataclasses import replace

import numpy as np

from answers.loop_cases import loop_reach_sets, loops, reach_sets
from answers.record_parts import COST, HOSTILE, METHODS, PROOF
from answers.training_cases import advices, dead_starts, diagnoses, studies
from cases import some
from outrange.answers.advice import Advice
from outrange.answers.answer import Cost
from outrange.answers.bad_inputs import BadInputs
from outrange.answers.counterexamples import Counterexamples
from outrange.answers.curves.robustness_curve import RobustnessCurve
from outrange.answers.dead_start import DeadStart
from outrange.answers.diagnosis import Diagnosis
from outrange.answers.extrapolation.extrapolation import BrokenRule, Extrapolation
from outrange.answers.layer_bounds import LayerBounds, UnitBounds
from outrange.answers.loops import Loop
from outrange.answers.monotone import FallingPair, Monotone, Trend
from outrange.answers.optimum import Optimum
from outrange.answers.range import Range
from outrange.answers.reach_sets import LoopReachSets, ReachSet
from outrange.answers.regions.locator import INSIDE, OUTSIDE, PIECES, UNDECIDED, Locator
from outrange.answers.regions.piece import Piece, Slab
from outrange.answers.repairs.repair import Agreement, LayerChange, ModelRepair, Profile, Round
from outrange.answers.robust_accuracy import RobustAccuracy
from outrange.answers.robustness import Robustness
from outrange.answers.sampled import SampledRange
from outrange.answers.study.study import Study
from outrange.answers.summary import LayerRow, Summary
from outrange.answers.verdict import Counterexample, Verdict
from outrange.core import InputDomain


def output_range(count: int, status: str = "exact", spread: float = 0.0, **changes) -> Range:
    rng = np.random.default_rng(count)
    seen_lo = rng.normal(size=count) * 10.0 ** rng.integers(-4, 4, count)
    seen_hi = seen_lo + rng.exponential(size=count)
    x = rng.uniform(size=(2, count, 2)).astype(np.float32).astype(np.float64)
    answer = Range(
        "arm", {"x": (2,)}, {"y": (count,)}, seen_lo - spread, seen_hi + spread, seen_lo, seen_hi,
        x[0], x[1], np.float32(seen_lo), np.float32(seen_hi), 1e-6, status, PROOF, COST, METHODS,
    )  # fmt: skip
    return replace(answer, **changes)


def ranges() -> dict[str, Range]:
    infinite = output_range(3, "interrupted")
    lo, hi = infinite.lo.copy(), infinite.hi.copy()
    lo[0], hi[1] = -np.inf, np.inf
    two = output_range(4, "time", 0.25, outputs={"force": (3,), HOSTILE: ()})
    inputs = {"speed": two.at_lo[:, :1], "turn": two.at_hi[:, 1:]}
    return {
        "exact": output_range(2),
        "interrupted": output_range(3, "interrupted", 0.1),
        "rounding": output_range(1, "rounding", 1e-9),
        "of a box": output_range(
            2, over=InputDomain(("a", "b"), np.array([-0.1, 0.0]), np.array([1e-300, 2.5]))
        ),
        "one end open": output_range(2, "time", hi=output_range(2).hi + [0.5, 0.0]),
        "unbounded": replace(infinite, lo=lo, hi=hi),
        "nothing seen": output_range(
            1, "time", lo=np.array([-np.inf]), hi=np.array([np.inf]), model_lo=None, model_hi=None
        ),
        "many": output_range(1000, "time", 0.1),
        "several": replace(two, inputs={"speed": (1,), "turn": (1,)}, at_lo=inputs, at_hi=inputs),
        "wide input": output_range(
            2, inputs={"x": (40,)}, at_lo=np.zeros((2, 40)), at_hi=np.ones((2, 40))
        ),
        "hostile": output_range(2, model=HOSTILE, outputs={HOSTILE: (2,)}),
        "huge": output_range(
            2,
            "time",
            lo=np.full(2, -1.7e308),
            hi=np.full(2, 1.7e308),
            seen_lo=np.full(2, -1.6e308),
            seen_hi=np.array([-1.5e308, 1.6e308]),
        ),
        "scalar": output_range(1).by_name["y"],
        "no outputs": output_range(0),
    }


def sampling_cases() -> dict[str, SampledRange]:
    def of(count, **changes):
        bounds = output_range(count)
        answer = SampledRange(
            "arm", bounds.inputs, bounds.outputs, bounds.seen_lo, bounds.seen_hi, bounds.at_lo,
            bounds.at_hi, 100_000, 0, 0.75,
        )  # fmt: skip
        return replace(answer, **changes)

    return {
        "plain": of(2),
        "many": of(500),
        "infinite": of(2, hi=np.array([np.inf, 1e300]), lo=np.array([-1e300, -np.inf])),
        "hostile": of(1, model=HOSTILE, outputs={HOSTILE: (1,)}),
    }


def summaries() -> dict[str, Summary]:
    def row(name, kind, size, bent=True):
        rng = np.random.default_rng(size)
        lo = rng.normal(size=size)
        ends = lo, lo + rng.exponential(size=size)
        flags = [rng.uniform(size=size) < 0.3 for _ in range(4)]
        before = (lo * 3, ends[1] * 3 + 9) if bent else None
        return LayerRow(name, kind, (size,), 17 * size, before, ends, *flags)

    rows = (row("hidden", "Dense", 40), row("out", "Dense", 3, bent=False))
    wide = replace(rows[0], after=(np.full(40, -np.inf), np.full(40, np.inf)))
    empty = replace(rows[1], shape=(0,), after=(np.zeros(0), np.zeros(0)), constant=np.zeros(0))
    return {
        "plain": Summary("arm", rows, "linear", 1.5),
        "infinite": Summary("arm", (wide, rows[1], empty), "intervals", 0.1),
        "hostile": Summary(HOSTILE, (replace(rows[0], name=HOSTILE, kind=HOSTILE),), "linear", 1.0),
        "many": Summary("deep", tuple(row(f"d{i}", "Dense", i) for i in range(150)), "linear", 1),
    }


def layer_bound_cases() -> dict[str, LayerBounds]:
    def layer(name, kind, size, bent=True, **changes):
        rng = np.random.default_rng(size)
        lo = rng.normal(size=size)
        post = lo, lo + rng.exponential(size=size)
        pre = (lo * 3, post[1] * 3 + 9) if bent else None
        active = rng.uniform(size=size) < 0.3
        inactive = (rng.uniform(size=size) < 0.3) & ~active
        return UnitBounds(name, kind, pre, post, active, inactive, **changes)

    def of(*layers, model="arm", status="exact", **changes):
        return LayerBounds(model, layers, status, Cost(1.5, 7), ("a method",), **changes)

    first, last = layer("hidden", "Dense", 40), layer("out", "Dense", 3, bent=False)
    wide = replace(first, post=(np.full(40, -np.inf), np.full(40, np.inf)))
    none = np.zeros(0, bool)
    empty = UnitBounds("none", "Dense", None, (none * 1.0, none * 1.0), none, none)
    return {
        "plain": of(first, last),
        "out of time": of(first, last, status="time", late="The search ended after 45 s."),
        "infinite": of(wide, last, empty, status="interrupted"),
        "hostile": of(replace(first, name=HOSTILE, kind=HOSTILE), model=HOSTILE),
        "calls": of(layer("step", "Dense", 4, calls=3)),
        "many": of(*(layer(f"d{i}", "Dense", i) for i in range(150))),
    }


def counterexample(size: int = 2, reproduced: bool | None = True, **changes) -> Counterexample:
    x = np.linspace(-0.1, 1 / 3, size).astype(np.float32).astype(np.float64)
    y = np.array([1.25, -0.1])
    model_y = None if reproduced is None else np.float32(y).astype(np.float64)
    example = Counterexample(x, y, model_y, reproduced, x, y if model_y is None else model_y)
    return replace(example, **changes)


def verdicts() -> dict[str, Verdict]:
    holds = Verdict(
        "arm", "y[0] <= 3.99", "HOLDS", None, 0.125, 0.5, "decided", False, PROOF, COST, METHODS
    )
    broken = replace(
        holds, status="VIOLATED", counterexample=counterexample(), margin=-np.inf, nearest=-0.2
    )
    by_name = {"a": np.array([0.5]), "b": np.array([[-1.5]])}
    unknown = replace(holds, status="UNKNOWN", reason="time", margin=-0.375, nearest=0.0625)
    return {
        "holds": holds,
        "vacuous": replace(holds, vacuous=True, margin=np.inf, nearest=None),
        "violated": broken,
        "not run": replace(broken, counterexample=counterexample(reproduced=None)),
        "rounding": replace(broken, counterexample=counterexample(reproduced=False)),
        "by name": replace(broken, counterexample=counterexample(x=by_name)),
        "many inputs": replace(broken, counterexample=counterexample(3072)),
        "out of time": unknown,
        "interrupted": replace(unknown, reason="interrupted", margin=-np.inf, nearest=None),
        "near": replace(unknown, reason="rounding", nearest=-1e-12),
        "hostile": replace(broken, model=HOSTILE, claim=f"y[{HOSTILE!r}] <= 1"),
    }


def optima() -> dict[str, Optimum]:
    least = Optimum(
        "arm", "y[0] - 2 y[1]", "min", -0.5, -0.4999999, np.array([0.25, 1.0]),
        np.array([1.5, 1.0]), np.array([1.5, 1.0]), 1e-6, "exact", PROOF, COST, METHODS,
    )  # fmt: skip
    parts = {"a": np.array([0.5]), HOSTILE: np.zeros(20)}
    return {
        "least": least,
        "most": replace(least, sense="max", lo=2.0, hi=2.5, status="time"),
        "infeasible": replace(
            least, lo=np.inf, hi=np.inf, at=None, y=None, model_y=None, status="infeasible"
        ),
        "nothing known": replace(
            least, lo=-np.inf, hi=np.inf, at=None, y=None, model_y=None, status="interrupted"
        ),
        "hostile": replace(least, model=HOSTILE, objective=HOSTILE, at=parts, y=parts),
    }


def bad_inputs() -> dict[str, BadInputs]:
    lo, hi = np.array([[-1.0, -1.0]]), np.array([[1.0, 1.0]])
    triangle = Piece(
        np.array([[-1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 0.5]), np.zeros(2), np.ones(2),
        np.array([0.1, 0.1]),
    )  # fmt: skip
    leaves = np.array([0, -1 - PIECES, -1 - UNDECIDED])
    locator = Locator(
        lo, hi, np.array([0]), leaves, np.zeros(3), np.array([1, 0, 0]), np.array([2, 1, 1])
    )
    whole = Locator(
        lo, hi, np.array([0]), np.array([-1 - INSIDE]), np.zeros(1), np.zeros(1), np.zeros(1)
    )
    nothing = replace(whole, cut=np.array([-1 - OUTSIDE]))
    none = np.zeros((0, 2))
    some = BadInputs(
        "arm", "y[0] >= 1", {"x": (2,)}, lo, hi, 0.25, 0.375, 1e-3, none, none, (triangle,),
        np.array([[-1.0, -1.0]]), np.array([[-0.5, 0.0]]),
        (Slab(np.zeros((0, 3)), np.zeros((0, 3))),), False, "time", PROOF, COST, METHODS,
        locator=locator,
    )  # fmt: skip
    empty = {"undecided_lo": none, "undecided_hi": none, "bands": (), "pieces": ()}
    boxes = np.random.default_rng(0).uniform(-1, 0.9, (5000, 2))
    return {
        "some": some,
        "all": replace(
            some, share_lo=1.0, share_hi=1.0, box_lo=lo, box_hi=hi, locator=whole, status="known",
            **empty,
        ),
        "nowhere": replace(
            some, share_lo=0.0, share_hi=0.0, nowhere=True, locator=nothing, status="known", **empty
        ),
        "interrupted": replace(
            some, share_lo=0.0, share_hi=1.0, pieces=(), undecided_lo=lo, undecided_hi=hi,
            status="interrupted",
        ),
        "many boxes": replace(some, box_lo=boxes, box_hi=boxes + 0.1),
        "three inputs": replace(
            some, inputs={"x": (3,)}, lo=-np.ones((1, 3)), hi=np.ones((1, 3)),
            box_lo=np.zeros((1, 3)), box_hi=np.ones((1, 3)), locator=whole, **empty,
        ),
        "hostile": replace(some, model=HOSTILE, claim=HOSTILE, inputs={HOSTILE: (2,)}),
    }  # fmt: skip


def monotones() -> dict[str, Monotone]:
    up = FallingPair(np.array([0.0, 0.5]), np.array([1.0, 0.5]), 1.25, 2.5, 1.25, 2.5, True)
    down = replace(up, y=2.5, then_y=-1 / 3)
    trends = (
        Trend("y[0]", "x[0]", True, False, rise=up),
        Trend("y[0]", "x[1]", False, None, fall=down),
        Trend("y[1]", "x[0]", None, None),
        Trend("y[1]", "x[1]", True, True),
    )
    plain = Monotone("arm", trends, None, None, "decided", PROOF, COST, METHODS)
    parts = {"a": np.array([0.0]), HOSTILE: np.array([np.pi])}
    odd = replace(down, x=parts, then=parts, model_y=None, model_then_y=None, reproduced=None)
    hostile = Trend(HOSTILE, HOSTILE, False, None, fall=odd)
    return {
        "plain": plain,
        "order": replace(plain, trends=(), order=verdicts()["violated"]),
        "interrupted": replace(plain, trends=trends[2:3], wanted="rises", reason="interrupted"),
        "many": replace(plain, trends=trends[2:] * 200, reason="time"),
        "hostile": replace(plain, model=HOSTILE, trends=(hostile,), order=verdicts()["hostile"]),
    }


def robustnesses() -> dict[str, Robustness]:
    plain = Robustness(
        "arm", "y.argmax() == 2", "inf", (0.0, 1.0), np.array([0.25, 0.5]), 0.03125, 0.03128,
        counterexample(), 1e-3, "exact", PROOF, COST, METHODS,
    )  # fmt: skip
    return {
        "exact": plain,
        "broken": replace(plain, lo=0.0, hi=0.0, status="broken"),
        "never": replace(plain, hi=np.inf, adversarial=None, status="never", norm="2", clip=None),
        "interrupted": replace(
            plain, lo=0.0, hi=np.inf, adversarial=None, status="interrupted", norm="1"
        ),
        "image": replace(
            plain, x=np.full((8, 8, 1), 0.5), clip=None,
            adversarial=counterexample(x=np.full((8, 8, 1), 1.5), flat_x=np.full(64, 1.5)),
        ),
        "hostile": replace(plain, model=HOSTILE, claim=HOSTILE),
    }  # fmt: skip


def counterexample_lists() -> dict[str, Counterexamples]:
    some = tuple(counterexample(2 + i, run) for i, run in enumerate((True, False, None)))
    plain = Counterexamples("arm", "y[0] <= 1", some, 5, 0.01, "no more", PROOF, COST, METHODS)
    return {
        "some": plain,
        "none": replace(plain, examples=(), status="none"),
        "interrupted": replace(plain, examples=some[:1], status="interrupted"),
        "effort": replace(plain, examples=(), status="effort"),
        "many": replace(plain, examples=some * 100, asked=300, status="all"),
        "hostile": replace(plain, model=HOSTILE, claim=HOSTILE),
    }


def robust_accuracies() -> dict[str, RobustAccuracy]:
    status = np.array(["robust", "wrong", "broken", "open", "robust", "robust"])
    seconds = np.array([0.25, 0.01, 70.5, 10.0, 0.5, 0.5])
    plain = RobustAccuracy(
        "arm", 0.015, "inf", (0.0, 1.0), np.zeros((6, 4)), np.arange(6), status, seconds,
        {2: counterexample(4)}, True, PROOF, METHODS,
    )  # fmt: skip
    early = status.copy()
    early[3:] = ""
    spent = np.where(early == "", np.nan, seconds)
    return {
        "plain": plain,
        "interrupted": replace(plain, status=early, seconds=spent, complete=False),
        "nothing": replace(
            plain, status=np.array([""] * 6), seconds=np.full(6, np.nan), adversarial={},
            complete=False,
        ),
        "hostile": replace(plain, model=HOSTILE),
    }  # fmt: skip


def robustness_curves() -> dict[str, RobustnessCurve]:
    cases = robust_accuracies()

    def of(name):
        return RobustnessCurve((replace(cases[name], eps=0.0), replace(cases["plain"], eps=0.5)))

    return {
        "plain": of("plain"),
        "one": RobustnessCurve((cases["plain"],)),
        "nothing": of("nothing"),
        "interrupted": of("interrupted"),
        "hostile": of("hostile"),
    }


def extrapolations() -> dict[str, Extrapolation]:
    def of(values, *, names=("area", "rooms"), hi=(90.0, 5.0), **changes):
        values = np.array(values, np.float64).reshape(-1, len(names))
        lo, hi = np.zeros(len(names)), np.array(hi)
        answer = Extrapolation(
            "", names, lo, hi, len(values) + 2, np.arange(len(values)), values,
            over=InputDomain(names, lo, hi),
        )  # fmt: skip
        return replace(answer, **changes)

    beyond = {"model": "price", "inner": output_range(2), "outer": output_range(2, "time", 0.5)}
    return {
        "some": of([[100.0, 6.0], [-1.0, 2.0]]),
        "none": of([]),
        "a model": of([[100.0, 6.0]], **beyond),
        "a rule": of([[50.0, 2.5]], broken=(BrokenRule(0, ("rooms",), "`rooms` is 2.5."),)),
        "constant column": of([[100.0, 1e-300]], hi=(90.0, 0.0)),
        "many": of(np.linspace(91, 1e9, 300)),
        "hostile": of([[100.0, 6.0]], names=(HOSTILE, "b"), **beyond | {"model": HOSTILE}),
    }


def repairs() -> dict[str, ModelRepair]:
    verdict = verdicts()
    fixed = ModelRepair(
        "arm", "y[0] <= 3.99", "REPAIRED", "", "weights",
        (verdict["violated"],), (verdict["holds"],), (LayerChange("out", "weights", 0.125, 1e-3),),
        (Agreement("inside", 5000, 0.998, 1.0, 1e-4, 0.25), Agreement("x", 10, None, None, 0, 0)),
        (Round(17, 0.5, "", 0.25), Round(25, -0.1, "HOLDS", 1.5)), PROOF, COST, METHODS,
        share=(0.125, 0.126), difference=output_range(2),
    )  # fmt: skip
    grid = np.linspace(0, 1, 5)[:, None]
    line = Profile((0,), ("x",), grid, grid * 2, np.minimum(grid * 2, 1), grid[:, 0] > 0.5)
    plane = replace(
        line, index=(0, 1), names=("x", HOSTILE), x=np.concatenate([grid, grid**2], axis=1)
    )
    open_ = replace(
        fixed, status="UNREPAIRED", reason="no proof.", verdicts=(verdict["out of time"],),
        changes=(), fidelity=(), violation=0.25, share=None, difference=None,
    )  # fmt: skip
    return {
        "weights": fixed,
        "a line": replace(fixed, profile=line),
        "a plane": replace(fixed, profile=plane),
        "guard": replace(
            fixed, method="guard", changes=(LayerChange("guard", "guard", 0, 0, "new"),)
        ),
        "nothing to do": replace(
            fixed, status="HOLDS", method="", before=(verdict["holds"],), changes=(), history=()
        ),
        "unrepaired": open_,
        "impossible": replace(open_, status="IMPOSSIBLE", verdicts=(), violation=None),
        "hostile": replace(fixed, name=HOSTILE, claim=HOSTILE, changes=(
            LayerChange(HOSTILE, "weights", 0.5, 0.5),
        )),
    }  # fmt: skip


KINDS = {
    Range: ranges, SampledRange: sampling_cases, Summary: summaries, Verdict: verdicts,
    LayerBounds: layer_bound_cases,
    Optimum: optima, BadInputs: bad_inputs, Diagnosis: diagnoses, DeadStart: dead_starts,
    Monotone: monotones, Robustness: robustnesses, Counterexamples: counterexample_lists,
    RobustAccuracy: robust_accuracies, Advice: advices, Study: studies,
    Loop: loops, ReachSet: reach_sets, LoopReachSets: loop_reach_sets,
    Extrapolation: extrapolations, RobustnessCurve: robustness_curves, ModelRepair: repairs,
}  # fmt: skip
"""Record type to its instances by name."""

CASES = {f"{kind.__name__}, {name}": record
         for kind, make in KINDS.items() for name, record in make().items()}  # fmt: skip

FEWER = dict(some(CASES.items(), 45, key=lambda case: (type(case[1]), "hostile" in case[0])))
"""For laws that each record pays for: every kind of answer, and each with hostile names."""
