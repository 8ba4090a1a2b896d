"""Every law for every curve, over attributes that change its facts."""

import numpy as np
import pytest

from cases import function_name, some
from curve_cases import CASES, by_name, identify
from outrange.core import InputError
from outrange.ops import CURVES, curve
from outrange.ops.relaxation.relax import relax
from outrange.testing import CURVE_LAWS, Oracle


ORACLES: dict[str, Oracle] = {}


@pytest.mark.parametrize("law", CURVE_LAWS, ids=function_name)
@pytest.mark.parametrize("case", some(CASES, 0, by_name), ids=identify)
def test_law(case, law):
    facts = curve(case[0], **case[1])
    law(facts, ORACLES.setdefault(identify(case), Oracle(facts)))


def test_every_curve_has_a_case():
    assert {name for name, _ in CASES} == set(CURVES)


@pytest.mark.parametrize("case", some(CASES, 0, by_name), ids=identify)
def test_float32_stays_close(case):
    facts = curve(case[0], **case[1])
    x = np.linspace(0.0625, 8, 128) if facts.on[0] >= -1 or facts.holes else np.linspace(-8, 8, 257)
    x = x if facts.on[1] > 0 else -x[x > 0]
    x = x[~np.isin(x, facts.jumps)]
    single, double = facts.f(x.astype(np.float32)), facts.f(x)
    assert np.abs(single - double).max() <= 1e-4 * (1 + np.abs(double)).max()


@pytest.mark.parametrize("case", some(CASES, 0, by_name), ids=identify)
def test_any_shape_and_no_warning(case):
    facts = curve(case[0], **case[1])
    lo = np.array([[1.0, 2.0, 3.0], [0.5, 1.0, 1e-3]]) * (1.0 if facts.on[1] > 0 else -1.0)
    lo, hi = np.minimum(lo, lo * 1.5), np.maximum(lo, lo * 1.5)
    with np.errstate(all="raise", under="ignore"):
        lines = relax(facts, lo, hi)
        least, most = facts.range(lo, hi)
    assert lines.lo_slope.shape == least.shape == most.shape == (2, 3)
    assert relax(facts, lo[:0], hi[:0]).hi_offset.shape == (0, 3)


WRONG = [
    ("leaky_relu", {"negative_slope": np.nan}),
    ("relu_general", {"threshold": -1.0}),
    ("relu_general", {"max_value": -1.0}),
    ("relu_general", {"negative_slope": np.inf}),
    ("clip", {"least": 1.0, "most": 0.0}),
    ("clip", {"least": np.nan, "most": 0.0}),
    ("clip", {"least": np.inf, "most": np.inf}),
    ("hard_shrink", {"threshold": -0.5}),
    ("soft_shrink", {"threshold": -0.5}),
    ("threshold", {"threshold": np.inf, "default": 0.0}),
    ("elu", {"alpha": np.inf}),
    ("celu", {"alpha": 0.0}),
    ("celu", {"alpha": -1.0}),
    ("power", {"exponent": np.nan}),
    ("reciprocal", {"side": "left"}),
    ("squareplus", {"b": -1.0}),
]


@pytest.mark.parametrize("case", WRONG, ids=identify)
def test_attributes_that_nothing_describes(case):
    with pytest.raises(InputError, match="Received"):
        curve(case[0], **case[1])


@pytest.mark.parametrize(
    ("name", "lo", "hi"),
    [
        ("log", -1.0, 1.0),
        ("log", 0.0, 1.0),
        ("rsqrt", 0.0, 1.0),
        ("log1p", -1.0, 1.0),
        ("sqrt", -1e-9, 1.0),
        ("reciprocal", -1.0, 1.0),
        ("reciprocal", 0.0, 1.0),
    ],
)
def test_input_outside_the_domain(name, lo, hi):
    for ask in (relax, lambda facts, *box: facts.range(*box)):
        with pytest.raises(InputError, match=f"`{name}` is supported only on .* Received"):
            ask(curve(name), np.array([lo]), np.array([hi]))


def test_exact_pieces_stay_exact():
    """A linear piece of the curve is returned without slack; so is a corner at 0."""
    lines = relax(curve("relu"), np.array([1.0, -2.0, -1.0]), np.array([3.0, -1.0, 3.0]))
    assert lines.lo_slope.tolist() == [1.0, 0.0, 1.0] and lines.lo_offset.tolist() == [
        0.0,
        0.0,
        0.0,
    ]
    assert lines.hi_slope.tolist() == [1.0, 0.0, 0.75]
    least, most = curve("leaky_relu").range(np.array([0.0]), np.array([0.0]))
    assert (least[0], most[0]) == (0.0, 0.0)


def test_unbounded_inputs_get_constants():
    lines = relax(curve("tanh"), np.array([-np.inf]), np.array([0.0]))
    assert lines.lo_slope[0] == 0 and lines.lo_offset[0] == -1.0
    lines = relax(curve("relu"), np.array([-np.inf]), np.array([np.inf]))
    assert (lines.lo_offset[0], lines.hi_offset[0]) == (0.0, np.inf)
    assert lines.lo_slope[0] == lines.hi_slope[0] == 0.0
