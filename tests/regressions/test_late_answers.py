"""Answers that came long after their time limit, and did not say why."""

import numpy as np
import pytest

import outrange
from outrange import InputError
from outrange.api.decorators import late_sentence
from outrange.core import OutOfTime, deadline
from outrange.core.clock import charge
from outrange.domains.float32 import bound_deviations, bound_deviations_within, plan_of_rows
from outrange.frontends import tolerance as tolerances
from outrange.frontends.tolerance import tolerance
from outrange.graph.float32 import run_with_error_bounds
from outrange.questions import output_range as ranges
from questions.nets import dense_net


def test_a_late_answer_names_the_phase(monkeypatch):
    compute = ranges.enclose

    def slow(*given):
        charge(9.7e9)
        return compute(*given)

    monkeypatch.setattr(ranges, "enclose", slow)
    bounds = outrange.output_range(dense_net([2, 3], ["relu"]).graph, (-1, 1), time_limit=5.0)
    assert bounds.late.startswith("The time limit of 5 s was exceeded by 4.")
    assert bounds.late.endswith(" s, most of it while computing evidence.")
    assert bounds.late in " ".join(str(bounds).split()) and bounds.as_dict()["late"] == bounds.late
    monkeypatch.undo()
    bounds = outrange.output_range(dense_net([2, 3], ["relu"]).graph, (-1, 1), time_limit=5.0)
    assert bounds.late == ""


def test_time_before_the_limit_is_nobodys_fault():
    phases = [(0.0, "reading"), (4.0, "searching"), (6.0, "writing"), (6.5, "searching")]
    assert late_sentence(0.0, 5.0, 8.0, phases) == (
        "The time limit of 5 s was exceeded by 3.0 s, most of it while searching."
    )
    assert late_sentence(0.0, 5.0, 8.0, []) == "The time limit of 5 s was exceeded by 3.0 s."


def test_float32_rounding_is_bounded_by_intervals_where_time_is_short():
    graph = dense_net([4, 64, 64, 2], ["relu", "relu", None]).graph
    plan, lo, hi = plan_of_rows(graph, np.eye(2)), -np.ones((1, 4)), np.ones((1, 4))
    with pytest.raises(OutOfTime), deadline(1e-4):
        bound_deviations(plan, lo, hi)
    short, whole = bound_deviations_within(plan, lo, hi, 0.0), bound_deviations(plan, lo, hi)
    assert (short.off >= whole.off).all() and np.isfinite(short.off).all()
    assert (short.lo <= whole.lo).all() and (whole.hi <= short.hi).all()


def test_slopes_that_no_memory_holds_are_refused():
    net = dense_net([20_000, 2], [None], weights=[(np.ones((20_000, 2)), np.zeros(2))])
    with pytest.raises(InputError, match="question must have at most 6,710 slopes"):
        outrange.gradient_range(net.graph, (0, 1))


def test_fewer_roundings_are_drawn_where_they_explain_the_difference(rng, monkeypatch):
    graph = dense_net([3, 16, 16, 2], ["relu", "relu", None]).graph
    strayed = run_with_error_bounds(graph, rng.uniform(-1, 1, (4, 3)))
    whole = tolerance(graph, strayed)
    for size in (0.0, 0.01, 0.5, 1.0 - 1e-9, 1.0 + 1e-9, 50.0, np.nan):
        difference = size * whole * rng.choice([-1.0, 1.0], whole.shape)
        some = tolerance(graph, strayed, 0, difference)
        np.testing.assert_array_equal(np.abs(difference) > some, np.abs(difference) > whole)
    monkeypatch.setattr(tolerances, "_RUNS", 1)
    np.testing.assert_array_equal(
        tolerance(graph, strayed), tolerance(graph, strayed, 0, 0.0 * whole)
    )
