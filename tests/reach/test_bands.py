"""Parts of a controller's band, and of what carries remainders on, hold what they stand for."""

import numpy as np

from outrange.reach.flow.bands import Pairs
from outrange.reach.flow.controllers import Controller
from outrange.reach.flow.sets import FormBatch
from outrange.reach.flow.symbols import SymbolOrigins, reduced
from outrange.reach.polynomials.frame import MonomialFrame
from outrange.reach.polynomials.models import Models
from reach.exact_models import points, random_models, value
from reach.plants import controller, layers


def test_a_surface_is_what_its_expansion_says():
    rng, frame = np.random.default_rng(0), MonomialFrame(3, 2, 0)
    sets = FormBatch.over(random_models(rng, frame, 2, 0.1))
    for _ in range(3):
        sets = sets.halved(rng.integers(0, 3, sets.count))
    pairs = Pairs.of(frame, np.arange(3))
    assert pairs.count == 6
    bend = rng.normal(size=(sets.count, 1, pairs.count))
    found = pairs.over(sets, bend)
    for corner in (True, False):
        xi = rng.uniform(-1, 1, (200, sets.count, sets.generators.shape[-1]))
        xi = np.sign(xi) if corner else xi
        eps = sets.middle + sets.half * xi[..., sets.place]
        true = (bend[:, 0] * pairs.values(eps)).sum(axis=-1)
        off = true - found.level[:, 0] - (found.along[:, 0] * xi).sum(axis=-1)
        assert (found.least[:, 0] - 1e-12 <= off).all() and (off <= found.most[:, 0] + 1e-12).all()


def test_controls_hold_what_the_network_says():
    frame = MonomialFrame(2, 2, 0)
    for seed, activation in enumerate(("tanh", "relu", "tanh", "relu")):
        rng = np.random.default_rng(seed)
        graph = controller(layers(rng, 2, 2, activation, scale=1.5))
        coef, sym = 0.4 * rng.normal(size=(2, 2, frame.size)), 0.05 * rng.normal(size=(2, 2, 1, 1))
        states = Models(frame, coef, sym, np.zeros((2, 2)))
        found = Controller(graph, 2).control(states, 0)
        radius = np.abs(found.sym[:, :, 0, 1:]).sum(axis=-1)
        for point in points(rng, frame, 1, 60):
            tau, eps, s = point
            for box in range(2):
                x = [[float(value(states, box, i, point)) for i in range(2)]]
                u = graph.run(np.array(x))[0]
                for j in range(2):
                    here = float(value(found, box, j, (tau, eps, [*s, 0, 0])))
                    assert abs(u[j] - here) <= radius[box, j] + 1e-12


def test_symbols_that_are_put_together_hold_those_that_there_were():
    rng, frame = np.random.default_rng(0), MonomialFrame(2, 1, 0)
    before = random_models(rng, frame, 12, 0.0)
    after, _ = reduced(before, SymbolOrigins(np.zeros((2, 12, 4))), 6)
    assert after.sym.shape[-1] == 6
    for row in [*np.eye(3), *rng.normal(size=(20, 3))]:
        least = np.abs(np.einsum("n,bns->bs", row, before.sym[:, :, 0])).sum(axis=-1)
        most = np.abs(np.einsum("n,bns->bs", row, after.sym[:, :, 0])).sum(axis=-1)
        assert (least <= most + 1e-12).all()
