"""Temporal conditions: their formulas over a trajectory agree with a check of every step."""

import numpy as np
import pytest

from outrange import InputError, avoid, u, within, x
from outrange.api.loops.specs import read_spec
from outrange.core.formula import holds
from outrange.questions.expressions import as_temporal
from outrange.reach.specification import Trajectory, spec_warnings, to_formula


STEPS = 4
WHERE = Trajectory(2, STEPS, ("a", "b"), ("push",))


def is_satisfied(spec, states, controls):
    """Return whether the specification holds, by checking every step."""
    spec = as_temporal(spec)
    if spec.op == "~":
        return not is_satisfied(spec.parts[0], states, controls)
    if spec.op in "&|":
        each = [is_satisfied(part, states, controls) for part in spec.parts]
        return all(each) if spec.op == "&" else any(each)
    uses = "u" in repr(spec.parts[0])
    first = 0 if spec.start is None else int(spec.start)
    last = STEPS - uses if spec.stop is None else int(spec.stop)
    each = [
        _at(spec.parts[0], states[k], controls[min(k, STEPS - 1)]) for k in range(first, last + 1)
    ]
    return all(each) if spec.op == "always" else any(each)


def _at(condition, state, control):
    from outrange.graph import Slot
    from outrange.questions.expressions.evaluate import evaluate
    from outrange.reach.specification import _StepScope

    layout = Trajectory(2, 1, ("a", "b"), ("push",))
    formula = evaluate(condition, _StepScope(layout, 0)).item()
    flat = np.concatenate([state, np.zeros(2), control])
    assert Slot is not None
    return holds(formula, flat, flat)


SPECS = [
    (x[0] <= 0.5).always(),
    x[0] + x[1] <= 0.7,
    (x["b"] >= 0.2).eventually(),
    (abs(x[0]) <= 0.8).during(1, 3) & (x[1] >= -0.5).at(4),
    (x[0] <= 0).at(2) | ~(x[1] <= 0.1).always(1),
    ~((x[0] <= 0.3) & (x[1] <= 0.3)).eventually(2, 3),
    (u[0] <= 0.6).always() & (u["push"] >= -0.9).at(3),
    avoid([0.2, 0.2], [0.9, None]) & within(-0.9, [0.9, 0.8]).eventually(),
    within([0, -0.8], [1, 1]).at(1) | (x.max() >= 0.9).eventually(),
]


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_a_formula_agrees_with_every_step(spec):
    formula = to_formula(spec, WHERE)
    rng = np.random.default_rng(0)
    both = set()
    for scale in (0.3, 0.6, 1.0):
        for _ in range(60):
            states = scale * rng.uniform(-1, 1, (STEPS + 1, 2))
            controls = scale * rng.uniform(-1, 1, (STEPS, 1))
            flat = np.concatenate([states[0], states[1:].ravel(), controls.ravel()])
            expected = is_satisfied(spec, states, controls)
            assert holds(formula, flat, flat) is expected
            both.add(expected)
    assert both == {True, False}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("x[0] <= 1", (x[0] <= 1).always()),
        ("during 1 3: x[0] <= 1; at 2: u[0] >= 0", (x[0] <= 1).during(1, 3) & (u[0] >= 0).at(2)),
        ("avoid: x[0] >= 1 and x[1] >= 1", (~((x[0] >= 1) & (x[1] >= 1))).always()),
        ("eventually: x['a'] <= 1", (x["a"] <= 1).eventually()),
    ],
)
def test_text_and_expressions_agree(text, same):
    assert to_formula(read_spec(text), WHERE) == to_formula(same, WHERE)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: to_formula((x[0] <= 1).at(5), WHERE), "the loop runs for 4 steps"),
        (lambda: to_formula((u[0] <= 1).at(4), WHERE), "known only while its step"),
        (lambda: to_formula((x[0] <= 1).at(1.5), WHERE), "times must be step numbers"),
        (lambda: to_formula((x["c"] <= 1).always(), WHERE), "it has a, b"),
        (lambda: to_formula((x[2] <= 1).always(), WHERE), "The loop has 2 states, a, b"),
        (lambda: to_formula((x <= 1).always(), WHERE), ".all()"),
        (lambda: (x[0] <= 1).during(3, 1), "must not end before it begins"),
        (lambda: (x[0] <= 1).at("noon"), "A time must be a number"),
        (lambda: (x[0] <= 1).at(2) & 3, "Join several conditions with `&`"),
        (lambda: read_spec("sometimes: x[0] <= 1"), "during 10 20"),
        (lambda: within(None, None), "None for no bound"),
        (lambda: within([1, 2], [3, 4, 5]), "list of lower bounds and a list of upper"),
    ],
)
def test_invalid_specifications_are_refused_with_a_reason(make, word):
    with pytest.raises(InputError) as error:
        make()
    assert word in str(error.value)


def test_an_empty_set_to_avoid_is_remarked():
    from outrange.core.formula import negate

    spec = avoid([0.6, None], [0.4, None])
    (warning,) = spec_warnings(spec, negate(to_formula(spec, WHERE)))
    assert "says nothing" in warning
    assert not spec_warnings(
        avoid([0.4, None], [0.6, None]), negate(to_formula(avoid(0.4, 0.6), WHERE))
    )


def test_a_time_counts_as_neither_true_nor_false():
    with pytest.raises(InputError):
        bool((x[0] <= 1).always())
