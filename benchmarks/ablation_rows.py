"""Questions for `ablation.py`: some for each special-purpose method, and some plain ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from verify import instances

import outrange
from outrange import L2Ball, y
from outrange.api.decorators import counted_work
from outrange.core.formula import Atom
from outrange.graph import Builder, Graph, Slot, convolve
from outrange.graph.difference import difference
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.decide import decide
from outrange.search.methods.table import (
    BOTTLENECK,
    CLAUSE_LEARNING,
    CONE_OF_INFLUENCE,
    DIFFERENTIAL,
    FLOAT32_PARTS,
    INCOMPLETE,
    JUMP_ATTACK,
    NORM_BALL,
    POOLED_CLAUSES,
    SECOND_ORDER,
    SEMIDEFINITE,
    SHARED_BOXES,
)


@dataclass(frozen=True)
class Outcome:
    """The result of a question.

    Args:
        status: Reason why the search stopped, or the verdict.
        work: Units of counted work.
        gap: Mean distance from bound to attained value, as a fraction of the attained range. None
            for a decision.
        answer: Arrays of bounds and points, for comparisons bit by bit.
    """

    status: str
    work: float
    gap: float | None
    answer: tuple[np.ndarray, ...] = ()

    def __str__(self) -> str:
        decided = self.status in ("exact", "sat", "unsat")
        percent = 0.0 if self.gap is None else 100 * self.gap
        figure = f"{percent:,.0f}" if percent >= 100 else f"{percent:.2g}"
        result = self.status if self.gap is None or decided else f"gap {figure} %"
        return f"{result} in {self.work:.1f}"


@dataclass(frozen=True)
class Row:
    """A question, and the name of the method that it was made for (empty for a plain question).

    Args:
        ask: Function from a budget, in units of counted work, to the outcome.
    """

    title: str
    method: str
    ask: Callable[[float], Outcome]


def outcome_of_range(answer) -> Outcome:
    """Return the outcome of an answer of `output_range` or `difference_range`."""
    spread = np.maximum(answer.seen_hi - answer.seen_lo, 1e-300)
    below, above = (answer.seen_lo - answer.lo) / spread, (answer.hi - answer.seen_hi) / spread
    gaps = np.concatenate([below, above])
    arrays = answer.lo, answer.hi, answer.seen_lo, answer.seen_hi
    return Outcome(str(answer.status), answer.cost.seconds, float(np.mean(gaps)), arrays)


def outcome_of_verdict(answer) -> Outcome:
    """Return the outcome of an answer of `verify`."""
    status = {True: "unsat", False: "sat", None: "unknown"}[answer.holds]
    witness = () if answer.counterexample is None else (np.asarray(answer.counterexample.x),)
    return Outcome(status, answer.cost.seconds, None, witness)


def network(sizes, act: str, seed: int, reach: float = 1.0, mix=None) -> Graph:
    """Build dense layers with random weights.

    Args:
        sizes: Numbers of inputs, units and outputs.
        act: Activation of all layers but the last.
        seed: Seed of the weights.
        reach: Factor of the first layer's weights.
        mix: Function that changes every matrix of weights.
    """
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (sizes[0],))])
    (x,) = b.input_values()
    for i, (n, m) in enumerate(pairwise(sizes)):
        weights = (reach if i == 0 else 1.0) * rng.normal(size=(n, m)) * np.sqrt(2.0 / n)
        weights = weights if mix is None else mix(weights)
        x = b.dense(x, weights, 0.3 * rng.normal(size=m))
        x = x if i == len(sizes) - 2 else b.curve(act, x)
    return b.finish([x], ["y"])


def range_row(title: str, method: str, graph: Graph, box, **options) -> Row:
    """Return a row that asks for the range of all outputs."""

    def ask(budget: float) -> Outcome:
        return outcome_of_range(outrange.output_range(graph, box, budget=budget, **options))

    return Row(title, method, ask)


def verdict_row(title: str, method: str, model, condition, box, **options) -> Row:
    """Return a row that asks whether a condition holds on a box."""

    def ask(budget: float) -> Outcome:
        return outcome_of_verdict(outrange.verify(model, condition, box, budget=budget, **options))

    return Row(title, method, ask)


def rounded_copy() -> Graph:
    """Build the difference between a network and its copy with weights in steps of 1/64."""
    sizes = (4, 24, 24, 1)
    exact = network(sizes, "relu", 1)
    return difference(exact, network(sizes, "relu", 1, mix=lambda w: np.rint(64 * w) / 64))


def pigeons(count: int) -> Graph:
    """Build two outputs that are both at most 0 where `count` pigeons fit into fewer holes."""
    holes = count - 1
    place = np.arange(count * holes).reshape(count, holes)
    rows = []
    for pigeon in range(count):
        rows.append(np.isin(np.arange(place.size), place[pigeon]).astype(float))
    for hole in range(holes):
        for i in range(count):
            for j in range(i):
                pair = np.isin(np.arange(place.size), (place[i, hole], place[j, hole]))
                rows.append(-pair.astype(float))
    signs = np.array(rows)
    inner = np.vstack([-signs, 2 * np.eye(place.size)])
    bias = np.concatenate([1.0 - (signs < 0).sum(axis=1), -np.ones(place.size)])
    weights = np.zeros((2, len(inner)))
    weights[0, : len(signs)], weights[1, len(signs) :] = 1.0, -1.0
    direct = np.vstack([np.zeros(place.size), np.ones(place.size)])
    b = Builder([Slot("x", (place.size,))])
    (x,) = b.input_values()
    h = b.curve("relu", b.dense(x, inner.T, bias))
    return b.finish([b.add(b.dense(x, direct.T), b.dense(h, weights.T))], ["y"])


def energy_fall(size: int = 4, step: float = 0.05) -> Graph:
    """Build the fall of a quadratic energy in a short step of a stable system: terms cancel."""
    root = np.random.default_rng(5).normal(size=(size, size))
    weight = root @ root.T + np.eye(size)
    b = Builder([Slot("x", (size,))])
    (x,) = b.input_values()

    def energy(z):
        return b.reduce("sum", b.multiply(z, b.dense(z, weight)), [1], keepdims=True)

    moved = b.combine((1.0, -step), [x, x])
    return b.finish([b.subtract(energy(x), energy(moved))], ["fall"])


def windows(length: int = 24, width: int = 3) -> Graph:
    """Build layers in which each output sees a window of a sequence."""
    rng = np.random.default_rng(0)
    kernel, second = rng.normal(size=(width, 6)), rng.normal(size=(6, 2))
    steps = length - width + 1
    first, mixed = np.zeros((length, steps * 6)), np.zeros((steps * 6, steps * 2))
    for i in range(steps):
        first[i : i + width, 6 * i : 6 * i + 6] = kernel
        mixed[6 * i : 6 * i + 6, 2 * i : 2 * i + 2] = second
    b = Builder([Slot("x", (length,))])
    (x,) = b.input_values()
    h = b.curve("relu", b.dense(x, first, np.tile(rng.normal(size=6), steps)))
    return b.finish([b.dense(h, mixed)], ["y"])


def planted_signs() -> Graph:
    """Build a net of signs whose output is 0 for the phases of one point, and at least 1 elsewhere.

    Its weights are binary, so that many inputs have to move together.
    """
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (60,))])
    (x,) = b.input_values()
    for n, m in ((60, 48), (48, 24)):
        weight = np.sign(rng.normal(size=(n, m))) / np.sqrt(n)
        x = b.curve("sign", b.dense(x, weight, 0.2 * rng.normal(size=m)))
    signs = b.finish([x], ["h"]).run(rng.uniform(-1, 1, (1, 60)))
    away = b.curve("abs", b.affine_map(x, np.ones((1, 24)), -signs))
    return b.finish([b.dense(away, np.full((24, 1), 0.5))], ["y"])


def padded_convolution(b: Builder, x, kernel: np.ndarray, stride: int):
    """Add a convolution with zero padding."""
    return convolve(
        b, x, kernel, strides=[stride, stride], padding=[(1, 1), (1, 1)], groups=1,
        dilation=[1, 1], channels_first=False,
    )  # fmt: skip


def wide_images() -> Graph:
    """Build two convolutions of an image of 64 x 64 pixels, and two dense layers."""
    rng = np.random.default_rng(3)
    b = Builder([Slot("x", (64, 64, 1))])
    (x,) = b.input_values()
    for n, m, stride in ((1, 32, 1), (32, 32, 1), (32, 8, 4)):
        kernel = rng.normal(size=(3, 3, n, m)) / np.sqrt(4.5 * n)
        x = b.curve("relu", padded_convolution(b, x, kernel, stride))
    h = b.dense(b.reshape(x, (1, x.size)), rng.normal(size=(x.size, 32)) / np.sqrt(x.size / 2))
    return b.finish([b.dense(b.curve("relu", h), rng.normal(size=(32, 4)) / 4.0)], ["y"])


def index_row() -> Row:
    """Return a row about a learned index: claims about thousands of short intervals."""
    graph, rng = network((1, 32, 32, 1), "relu", 4), np.random.default_rng(0)
    groups = []
    for start in np.sort(rng.uniform(-4.0, 4.0, 2000)):
        lo, hi = np.array([[start]]), np.array([[start + 2e-3]])
        values = graph.run(np.linspace(lo[0], hi[0], 50))[:, 0]
        spare = 0.01 * np.ptp(values) + 1e-9
        clauses = [
            (Atom(((1, 1.0),), spare - values.min()),),
            (Atom(((1, -1.0),), values.max() + spare),),
        ]
        roots = DomainBoxes(lo, hi, np.zeros(1, bool))
        groups.append(ClauseGroup(clauses, np.zeros(2, bool), roots))

    def ask(budget: float) -> Outcome:
        with counted_work():
            solution = decide(graph, groups, lambda at: True, time_limit=budget)
        return Outcome(str(solution.status), solution.seconds, None, (solution.lower,))

    return Row("2,000 claims about a learned index", "pooled clauses", ask)


def method_rows() -> list[Row]:
    """Return a question for each method that a small built network suits."""
    unit, images = (-1.0, 1.0), wide_images()
    center = float(images.run(np.full((1, images.size), 0.5))[0, 0])
    nets = {
        "wide": network((13, 24, 3), "relu", 5, reach=4.0),
        "float32": network((5, 24, 24, 24, 1), "relu", 1),
        "ball": network((4, 16, 16, 2), "relu", 2),
        "pixels": network((2, 40, 60, 1500), "relu", 0),
    }
    ranges = [
        ("a network minus its rounded copy", DIFFERENTIAL, rounded_copy(), unit),
        ("13 inputs over wide boxes, 24 units", SEMIDEFINITE, nets["wide"], unit),
        ("fall of an energy, 4 states", SECOND_ORDER, energy_fall(), unit),
        ("44 outputs of windows", CONE_OF_INFLUENCE, windows(), unit),
        ("4 inputs in an L2 ball", NORM_BALL, nets["ball"], L2Ball(np.zeros(4), 0.5)),
        ("1,500 pixels of 2 inputs", SHARED_BOXES, nets["pixels"], unit),
    ]
    image = y[0] >= center - 0.75
    verdicts = [
        ("7 pigeons in 6 holes", CLAUSE_LEARNING, pigeons(7), (y[0] > 0) | (y[1] > 0), (0.0, 1.0)),
        ("a point behind 72 signs", JUMP_ATTACK, planted_signs(), y[0] >= 0.5, unit),
        ("an image, 500,000 values", INCOMPLETE, images, image, (0.49999, 0.50001)),
    ]
    # The least value in real arithmetic is -0.583722.
    near = FLOAT32_PARTS.name, nets["float32"], y[0] >= -0.583732, unit
    return [
        *(range_row(title, method.name, *parts) for title, method, *parts in ranges),
        *(verdict_row(title, method.name, *parts) for title, method, *parts in verdicts),
        verdict_row("a float32 net near its limit", *near, arithmetic="float32"),
        index_row(),
    ]


def plain_rows() -> list[Row]:
    """Return ranges of plain networks."""
    unit = (-1.0, 1.0)
    return [
        range_row("2 inputs, 48 units", "", network((2, 16, 16, 16, 2), "relu", 7), unit),
        range_row("5 inputs, 48 units", "", network((5, 24, 24, 2), "relu", 8), unit),
        range_row("4 inputs, 32 tanh units", "", network((4, 16, 16, 2), "tanh", 9), unit),
        range_row("20 inputs, 48 units", "", network((20, 24, 24, 2), "relu", 10), (-0.2, 0.2)),
        range_row("60 inputs, 64 units", "", network((60, 32, 32, 2), "relu", 11), (-0.1, 0.1)),
    ]


DATA = (
    ("sat_relu", "unsat_v65_c187", CLAUSE_LEARNING.name),
    ("lsnc", "quadrotor2d_state_2", SECOND_ORDER.name),
    ("traffic_signs", "model_30_idx_7377_eps_1.00000", JUMP_ATTACK.name),
    ("ml4acopf", "118_ieee_prop6", BOTTLENECK.name),
    ("nn4sys", "lindex_3000", POOLED_CLAUSES.name),
)
"""Family, name of a property, and method, of questions from the competition."""


def data_rows(folder: Path) -> list[Row]:
    """Return the questions whose files are in the folder of the competition's instances."""
    rows = []
    for family, name, method in DATA:
        if not (folder / family / "instances.csv").exists():
            continue
        for model, vnnlib in instances(folder / family, 1):
            if vnnlib.name.removesuffix(".gz").removesuffix(".vnnlib") == name:
                spec = outrange.vnnlib.read_property(vnnlib)
                rows.append(verdict_row(f"`{family}`: {name}", method, model, spec, None))
                break
    return rows
