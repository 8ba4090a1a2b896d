"""Taylor models evaluated at points in fractions, without any rounding."""

from fractions import Fraction

import numpy as np

from outrange.reach.polynomials.frame import MonomialFrame
from outrange.reach.polynomials.models import Models


def random_models(rng, frame, symbols, rest, entries=3, degree=None):
    """Draw models with coefficients of every size, which are zero above `degree` in `eps`."""
    coef = rng.normal(size=(2, entries, frame.size)) * 10.0 ** rng.integers(
        -3, 3, (2, entries, frame.size)
    )
    if degree is not None:
        high = np.tile(frame.degrees > degree[0], frame.times)
        late = np.repeat(np.arange(frame.times) > degree[1], frame.width)
        coef[..., high | late] = 0.0
    sym = rng.normal(size=(2, entries, frame.times, symbols))
    if degree is not None:
        sym[:, :, degree[1] + 1 :] = 0.0
    rests = rest * rng.uniform(size=(2, entries))
    return Models(frame, coef, sym, rests)


def points(rng, frame: MonomialFrame, symbols: int, count: int):
    """Draw corners and other points, as fractions: `(tau, eps, s)`."""
    for i in range(count):
        draw = rng.uniform(-1, 1, frame.variables + symbols + 1)
        draw = np.sign(draw) if i % 2 else draw
        tau = Fraction(abs(float(draw[0]))) if frame.time else Fraction(0)
        eps = [Fraction(float(v)) for v in draw[1 : 1 + frame.variables]]
        yield tau, eps, [Fraction(float(v)) for v in draw[1 + frame.variables :]]


def value(models: Models, box: int, entry: int, point) -> Fraction:
    """Evaluate the polynomial at a point."""
    tau, eps, s = point
    frame, total = models.frame, Fraction(0)
    powers = [Fraction(1)]
    for row in frame.exponents[1:]:
        term = Fraction(1)
        for base, exponent in zip(eps, row.tolist(), strict=True):
            term *= base**exponent
        powers.append(term)
    for t in range(frame.times):
        part = sum(
            (
                Fraction(float(c)) * p
                for c, p in zip(
                    models.coef[box, entry, t * frame.width : (t + 1) * frame.width],
                    powers, strict=True,
                )
            ),
            Fraction(0),
        )  # fmt: skip
        part += sum(
            (Fraction(float(c)) * v for c, v in zip(models.sym[box, entry, t], s, strict=True)),
            Fraction(0),
        )
        total += part * tau**t
    return total
