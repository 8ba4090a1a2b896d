"""Pipes contain the solutions: closed forms, and trajectories of random loops in balls."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb_mat, ctx

from cases import cases
from outrange.graph import Builder, Slot
from outrange.reach.flow import bands, flow_pipe, linear as linear_flow, picard
from outrange.reach.flow.linear import LinearFlow
from outrange.reach.polynomials import models
from outrange.reach.polynomials.frame import MonomialFrame
from reach.exact_models import points, random_models, value
from reach.oracle import exact, inside, trajectory
from reach.plants import controller, layers, plant


H = Fraction(1, 10)


def _holds(pipe, box, time, x):
    """Return whether all segments at a time contain the states `x`, which are balls."""
    segments = [s for s in (*pipe.instants, *pipe.segments) if s.start <= time <= s.end]
    segments = [s for s in segments if box in s.boxes]
    assert segments or pipe.reached[box] < time
    for segment in segments:
        i = int(np.flatnonzero(segment.boxes == box)[0])
        if not inside(x, segment.lo[i], segment.hi[i]):
            return False
    return True


def exponential(m, x, u, t, w):
    """Return `x' = x`."""
    return [x[0]]


def exponentials_hold(order):
    """Assert the ends of `x' = x` from [0.5, 1.5], at all orders: no tail is lost."""
    pipe = flow_pipe(plant(exponential, 1), None, [[(0.5,), (1.5,)]], H, 3, order=order)
    for start in (0.5, 1.5, 1.0):
        for time, x in trajectory(exponential, None, [start], H, 3):
            assert _holds(pipe, 0, time, x), (order, start, time)
    low, high = pipe.instants[-1].lo[0, 0], pipe.instants[-1].hi[0, 0]
    assert high - low <= np.exp(0.3) * (1 + 1e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_exponential(order):
    exponentials_hold(order)


def oscillator(m, x, u, t, w):
    """Return `x'' = -x`."""
    return [x[1], -x[0]]


def test_oscillator():
    pipe = flow_pipe(plant(oscillator, 2), None, [[(0.9, -0.1), (1.1, 0.1)]], H, 70)
    for start in ([0.9, -0.1], [1.1, 0.1], [0.9, 0.1], [1.0, 0.0]):
        for time, x in trajectory(oscillator, None, start, H, 70, pieces=1):
            assert _holds(pipe, 0, time, x)
    # The set is rotated as it is, and hardly grows.
    last = pipe.instants[-1]
    least, most = last.range([[np.cos(7.0), -np.sin(7.0)]])
    assert most[0, 0] - least[0, 0] <= 0.2 * (1 + 1e-6)


def lead_car(m, x, u, t, w):
    """Return the braking front car of the benchmark ACC."""
    return [x[1], x[2], -2.0 * x[2] - 4.0 - 0.0001 * (x[1] * x[1])]


def test_lead_car():
    lo, hi = (90.0, 32.0, 0.0), (110.0, 32.2, 0.0)
    pipe = flow_pipe(plant(lead_car, 3), None, [[lo, hi]], H, 2)
    for start in ([90.0, 32.0, 0.0], [110.0, 32.2, 0.0], [90.0, 32.2, 0.0]):
        for time, x in trajectory(lead_car, None, start, H, 2):
            assert _holds(pipe, 0, time, x)
    # Without drag, the speed at t is v - 2 t + 1 - exp(-2 t).
    low, high = pipe.instants[1].lo[0, 1], pipe.instants[1].hi[0, 1]
    free = 32.0 - 0.2 + 1.0 - np.exp(-0.2)
    assert free - 0.01 < low < free < high < free + 0.21


def random_field(rng, n, m):
    """Draw a polynomial with sines, with coefficients of two digits that all sides share."""
    linear = np.round(rng.normal(size=(n, n)), 2)
    pairs = [(int(rng.integers(n)), int(rng.integers(n))) for _ in range(n)]
    pull = np.round(0.5 * rng.normal(size=n), 2)
    drive = np.round(rng.normal(size=(n, m)), 2)
    waves = np.round(0.5 * rng.normal(size=n), 2)

    def function(f, x, u, t, w):
        out = []
        for i, (j, k) in enumerate(pairs):
            total = x[j] * x[k] * float(pull[i]) + f.sin(x[(i + 1) % n]) * float(waves[i])
            total = total + x[i] * (-0.5)
            for a in range(n):
                total = total + x[a] * float(linear[i, a])
            for a in range(m):
                total = total + u[a] * float(drive[i, a])
            out.append(total)
        return out

    return function


def loops_hold(seed, activation, steps=3, radius=0.05, points=6):
    """Assert that corners, corners off by a last unit, and inner points stay inside."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    function, network = random_field(rng, n, m), layers(rng, n, m, activation)
    center = np.round(rng.uniform(-0.5, 0.5, (2, n)), 2)
    lo, hi = center - radius * rng.uniform(0.2, 1.0, n), center + radius
    pipe = flow_pipe(plant(function, n, m), controller(network), (lo, hi), H, steps)
    assert pipe.complete
    for i in range(points):
        box = i % 2
        corner = np.where(rng.integers(0, 2, n) > 0, lo[box], hi[box])
        inner = np.nextafter(corner, center[box])
        start = [corner, inner, rng.uniform(lo[box], hi[box])][i % 3]
        for time, x in trajectory(function, network, start.tolist(), H, steps, pieces=2):
            assert _holds(pipe, box, time, x), (seed, box, time)
    return pipe


@pytest.mark.parametrize("seed", range(cases(2, 24)))
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_random_loops(seed, activation):
    loops_hold(seed, activation)


def thin_loops_hold():
    """Assert the law for a box of a few units in the last place, where rounding dominates."""
    for seed in range(4):
        for activation in ("tanh", "relu"):
            loops_hold(seed, activation, steps=2, radius=1e-15, points=3)


@pytest.mark.slow
def test_thin_loops():
    thin_loops_hold()


def reverse(m, x, u, t, w):
    """Return `x' = t - x^2 + w`."""
    return [t - x[0] * x[0] + w[0]]


def test_time_and_disturbances():
    graph = plant(reverse, 1, clock=True, disturbances=1)
    box = [[(0.4,), (0.5,)]]
    pipe = flow_pipe(graph, None, box, H, 5, disturbance=([-0.25], [0.5]))
    for level in (-0.25, 0.125, 0.5):

        def held(m, x, u, t, w, level=level):
            return [t - x[0] * x[0] + level]

        for time, x in trajectory(held, None, [0.45], H, 5):
            assert _holds(pipe, 0, time, x)
    # A disturbance that switches once.
    first = trajectory(lambda m, x, u, t, w: [t - x[0] * x[0] + 0.5], None, [0.5], H, 2)

    def late(m, x, u, t, w):
        return [t + 0.2 - x[0] * x[0] - 0.25]

    start = float(first[-1][1][0].mid())
    for time, x in trajectory(late, None, [start], H, 3):
        assert _holds(pipe, 0, time + Fraction(1, 5), x)


def test_the_last_power_of_time_that_is_dropped_is_caught(monkeypatch):
    whole = picard._integral

    def less(slope, x0, h, frame):
        integral = whole(slope, x0, h, frame)
        if integral.rest is None:
            return integral
        powers = min(slope.frame.times, frame.time)
        dropped = slope.norms[..., powers * (frame.order + 1) :].sum(axis=-1)
        rest = np.maximum(integral.rest - 1.01 * float(h) / (powers + 1) * dropped, 0.0)
        return models.Models(frame, integral.coef, integral.sym, rest)

    monkeypatch.setattr(picard, "_integral", less)
    with pytest.raises(AssertionError):
        exponentials_hold(2)


def test_slopes_of_float32_are_caught(monkeypatch):
    whole = bands.Band.between

    def rounded(slope, bend, low, high):
        return whole(slope.astype(np.float32).astype(np.float64), bend, low, high)

    monkeypatch.setattr(bands.Band, "between", staticmethod(rounded))
    with pytest.raises(AssertionError):
        thin_loops_hold()


def test_the_oracle_agrees_with_the_exponential():
    (*_, (time, x)) = trajectory(exponential, None, [1.0], H, 3)
    assert time == Fraction(3, 10)
    assert x[0].overlaps(exact(Fraction(3, 10)).exp())


def linear(m, x, u, t, w):
    """Return a stiff linear plant with a reference in time."""
    return [x[1] * 0.7 + u[0] * 0.3 - t * 0.25, x[0] * (-1.5) - x[1] * 6.0 + u[0] + 0.1]


def test_linear_plants_are_exact_at_instants():
    rng = np.random.default_rng(3)
    network = layers(rng, 2, 1, "tanh")
    graph = plant(linear, 2, 1, clock=True)
    lo, hi = np.array([[0.4, -0.1]]), np.array([[0.41, -0.09]])
    pipe = flow_pipe(graph, controller(network), (lo, hi), Fraction(1, 4), 4)
    assert pipe.complete
    for start in (lo[0], hi[0], [0.4, -0.09], [0.405, -0.095]):
        run = trajectory(linear, network, list(start), Fraction(1, 4), 4, pieces=8)
        for time, x in run:
            assert _holds(pipe, 0, time, x)
    free = plant(linear, 2, 1, clock=True)
    still = controller([(np.zeros((2, 1)), np.zeros(1), None)])
    pipe = flow_pipe(free, still, (lo, lo), Fraction(1, 4), 4)
    last = pipe.instants[-1]
    assert (last.hi - last.lo <= 1e-14).all()
    (*_, (_, x)) = trajectory(
        linear, [(np.zeros((2, 1)), np.zeros(1), None)], list(lo[0]), Fraction(1, 4), 4, pieces=8
    )
    assert inside(x, last.lo[0], last.hi[0])


def linear_ends_hold():
    """Assert that `exp(A h) x` and the shift of every point of a model lie in the ends."""
    h, rng = Fraction(1, 4), np.random.default_rng(0)
    frame = MonomialFrame(2, 1, 0)
    x = random_models(rng, frame, 2, 0.0, entries=2)
    graph = plant(lambda m, x, u, t, w: [x[1] * 0.7 + 0.3, x[0] * (-1.5) - x[1] * 6.0], 2)
    mapped = LinearFlow.of(graph).end(x, None, Fraction(0), h)
    with ctx.workprec(200):
        rows = [[0.0, 0.7, 0.3], [-1.5, -6.0, 0.0], [0.0, 0.0, 0.0]]
        flow = arb_mat([[exact(v) * exact(h) for v in row] for row in rows]).exp()
        for point in points(rng, frame, 2, 6):
            for box, entry in ((0, 0), (0, 1), (1, 0), (1, 1)):
                at = [exact(value(x, box, i, point)) for i in range(2)] + [exact(1)]
                truth = sum((flow[entry, j] * at[j] for j in range(3)), exact(0))
                off = truth - exact(value(mapped, box, entry, point))
                assert abs(off) <= exact(float(mapped.rest[box, entry]))


def test_ends_of_linear_plants_include_their_rounding(monkeypatch):
    linear_ends_hold()
    monkeypatch.setattr(linear_flow, "with_rounding", np.zeros_like)
    with pytest.raises(AssertionError):
        linear_ends_hold()


@pytest.mark.parametrize("way", ["abs", "max", "relu"])
def test_plants_with_kinks(way):
    """Write `x' = -|x|` in three ways; on either side of 0 it is an exponential."""
    builder = Builder([Slot("x", (1,))])
    (x,) = builder.input_values()
    minus = builder.affine_map(x, -1.0)
    if way == "abs":
        slope = builder.affine_map(builder.curve("abs", x), -1.0)
    elif way == "max":
        slope = builder.minimum(x, minus)
    else:
        slope = builder.subtract(x, builder.affine_map(builder.curve("relu", x), 2.0))
    graph = builder.finish([slope], ["slope"])
    pipe = flow_pipe(graph, None, [[(-0.1,), (0.1,)], [(0.1,), (0.2,)]], H, 5)
    assert pipe.complete
    for box, start, rate in ((0, -0.1, 1.0), (0, 0.1, -1.0), (1, 0.2, -1.0)):

        def smooth(m, x, u, t, w, rate=rate):
            return [x[0] * rate]

        for time, at in trajectory(smooth, None, [start], H, 5):
            assert _holds(pipe, box, time, at)
    last = pipe.instants[-1]
    assert last.hi[1, 0] - last.lo[1, 0] <= 0.1 * np.exp(-0.5) * (1 + 1e-6)


def test_a_controller_that_reads_the_time():
    builder = Builder([Slot("t", (1,)), Slot("x", (1,))])
    t, x = builder.input_values()
    drive = builder.subtract(builder.affine_map(t, 2.0), builder.curve("tanh", x))
    network = builder.finish([drive], ["u"])
    graph = plant(lambda m, x, u, t, w: [u[0] - x[0]], 1, 1)
    pipe = flow_pipe(graph, network, [[(0.4,), (0.5,)]], H, 4)
    for start in (0.4, 0.5):
        with ctx.workprec(200):
            at = exact(start)
            for k in range(4):
                u = 2 * exact(k * H) - at.tanh()
                at = u + (at - u) * (-exact(H)).exp()
                assert _holds(pipe, 0, (k + 1) * H, [at])
