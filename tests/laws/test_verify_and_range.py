"""If a range implies a property, `verify` decides it within the same budget."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import y
from outrange.graph import Builder, Slot


keras = pytest.importorskip("keras")
zoo = pytest.importorskip("zoo")

MARGIN = 0.02
"""Distance of a threshold from an end of the range, as a share of the range seen."""


def net(rng, act):
    inputs, widths = int(rng.integers(3, 20)), rng.integers(8, 25, size=2)
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    for n, m in zip((inputs, *widths), widths, strict=False):
        weight = rng.normal(size=(n, m)) * np.sqrt(2 / n)
        x = b.curve(act, b.dense(x, weight, 0.3 * rng.normal(size=m)))
    return b.finish([b.dense(x, rng.normal(size=(widths[-1], 1)))], ["y"])


@pytest.mark.slow
@pytest.mark.parametrize("act", ["relu", "tanh"])
@pytest.mark.parametrize("part", range(cases(1, 4)))
def test_verify_decides_what_the_range_implies(act, part):
    rng = np.random.default_rng([part, act == "relu"])
    graph = net(rng, act)
    units = cases(0.8, 1.2)
    ends = outrange.output_range(graph, (-1.0, 1.0), budget=units)
    lo, hi, seen_lo, seen_hi = (float(v[0]) for v in (ends.lo, ends.hi, ends.seen_lo, ends.seen_hi))
    step = MARGIN * (seen_hi - seen_lo)
    for claim, holds in (
        (y[0] <= hi + step, True),
        (y[0] >= lo - step, True),
        (y[0] <= seen_hi - step, False),
        (y[0] >= seen_lo + step, False),
    ):
        verdict = outrange.verify(graph, claim, (-1.0, 1.0), budget=units)
        assert verdict.holds is holds, (claim, verdict, ends)


MODELS = sorted(zoo.MODELS)[:: cases(6, 1)]
SEVERAL = ["sparse_and_binned", "states_in_and_out"]
"""Models with two outputs, and with jumps or products; the claims are about one of the outputs."""


@pytest.mark.parametrize("model", sorted({*MODELS, *SEVERAL}))
def test_verify_proves_what_the_range_of_a_keras_model_proves(model):
    """The range bounds all outputs with the budget, and `verify` has the same for one claim."""
    keras.utils.clear_session(free_memory=False)
    network = outrange.load(zoo.build(model))
    units = 3.0
    ends = outrange.output_range(network, (-1.0, 1.0), budget=units)
    rng = np.random.default_rng(len(model))
    first, several = 0, len(network.graph.outputs) > 1
    for slot in network.graph.outputs:
        last = first + int(np.prod(slot.shape))
        lo, hi, seen_lo, seen_hi = (
            np.ravel(v)[first:last].reshape(slot.shape)
            for v in (ends.lo, ends.hi, ends.seen_lo, ends.seen_hi)
        )
        first = last
        wide = np.isfinite(lo) & np.isfinite(hi) & (seen_hi > seen_lo)
        if not wide.any():
            continue
        index = tuple(int(i) for i in rng.choice(np.argwhere(wide)))
        entry = (y[slot.name] if several else y)[index]
        step = MARGIN * (seen_hi[index] - seen_lo[index])
        for claim in (entry <= hi[index] + step, entry >= lo[index] - step):
            verdict = outrange.verify(network, claim, (-1.0, 1.0), budget=units)
            assert verdict.holds is True, (claim, verdict, ends)
