"""Trajectories of points enclosed in balls, by an integrator independent of the library.

A step adds the Taylor coefficients of the solution at the point. The truncation is the next
coefficient over a ball that holds the whole step, which the plain Picard inclusion verifies.
"""

from fractions import Fraction

from flint import arb, arb_series, ctx


ORDER, BITS = 18, 200


class BallFunctions:
    """Functions of power series of balls."""

    sin = staticmethod(lambda x: x.sin())
    cos = staticmethod(lambda x: x.cos())
    exp = staticmethod(lambda x: x.exp())


def exact(value):
    """Return a fraction or float64 as a ball."""
    value = Fraction(value)
    return arb(value.numerator) / arb(value.denominator)


def _coefficients(function, x, u, t, order):
    """Return the Taylor coefficients of the solution from `x`, up to `order`."""
    coefficients = [[c] for c in x]
    for j in range(order):
        series = [arb_series(c, j + 1) for c in coefficients]
        clock = arb_series([t, 1], j + 1)
        held = [arb_series([v], j + 1) for v in u]
        slope = function(BallFunctions, series, held, clock, [])
        for c, f in zip(coefficients, slope, strict=True):
            f = f if isinstance(f, arb_series) else arb_series([arb(f)], j + 1)
            c.append(f[j] / (j + 1))
    return coefficients


def _hull(function, x, u, t, h):
    """Return balls that contain the solution on all of `[0, h]`; None if that is too long."""
    span = arb(0).union(h)
    clock = t + span
    tried = [c + span * s for c, s in zip(x, _slope(function, x, u, t), strict=True)]
    for _ in range(30):
        tried = [c + (c - c.mid()) * 0.2 + arb(0, "1e-12") for c in tried]
        slope = _slope(function, tried, u, clock)
        image = [c + span * s for c, s in zip(x, slope, strict=True)]
        if all(a.contains(b) for a, b in zip(tried, image, strict=True)):
            return image
        tried = [a.union(b) for a, b in zip(tried, image, strict=True)]
    return None


def _slope(function, x, u, t):
    constants = [arb_series([c], 1) for c in x]
    series = function(
        BallFunctions, constants, [arb_series([v], 1) for v in u], arb_series([t], 1), []
    )
    return [f[0] if isinstance(f, arb_series) else arb(f) for f in series]


def _step(function, x, u, t, h):
    hull = _hull(function, x, u, t, h)
    if hull is None:
        half = _step(function, x, u, t, h / 2)
        return _step(function, half, u, t + h / 2, h / 2)
    near = _coefficients(function, x, u, t, ORDER)
    clock = t + arb(0).union(h)
    far = _coefficients(function, hull, u, clock, ORDER + 1)
    out = []
    for c, rest in zip(near, far, strict=True):
        total = rest[ORDER + 1] * h ** (ORDER + 1)
        for j in range(ORDER, -1, -1):
            total = total + c[j] * h**j
        out.append(total)
    return out


def _evaluate_network(network, x):
    for weight, bias, activation in network:
        x = [
            sum((exact(w) * v for w, v in zip(column, x, strict=True)), exact(b))
            for column, b in zip(weight.T.tolist(), bias.tolist(), strict=True)
        ]
        if activation == "relu":
            x = [arb.max(v, arb(0)) for v in x]
        elif activation == "tanh":
            x = [v.tanh() for v in x]
    return x


def trajectory(function, network, x, dt, steps, pieces=4):
    """Return `(time, states)` at every piece of every period, from a point of float64 numbers."""
    with ctx.workprec(BITS):
        ctx.cap = ORDER + 4
        x, run = [exact(v) for v in x], []
        run.append((Fraction(0), x))
        for k in range(steps):
            u = [] if network is None else _evaluate_network(network, x)
            for j in range(pieces):
                t = k * dt + j * dt / pieces
                x = _step(function, x, u, exact(t), exact(dt / pieces))
                run.append((t + dt / pieces, x))
        ctx.cap = 10
        return run


def inside(x, lo, hi):
    """Return whether no point of the balls is provably outside of `[lo, hi]`."""
    with ctx.workprec(BITS):
        return all(
            not (c < exact(a)) and not (c > exact(b))
            for c, a, b in zip(x, map(float, lo), map(float, hi), strict=True)
        )
