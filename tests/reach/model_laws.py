"""Laws of Taylor models, as functions that raise: tests run them, mutants must break them."""

from fractions import Fraction
from math import comb

import mpmath
import numpy as np

from cases import cases
from outrange.core.rounding import up
from outrange.ops import combine, curve, dense
from outrange.reach.flow import picard
from outrange.reach.polynomials import curves, models, ranges
from outrange.reach.polynomials.frame import MonomialFrame
from reach.exact_models import points, random_models, value


FRAMES = [
    MonomialFrame(2, 2, 0),
    MonomialFrame(2, 2, 3),
    MonomialFrame(3, 1, 2),
    MonomialFrame(1, 4, 2),
    MonomialFrame(2, 3, 1),
]


def _holds(result, frame, symbols, rng, truth, slack):
    """Assert `|truth - polynomial| <= rest` for arguments off by `slack` in either direction."""
    for point in points(rng, frame, symbols, cases(3, 6)):
        for box in range(result.count):
            for entry in range(result.entries):
                approximation = value(result, box, entry, point)
                for sign in (-1, 1) if slack else (0,):
                    off = abs(truth(box, entry, point, sign) - approximation)
                    assert off <= Fraction(float(result.rest[box, entry])), (frame, box, entry)


def products_hold(rest=0.0, degree=None, symbols=(1.0, 1.0)):
    """Assert that the product of two models contains the products of their functions.

    `degree` limits the factors in `eps` and in time, and `symbols` multiplies their symbols. With
    few of either, little is truncated, and the rest must still be accounted for.
    """
    for seed, frame in enumerate(FRAMES):
        rng = np.random.default_rng(seed)
        a, b = (random_models(rng, frame, 2, rest, degree=degree) for _ in range(2))
        a.sym[:], b.sym[:] = a.sym * symbols[0], b.sym * symbols[1]

        for other in (-1, 1):

            def truth(box, entry, point, sign, a=a, b=b, other=other):
                left = value(a, box, entry, point) + sign * Fraction(float(a.rest[box, entry]))
                right = Fraction(float(b.rest[box, entry])) * other
                return left * (value(b, box, entry, point) + right)

            _holds(models.multiply(a, b), frame, 2, rng, truth, rest)


def sums_hold(rest=0.0):
    """Assert that sums, sums with numbers, multiples and affine maps contain those of functions."""
    for seed, frame in enumerate(FRAMES):
        rng = np.random.default_rng(seed)
        a, b = (random_models(rng, frame, 2, rest) for _ in range(2))
        middle, off = rng.normal(size=(2, 2, 3)) * np.array([1.0, 1e-3])[:, None, None]
        off = np.abs(off)

        def of(m, box, entry, point, sign):
            return value(m, box, entry, point) + sign * Fraction(float(m.rest[box, entry]))

        def total(box, entry, point, sign, a=a, b=b):
            return of(a, box, entry, point, sign) + of(b, box, entry, point, sign)

        _holds(models.add(a, b), frame, 2, rng, total, rest)

        def moved(box, entry, point, sign, a=a, middle=middle, off=off):
            known = Fraction(middle[box, entry]) + sign * Fraction(off[box, entry])
            return of(a, box, entry, point, sign) + known

        _holds(models.shift(a, middle, off), frame, 2, rng, moved, 1)

        def multiple(box, entry, point, sign, a=a, middle=middle, off=off):
            known = Fraction(middle[box, entry]) + sign * Fraction(off[box, entry])
            return of(a, box, entry, point, sign) * known

        _holds(models.scale(a, middle, off), frame, 2, rng, multiple, 1)

        def plain(box, entry, point, sign, a=a, middle=middle):
            return of(a, box, entry, point, sign) * Fraction(middle[box, entry])

        _holds(models.scale(a, middle, 0.0 * off), frame, 2, rng, plain, rest)
        weight, bias = rng.normal(size=(3, 3)), rng.normal(size=3)

        def mapped(box, entry, point, sign, a=a, weight=weight, bias=bias):
            parts = (
                Fraction(weight[i, entry])
                * of(a, box, i, point, sign if weight[i, entry] > 0 else -sign)
                for i in range(3)
            )
            return sum(parts, Fraction(bias[entry]))

        _holds(models.affine(dense(weight, bias), [a]), frame, 2, rng, mapped, rest)

        def both(box, entry, point, sign, a=a, b=b):
            first, second = of(a, box, entry, point, sign), of(b, box, entry, point, -sign)
            return first * Fraction(0.3) - second * Fraction(1.7)

        _holds(models.affine(combine((0.3, -1.7), 3), [a, b]), frame, 2, rng, both, rest)


def reciprocals_hold():
    """Assert bounds of `1 / (2 + z / 4)`, which is 4/7 at z = -1, at several points."""
    op = curve("reciprocal")
    for order in (1, 2, 3, 4):
        frame = MonomialFrame(1, order, 0)
        x = models.constant(frame, np.array([[2.0]]), np.zeros((1, 1)), 0)
        x.coef[0, 0, 1] = 0.25
        image, bad = curves.apply_curve(op, x)
        assert not bad.any()
        for z in (Fraction(-1), Fraction(1), Fraction(0), Fraction(1, 3)):
            approximation = value(image, 0, 0, (Fraction(0), [z], []))
            off = abs(1 / (2 + z / 4) - approximation)
            assert off <= Fraction(float(image.rest[0, 0])), (order, z)
        low, high = ranges.Hull.of(image).ends()
        assert (
            Fraction(float(low[0, 0]))
            <= Fraction(4, 9)
            < Fraction(4, 7)
            <= Fraction(float(high[0, 0]))
        )
        # An order leaves only the next power of z.
        assert image.rest[0, 0] <= 2.0 * up(0.25 ** (order + 1) / 1.75 ** (order + 2))


def parabolas_hold(size=0.05, entries=3):
    """Assert that curves at an instant contain all values, with no more rest than the bound."""
    rng, frame = np.random.default_rng(0), MonomialFrame(2, 2, 0)
    for name in ("exp", "tanh", "sigmoid", "sin"):
        op = curve(name)
        x = random_models(rng, frame, 1, 0.0, entries=entries)
        x = models.Models(frame, 0.0 * x.coef, 0.0 * x.sym, x.rest)
        x.coef[..., 0], x.coef[..., 1] = rng.normal(size=(2, entries)), size
        image, bad = curves.apply_curve(op, x)
        assert not bad.any()
        last = np.abs(op.taylor_range(x.coef[..., 0] - size, x.coef[..., 0] + size, 3)[:, 3])
        assert (image.rest <= 0.26 * last.max(axis=0) * size**3 + 1e-12).all()
        for z in np.linspace(-1, 1, 9 if entries < 9 else 3):
            point = Fraction(0), [Fraction(z), Fraction(0)], [Fraction(0)]
            for box in range(2):
                for entry in range(entries):
                    with mpmath.workdps(40):
                        at = value(x, box, entry, point)
                        true = op.exact(mpmath, mpmath.mpf(at.numerator) / at.denominator)
                        approximation = value(image, box, entry, point)
                        off = abs(
                            true - mpmath.mpf(approximation.numerator) / approximation.denominator
                        )
                        assert off <= image.rest[box, entry], (name, z)


def integrals_hold(later=0):
    """Assert `x0 + h int slope`, where `later` powers of time of the slope are dropped."""
    for variables, order, h in ((1, 1, Fraction(1, 10)), (2, 2, Fraction(1, 3))):
        rng = np.random.default_rng(variables)
        frame = MonomialFrame(variables, order, 3)
        slope = random_models(rng, MonomialFrame(variables, order, 2 + later), 2, 0.0)
        x0 = random_models(rng, MonomialFrame(variables, order, 0), 2, 0.0)
        x0.coef[:], x0.sym[:] = 0.0, 0.0
        integral = picard._integral(slope, x0, h, frame)
        width = slope.frame.width
        powers = []
        for t in range(slope.frame.times):
            coef, sym = np.zeros_like(slope.coef), np.zeros_like(slope.sym)
            coef[..., t * width : (t + 1) * width] = slope.coef[..., t * width : (t + 1) * width]
            sym[:, :, t] = slope.sym[:, :, t]
            powers.append(models.Models(slope.frame, coef, sym, slope.rest))

        def truth(box, entry, point, sign, powers=powers, h=h):
            parts = (value(p, box, entry, point) / (t + 1) for t, p in enumerate(powers))
            return h * point[0] * sum(parts, Fraction(0))

        _holds(integral, frame, 2, rng, truth, 0)


def distances_hold():
    """Assert that no function of a model is farther from a polynomial than the distance."""
    for seed, frame in enumerate(FRAMES):
        rng = np.random.default_rng(seed)
        a, b = (random_models(rng, frame, 2, rest) for rest in (0.5, 0.0))
        distance = picard._distance(a, b.plain())
        for point in points(rng, frame, 2, 6):
            for box in range(2):
                for i in range(3):
                    away = abs(value(a, box, i, point) - value(b, box, i, point))
                    most = away + Fraction(float(a.rest[box, i]))
                    assert most <= Fraction(float(distance[box, i]))


def ranges_hold():
    """Assert that ends contain the values at points, and control points contain a tube."""
    for seed, frame in enumerate(FRAMES):
        rng = np.random.default_rng(seed)
        a = random_models(rng, frame, 2, 0.0)
        rows = rng.normal(size=(2, 3))
        for cut in ((Fraction(0), Fraction(1)), (Fraction(1, 3), Fraction(1, 2))):
            hull = ranges.Hull.of(a, *cut)
            low, high = hull.ends()
            least, most = hull.forms(rows)
            for point in points(rng, frame, 2, 20):
                tau = cut[0] + point[0] * (cut[1] - cut[0]) if frame.time else point[0]
                at = (tau, *point[1:])
                for box in range(2):
                    x = [value(a, box, i, at) for i in range(3)]
                    for i in range(3):
                        assert Fraction(low[box, i]) <= x[i] <= Fraction(high[box, i])
                    for j in range(2):
                        form = sum(Fraction(r) * v for r, v in zip(rows[j], x, strict=True))
                        assert Fraction(least[box, j]) <= form <= Fraction(most[box, j])
        if frame.time:
            part = ranges.piece(a, Fraction(1, 3), Fraction(1, 2))
            for tau, eps, s in points(rng, frame, 2, 6):
                approximation = value(part, 1, 1, (tau, eps, s))
                truth = value(a, 1, 1, (Fraction(1, 3) + tau / 6, eps, s))
                assert abs(truth - approximation) <= Fraction(float(part.rest[1, 1]))
            end = ranges.at_end(a, MonomialFrame(frame.variables, frame.order, 0))
            for _, eps, s in points(rng, frame, 2, 6):
                truth_at_end = value(a, 0, 0, (Fraction(1), eps, s))
                approximation = value(end, 0, 0, (Fraction(0), eps, s))
                assert abs(truth_at_end - approximation) <= Fraction(float(end.rest[0, 0]))


def maxima_hold():
    """Assert that the largest entry of a window contains that of the values."""
    windows = np.array([[0, 1, 2], [1, 2, -1]])
    for seed in range(24):
        frame, rng = FRAMES[seed % len(FRAMES)], np.random.default_rng(seed)
        a = random_models(rng, frame, 2, 0.5)
        a.coef[..., 0] = 0.1 * rng.normal(size=(2, 3))
        a.coef[..., 1:] *= seed % 2
        a.sym[:] *= seed // 2 % 2
        image = curves.apply_largest(windows, a)

        def truth(box, entry, point, sign, a=a):
            window = [i for i in windows[entry].tolist() if i >= 0]
            return max(
                value(a, box, i, point) + sign * Fraction(float(a.rest[box, i])) for i in window
            )

        _holds(image, frame, 2, rng, truth, 1)


def series_hold():
    """Assert that series contain the values for coefficients at either end of an interval.

    Linear forms are not truncated.
    """
    for seed, frame in enumerate(frame for frame in FRAMES if frame.order >= 2):
        rng = np.random.default_rng(seed)
        x = random_models(rng, frame, 2, 0.0, degree=(1, 0))
        x.sym[:] = 0.0
        low = rng.normal(size=(3, 2, 3))
        for place in range(3):
            high = low + 1e-3 * (np.arange(3) == place)[:, None, None]
            image = curves._series(x, low, high, np.zeros((2, 3)))

            def truth(box, entry, point, sign, x=x, ends=(low, high)):
                away = value(x, box, entry, point) - Fraction(float(x.coef[box, entry, 0]))
                row = ends[sign > 0][:, box, entry].tolist()
                return sum(Fraction(c) * away**j for j, c in enumerate(row))

            _holds(image, frame, 2, rng, truth, 1)


def hulls_hold():
    """Assert that a tube is a mean of its control points at every time, up to the rest."""
    frames = [frame for frame in FRAMES if frame.time]
    for seed, frame in enumerate(frames):
        rng = np.random.default_rng(seed)
        a = random_models(rng, frame, 2, 0.0)
        start, end = Fraction(1, 3), Fraction(5, 7)
        hull, instant = (
            ranges.Hull.of(a, start, end),
            MonomialFrame(frame.variables, frame.order, 0),
        )
        points_at = [
            models.Models(instant, hull.coef[:, c], hull.sym[:, c][:, :, None], hull.rest)
            for c in range(frame.times)
        ]
        for tau, eps, s in points(rng, frame, 2, 6):
            share = [
                comb(frame.time, c) * tau**c * (1 - tau) ** (frame.time - c)
                for c in range(frame.times)
            ]
            for box in range(2):
                for i in range(3):
                    each = (value(p, box, i, (Fraction(0), eps, s)) for p in points_at)
                    mean = sum((w * v for w, v in zip(share, each, strict=True)), Fraction(0))
                    true = value(a, box, i, (start + tau * (end - start), eps, s))
                    assert abs(true - mean) <= Fraction(float(hull.rest[box, i])), frame
