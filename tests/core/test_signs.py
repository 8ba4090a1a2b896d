"""Signs of linear forms: float64 decides only what rational arithmetic would."""

from fractions import Fraction

import numpy as np
import pytest

from cases import cases
from outrange.core.formula import Atom, holds


def by_fractions(atom, lo, hi):
    """The definition, without rounding."""
    ends = []
    for first, second in ((lo, hi), (hi, lo)):
        total = Fraction(atom.offset)
        for i, c in atom.terms:
            total += Fraction(c) * Fraction(float(first[i] if c > 0 else second[i]))
        ends.append(total)
    least, most = ends
    if most < 0 or (most == 0 and not atom.strict):
        return True
    return False if least > 0 or (least == 0 and atom.strict) else None


@pytest.mark.parametrize("seed", range(cases(15, 400)))
def test_a_sign_is_that_of_rational_arithmetic(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    scale = 10.0 ** rng.integers(-320, 300, n) if seed % 2 else np.ones(n)
    v = rng.normal(size=n) * np.minimum(scale, 1e300)
    c = rng.normal(size=n)
    # Sums that cancel to nothing, or to the last place: where float64 may not decide.
    total = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(c, v, strict=True))
    end = float(total)
    for offset in (-end, np.nextafter(-end, np.inf), np.nextafter(-end, -np.inf), 0.0, 1.0):
        for strict in (False, True):
            terms = tuple((i, float(x)) for i, x in enumerate(c))
            atom = Atom(terms, float(offset), strict)
            wide = v + np.abs(v) * rng.choice([0.0, 1e-16, 1e-3])
            for lo, hi in ((v, v), (v, wide)):
                assert holds(atom, lo, hi) is by_fractions(atom, lo, hi)
