"""Errors in displayed answers: names that ran as HTML, gaps lost in an infinite range."""

from dataclasses import replace

import numpy as np

from answers.record_cases import output_range


def test_a_name_that_looks_like_a_picture_is_escaped():
    answer = output_range(1, outputs={'<svg onload="alert(1)">': (1,)})
    assert "<svg onload" not in answer._repr_html_()


def test_a_gap_beside_a_range_wider_than_float64_is_no_nothing():
    answer = output_range(1, "time")
    lo, hi = np.array([-1.7e308]), np.array([1.7e308])
    answer = replace(answer, lo=lo, hi=hi, seen_lo=lo / 1.7, seen_hi=hi / 1.7)
    assert answer.relative_gap[0] >= 0.3
    assert not answer.closed_lo.any() and not answer.closed_hi.any()
