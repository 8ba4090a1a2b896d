"""Tubes that drop a truncation, do not pay a rounding, or round slopes: every one is caught.

Each mutant is a function of `reach/` whose source is changed in one place; each is caught by the
law that stands beside it, which holds without it (`tests/reach`).
"""

import pytest

from mutants.sources import break_source
from outrange.domains import zonotopes
from outrange.reach.flow import bands, controllers, linear, picard
from outrange.reach.polynomials import curves, models, ranges
from reach import model_laws as laws, zonotope_laws
from reach.test_bands import residuals_hold, surfaces_hold
from reach.test_flow_laws import (
    exponentials_hold,
    linear_ends_hold,
    loops_hold,
    thin_loops_hold,
)


def products_of_few():
    laws.products_hold(0.0, (0, 9), (0.0, 1.0))


def products_of_symbols():
    laws.products_hold(0.0, (0, 0))


def products_of_constants():
    laws.products_hold(0.0, (0, 0), (0.0, 0.0))


def products_of_remainders():
    laws.products_hold(0.5, (0, 0), (0.0, 0.0))


def sums_with_remainders():
    laws.sums_hold(0.5)


def integrals_with_later_powers():
    laws.integrals_hold(1)


def tiny_parabolas():
    laws.parabolas_hold(1e-7, 100)


MULTIPLY, LOST = models.multiply, models._symbols_lost

TRUNCATIONS = {
    "products of high degree": (
        MULTIPLY, "(np.matmul(a.norms, frame.lost) * b.norms).sum(axis=-1)",
        "np.zeros_like(a.norm)", laws.products_hold,
    ),
    "two symbols": (LOST, " + a.sym_norm * b.sym_norm", "", products_of_symbols),
    "a symbol and a variable": (LOST, " + a_rest * b.sym_norm", "", laws.products_hold),
    "a symbol and a power of time": (LOST, "return late + ", "return ", products_of_few),
    "a remainder and a polynomial": (
        MULTIPLY, " + b.rest * whole_a", "", products_of_remainders
    ),
    "two remainders": (MULTIPLY, "(whole_b + b.rest)", "whole_b", products_of_remainders),
    "a remainder in a sum": (models.add, "a.rest + b.rest", "a.rest", sums_with_remainders),
    "a remainder times a number": (
        models.scale, "np.abs(factor) * a.rest + ", "", sums_with_remainders
    ),
    "a number that is not known": (
        models.scale, "off * (size + a.rest)", "off * a.rest", sums_with_remainders
    ),
    "a number that is added": (models.shift, "a.rest + off", "a.rest", sums_with_remainders),
    "a remainder in a matrix": (
        models.affine, " + (1.0 + g) * rest", "", sums_with_remainders
    ),
    "the tail of a series": (
        curves._series, "np.where(last == 0.0, 0.0, tail)", "0.0 * tail", laws.reciprocals_hold
    ),
    "what a parabola leaves": (
        curves._parabola, "image.rest + tail", "image.rest", laws.parabolas_hold
    ),
    "values at its points": (
        curves._parabola, "off + 1.25 * (off_first + off_second) + 2.0**-44 * sizes", "0.0",
        tiny_parabolas,
    ),
    "the symbols of a maximum": (
        curves.apply_largest, "np.abs(other.sym - first.sym).sum(axis=(-2, -1))", "0.0",
        laws.maxima_hold,
    ),
    "the remainders of a maximum": (
        curves.apply_largest, "other.rest + first.rest", "first.rest", laws.maxima_hold
    ),
    "powers of time that are cut": (
        picard._integral, "slope.norms[..., powers * (frame.order + 1) :].sum(axis=-1)", "0.0",
        integrals_with_later_powers,
    ),
    "symbols at times that are cut": (
        picard._integral, "slope.sym_norms[..., powers:].sum(axis=-1)", "0.0",
        integrals_with_later_powers,
    ),
    "the remainder of a right side": (
        picard._integral, "slope.rest * (1.0 + gamma(3)) + ", "", lambda: exponentials_hold(2)
    ),
    "symbols in a range": (
        ranges.ends, "+ np.abs(sym).sum(axis=-1) + rest", "+ rest", laws.ranges_hold
    ),
    "squares in a range": (
        ranges.ends, "np.where(bend == 0.0, linear, top)", "linear", laws.ranges_hold
    ),
    "products in a surface": (
        bands.Pairs.over, ".sum(axis=-1) + both", ".sum(axis=-1)", surfaces_hold
    ),
    "a surface beside the bounds": (
        bands.NetworkBounds.residual, "bound = down(bound - surface_part)", "pass", residuals_hold
    ),
    "the radius of a band": (
        controllers.Controller._by_band, "with_rounding(band.radius + ", "with_rounding(",
        lambda: loops_hold(3, "relu"),
    ),
    "a remainder that becomes a symbol": (
        controllers._with_new_symbols, "np.where(bad, 0.0, models.rest)[:, :, None]",
        "0.0 * models.rest[:, :, None]", lambda: loops_hold(3, "tanh"),
    ),
    "how far an image is from the guess": (
        picard._distance, "image.rest + away * (1.0 + gamma(2))", "image.rest",
        laws.distances_hold,
    ),
    "the remainder of an image": (
        picard._distance, "image.rest + away", "away", laws.distances_hold
    ),
    "pairs of symbols": (
        zonotopes._product_with_squares, "(half + mixed)", "half", zonotope_laws.all_enclosed
    ),
    "squares of symbols": (
        zonotopes._product_with_squares, "(half + mixed)", "mixed", zonotope_laws.all_enclosed
    ),
}  # fmt: skip

ROUNDINGS = {
    "products": (
        MULTIPLY, "rest += gamma(count) * whole_a * whole_b", "pass", products_of_constants
    ),
    "sums": (models.add, " + gamma(2) * size", "", laws.sums_hold),
    "sums with numbers": (
        models.shift, " + gamma(1) * np.abs(coef[..., 0])", "", laws.sums_hold
    ),
    "products with numbers": (
        models.scale, " + gamma(1) * np.abs(factor) * size", "", laws.sums_hold
    ),
    "matrices": (models.affine, "gamma(2 * op.terms + 6)", "0.0", laws.sums_hold),
    "integrals": (picard._integral, " + gamma(4) * size", "", laws.integrals_hold),
    "ranges": (
        ranges.ends, "with_rounding(gamma(coef.shape[-1] + sym.shape[-1] + 16) * size)", "0.0",
        laws.ranges_hold,
    ),
    "control points": (ranges.Hull.of, " + gamma(frame.times + 3) * size", "", laws.hulls_hold),
    "parts of tubes": (
        ranges.piece, " + gamma(frame.times + 3) * (tube.norm + tube.sym_norm)", "",
        laws.ranges_hold,
    ),
    "ends of tubes": (
        ranges.at_end, " + gamma(frame.times) * (tube.norm + tube.sym_norm)", "", laws.ranges_hold
    ),
    "coefficients of curves": (
        curves._series, "up(np.maximum(high - middle, middle - low))", "0.0 * low",
        laws.series_hold,
    ),
    "matrix exponentials": (linear.LinearFlow.end, "np.abs(linear) * g + slack", "0.0 * linear",
                            linear_ends_hold),
    "zonotopes of sums": (
        zonotopes.affine_form, "inflate(size + np.abs(op.bias)) * g", "0.0",
        zonotope_laws.steps_hold,
    ),
    "zonotopes of products": (
        zonotopes._product_with_squares, "g = gamma(4 * left.count + 16)", "g = 0.0",
        zonotope_laws.steps_hold,
    ),
}  # fmt: skip

SLOPES = {
    "of a band": (
        bands.Band.between, "return Band(slope,",
        "return Band(slope.astype(np.float32).astype(np.float64),", thin_loops_hold,
    ),
    "of the network below and above": (
        bands.NetworkBounds.residual, "rows = form.rows - both",
        "rows = form.rows.astype(np.float32).astype(np.float64) - both", thin_loops_hold,
    ),
    "of a band in a model": (
        controllers.Controller._by_band, "coef = np.matmul(band.slope, inputs.coef)",
        "coef = np.matmul(band.slope.astype(np.float32), inputs.coef)", thin_loops_hold,
    ),
    "of zonotopes": (
        zonotopes._curve, "rows = form.rows * slope[:, None]",
        "slope = slope.astype(np.float32).astype(np.float64)\n"
        "        rows = form.rows * slope[:, None]", zonotope_laws.steps_hold,
    ),
    "of zonotopes and their middles": (
        zonotopes._curve, "center = slope * form.center + middle",
        "slope = slope.astype(np.float32).astype(np.float64)\n"
        "        center = slope * form.center + middle", zonotope_laws.steps_hold,
    ),
    "of linear plants": (
        linear.LinearFlow.end, "for i in range(n)])\n    slack",
        "for i in range(n)]).astype(np.float32).astype(np.float64)\n    slack", linear_ends_hold,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutant", TRUNCATIONS)
def test_a_truncation_that_is_dropped_is_caught(mutant, monkeypatch):
    *change, law = TRUNCATIONS[mutant]
    break_source(monkeypatch, *change)
    with pytest.raises(AssertionError):
        law()


@pytest.mark.parametrize("mutant", ROUNDINGS)
def test_a_rounding_that_is_not_paid_is_caught(mutant, monkeypatch):
    *change, law = ROUNDINGS[mutant]
    break_source(monkeypatch, *change)
    with pytest.raises(AssertionError):
        law()


@pytest.mark.parametrize("mutant", SLOPES)
def test_slopes_of_float32_are_caught(mutant, monkeypatch):
    *change, law = SLOPES[mutant]
    break_source(monkeypatch, *change)
    with pytest.raises(AssertionError):
        law()
