"""A smooth network of many inputs has no mixed-integer program; the search goes on without."""

import numpy as np
import pytest

from cases import cases
from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.search.common.task import FEW_INPUTS
from outrange.search.milp import turns
from outrange.search.solve import solve


@pytest.mark.slow
def test_the_solver_is_not_asked(monkeypatch):
    rng = np.random.default_rng(0)
    inputs = FEW_INPUTS + 4
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    for width in (12, 12):
        weight = rng.normal(size=(x.shape[-1], width))
        x = b.curve("tanh", b.dense(x, weight, rng.normal(size=width)))
    graph = b.finish([b.dense(x, rng.normal(size=(12, 1)))], ["y"])
    box, rows = Box(-np.ones(inputs), np.ones(inputs)), np.array([[1.0], [-1.0]])
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    found = solve(graph, box, rows, time_limit=cases(0.5, 1.0))
    assert found.status == "time"
    assert (found.lower <= found.seen).all() and np.isfinite(found.lower).all()
    assert turns._encoding(graph, box) is None
