"""The ascent on PyTorch equals NumPy's; its proposals are proved in float64."""

import numpy as np
import pytest

import outrange
from outrange.core import Box, InputError
from outrange.graph import Builder, Slot
from outrange.ops.convolution import convolution
from outrange.search.common.incumbent import Incumbent
from outrange.search.neuron_split.alpha_beta import BoundProblem, OutputConstraint, optimize_bounds
from outrange.search.neuron_split.node import Splits
from outrange.search.neuron_split.relaxed_net import RelaxedNet
from outrange.search.neuron_split.search import NeuronSplitSearch
from outrange.search.neuron_split.torch_backend.alpha_beta import TorchBackend
from outrange.search.solve import solve


pytestmark = pytest.mark.backends


def _dense(rng, slope=0.0):
    b = Builder([Slot("x", (30,))])
    (x,) = b.input_values()
    for n, m in ((30, 20), (20, 16)):
        z = b.dense(x, rng.normal(size=(n, m)) * np.sqrt(2 / n), 0.1 * rng.normal(size=m))
        x = b.curve("leaky_relu", z, negative_slope=slope) if slope else b.curve("relu", z)
    return b.finish([b.dense(x, rng.normal(size=(16, 2)), np.zeros(2))], ["y"])


def _branches(rng):
    """Build two branches that are added, rearranged entries, and an image op."""
    b = Builder([Slot("x", (6, 5, 2))])
    (x,) = b.input_values()
    kernel, strides = rng.normal(size=(3, 3, 2, 3)) / 3, (1, 1)
    image = convolution(
        (6, 5),
        kernel,
        rng.normal(size=3),
        strides=strides,
        dilation=strides,
        padding=(strides, strides),
    )
    z = b.curve("relu", b.add_node(image, [x], (6, 5, 3)))
    flat = b.reshape(b.transpose(z, (2, 0, 1)), (90,))
    left = b.curve("relu", b.dense(flat, rng.normal(size=(90, 8)) / 8, rng.normal(size=8)))
    right = b.dense(flat, rng.normal(size=(90, 8)) / 8)
    return b.finish([b.dense(b.add(left, right), rng.normal(size=(8, 2)), np.zeros(2))], ["y"])


def _task(net, rng, cut):
    """Return sub-problems with random splits, and rows of the output and of a layer."""
    count = 6
    splits = net.unsplit(count)
    if cut:
        for i in range(count):
            for unit in rng.choice(np.flatnonzero(net.unstable(net.lo, net.hi)), 3, replace=False):
                if rng.random() < 0.5:
                    splits.low[i, unit] = splits.lo[i, unit] = 0.0
                else:
                    splits.high[i, unit] = splits.hi[i, unit] = 0.0
    rows = rng.normal(size=(count, net.objectives))
    below = OutputConstraint(
        np.eye(net.objectives)[0], 0.5, np.full(count, 0.1), np.full(count, 0.2)
    )
    alpha, beta = np.tile(net.start(), (count, 1)), np.zeros((count, net.units))
    return BoundProblem.of(
        {net.graph.output: rows},
        Splits(splits.low, splits.high, splits.lo, splits.hi),
        alpha,
        beta if cut else None,
        below if cut else None,
    )


@pytest.mark.parametrize(
    "make", [_dense, _branches, lambda r: _dense(r, 0.2)], ids=["dense", "branches", "leaky"]
)
@pytest.mark.parametrize("cut", [False, True])
def test_both_ascents_agree(make, cut):
    graph = make(np.random.default_rng(3))
    net = RelaxedNet.of(graph, Box(np.full(graph.size, -0.3), np.full(graph.size, 0.3)))
    ours, theirs = (_task(net, np.random.default_rng(5), cut) for _ in range(2))
    target = np.full(6, np.inf)
    target[0] = -1e6  # This one stops at once.
    optimize_bounds(net, ours, 8, target)
    with outrange.use_torch(dtype="float64"):
        optimize_bounds(net, theirs, 8, target)
    np.testing.assert_allclose(theirs.least, ours.least, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(theirs.alpha, ours.alpha, atol=1e-6)
    if cut:
        np.testing.assert_allclose(theirs.beta, ours.beta, atol=1e-6)
        np.testing.assert_allclose(theirs.below.gamma, ours.below.gamma, atol=1e-6)
        assert np.abs(ours.beta).max() > 0 and (ours.below.gamma != 0.1).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_searches_with_either_ascent_are_exact(dtype, monkeypatch):
    graph = _dense(np.random.default_rng(0))
    box, rows = Box(np.full(30, -0.06), np.full(30, 0.06)), np.array([[1.0, 0.0], [-1.0, 0.0]])
    expected = solve(graph, box, rows, solver=False, tol=0.05, time_limit=120)
    calls = []
    real = TorchBackend.__call__
    monkeypatch.setattr(
        TorchBackend, "__call__", lambda *arguments: calls.append(real(*arguments)) or calls[-1]
    )
    with outrange.use_torch(dtype=dtype):
        solution = solve(graph, box, rows, solver=False, tol=0.05, time_limit=120)
    assert solution.status == expected.status == "exact"
    assert calls and all(calls)
    assert (expected.lower <= solution.seen + 1e-12).all()
    assert (solution.lower <= expected.seen + 1e-12).all()


def test_float32_proposes_and_float64_proves(monkeypatch):
    """Nonsense slopes make bounds loose, never wrong."""
    graph = _dense(np.random.default_rng(1))
    box = Box(np.full(30, -0.2), np.full(30, 0.2))
    rng = np.random.default_rng(2)

    def nonsense(self, net, task, steps, target):
        task.alpha[:] = rng.random(task.alpha.shape)
        task.least[:] = 1e9
        return True

    monkeypatch.setattr(TorchBackend, "__call__", nonsense)
    state = Incumbent(np.eye(2), 1e-6, 3.0, None)
    with outrange.use_torch():
        search = NeuronSplitSearch(graph, box, state)
        search.run(until=1.0)
    seen = graph.run(rng.uniform(-0.2, 0.2, (20000, 30))).min(axis=0)
    assert (search.lower() <= seen).all() and np.isfinite(search.lower()).all()


def test_other_curves_stay_with_numpy():
    b = Builder([Slot("x", (20,))])
    (x,) = b.input_values()
    rng = np.random.default_rng(0)
    x = b.curve("tanh", b.dense(x, rng.normal(size=(20, 6)), np.zeros(6)))
    graph = b.finish([b.dense(x, rng.normal(size=(6, 1)), np.zeros(1))], ["y"])
    box = Box(np.full(20, -0.03), np.full(20, 0.03))
    with outrange.use_torch():
        solution = solve(graph, box, np.array([[1.0], [-1.0]]), solver=False, time_limit=30)
    expected = solve(graph, box, np.array([[1.0], [-1.0]]), solver=False, time_limit=30)
    np.testing.assert_allclose(solution.lower, expected.lower, atol=1e-5)


@pytest.mark.parametrize("options, says", [
    ({"dtype": "float16"}, "`dtype` must be 'float32' or 'float64'. Received: 'float16'"),
    ({"device": "meta"}, "`device` must be a device that PyTorch finds on this"),
    ({"device": "warp"}, "`device` must be a device that PyTorch finds on this"),
    ({"device": "cuda:99"}, "`device` must be a device that PyTorch finds on this"),
])  # fmt: skip
def test_invalid_options_are_reported(options, says):
    with pytest.raises(InputError, match="`") as error, outrange.use_torch(**options):
        pass
    assert says in str(error.value)


def test_threads_are_restored_for_any_order_of_exits():
    import torch

    def inside():
        with outrange.use_torch():
            yield

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        first, second = inside(), inside()
        next(first), next(second)
        first.close()
        assert torch.get_num_threads() == 1
        second.close()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_float32_overflow_falls_back_to_numpy():
    graph = _dense(np.random.default_rng(0))
    net = RelaxedNet.of(graph, Box(np.full(30, -1e37), np.full(30, 1e37)))
    ours, theirs = (_task(net, np.random.default_rng(5), False) for _ in range(2))
    for task in (ours, theirs):
        task.start[net.graph.output][:] *= 1e4
    optimize_bounds(net, ours, 4, np.full(6, np.inf))
    with outrange.use_torch():
        optimize_bounds(net, theirs, 4, np.full(6, np.inf))
    assert (ours.least == theirs.least).all() and np.isfinite(ours.least).all()
