"""Laws of convolutions, in every option, against matrices from the definition."""

from itertools import product

import numpy as np
import pytest

from cases import cases
from outrange.core import ModelError
from outrange.domains import DOMAINS, bounds
from outrange.graph import Builder, Slot
from outrange.graph.composites.convolution import convolve, convolve_transposed
from outrange.ops import convolution, transposed_convolution
from outrange.ops.numerics.slide import Slide
from outrange.ops.numerics.sliding_product import SlidingProduct
from outrange.testing import check_absolute, check_affine, check_part


SEEDS = range(cases(8, 40))


def options(seed: int) -> dict:
    """Return a random convolution of 1 to 3 dimensions with a small matrix."""
    rng = np.random.default_rng(seed)
    rank = 1 + seed % 3
    most = (9, 5, 4)[rank - 1]
    groups = int(rng.choice([1, 1, 2, 3]))
    kernel = tuple(int(k) for k in rng.integers(1, 4, rank))
    dilation = tuple(int(d) for d in rng.integers(1, 4 - rank // 2, rank))
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (rank, 2)))
    inputs = tuple(
        int(rng.integers(max((k - 1) * d + 1 - a - b, 1), max((k - 1) * d + 2, most)))
        for k, d, (a, b) in zip(kernel, dilation, padding, strict=True)
    )
    strides = tuple(int(s) for s in rng.integers(1, 4, rank))
    if seed % 2:  # Steps that divide the kernel: then the transpose may be taken by phases.
        strides = tuple(int(rng.choice([s for s in (1, 2, 3) if k % s == 0])) for k in kernel)
        dilation = (1,) * rank
    channels = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    size = 10.0 ** rng.uniform(-4, 4)
    return {
        "inputs": inputs,
        "kernel": size * rng.normal(size=(*kernel, channels[0] // groups, channels[1])),
        "bias": None if seed % 4 == 0 else size * rng.normal(size=channels[1]),
        "strides": strides,
        "dilation": dilation,
        "padding": padding,
        "groups": groups,
        "copies": 1 + seed % 2,
        "channels_first": bool(rng.integers(2)),
    }


def sizes(settings: dict) -> tuple[int, ...]:
    """Return the spatial shape of the result."""
    return tuple(
        (n + a + b - (k - 1) * d - 1) // s + 1
        for n, (a, b), k, d, s in zip(
            settings["inputs"],
            settings["padding"],
            settings["kernel"].shape,
            settings["dilation"],
            settings["strides"],
            strict=False,
        )
    )


def written_out(settings: dict) -> np.ndarray:
    """Return the matrix `(in, out)` of one image, channels last, entry by entry by definition."""
    kernel, groups = settings["kernel"], settings["groups"]
    inside, out = kernel.shape[-2:]
    outputs = np.zeros((*settings["inputs"], inside * groups, *sizes(settings), out))
    rank = len(settings["inputs"])
    for place in product(*(range(n) for n in sizes(settings))):
        for k in product(*(range(n) for n in kernel.shape[:-2])):
            at = tuple(
                place[i] * settings["strides"][i] + k[i] * settings["dilation"][i]
                - settings["padding"][i][0]
                for i in range(rank)
            )  # fmt: skip
            if all(0 <= a < n for a, n in zip(at, settings["inputs"], strict=True)):
                for o, i in product(range(out), range(inside)):
                    channel = (o // (out // groups)) * inside + i
                    outputs[(*at, channel, *place, o)] += kernel[(*k, i, o)]
    return outputs.reshape(np.prod(outputs.shape[: rank + 1], dtype=int), -1)


def laid_out(rows: np.ndarray, shape: tuple[int, ...], copies: int, first: bool) -> np.ndarray:
    """Return flat channels-last images of `shape` in the order of the op: `(..., copies * n)`."""
    images = rows.reshape(*rows.shape[:-1], copies, *shape)
    if first:
        images = np.moveaxis(images, -1, rows.ndim)
    return images.reshape(*rows.shape[:-1], -1)


@pytest.mark.parametrize("seed", SEEDS)
def test_convolution(seed):
    settings = options(seed)
    op = convolution(**settings)
    check_affine(op, seed)
    check_absolute(op)
    matrix, copies, first = written_out(settings), settings["copies"], settings["channels_first"]
    shape = (*settings["inputs"], settings["kernel"].shape[-2] * settings["groups"])
    out = (*sizes(settings), settings["kernel"].shape[-1])
    x = np.random.default_rng(seed).normal(size=(3, copies, len(matrix)))
    expected = (x @ matrix).reshape(3, -1)
    outputs = op.apply((laid_out(x.reshape(3, -1), shape, copies, first),), False)
    scale = 1e-12 * (np.abs(x) @ np.abs(matrix)).max()
    np.testing.assert_allclose(outputs, laid_out(expected, out, copies, first), 0, scale)
    # Stated as plain: unit vectors read every coefficient off without rounding.
    assert op.plain
    units = np.eye(op.sizes[0])
    read = op.apply((laid_out(units, shape, copies, first),), False)
    expected = (units.reshape(-1, copies, len(matrix)) @ matrix).reshape(len(units), -1)
    np.testing.assert_array_equal(read, laid_out(expected, out, copies, first))


def product_of(seed: int) -> SlidingProduct:
    """Return the linear map of a random convolution."""
    settings = options(seed)
    kernel, groups = settings["kernel"], settings["groups"]
    inside, out = kernel.shape[-2:]
    parts = kernel.reshape(-1, inside, groups, out // groups).transpose(2, 3, 1, 0)
    slide = Slide(
        settings["inputs"], kernel.shape[:-2], sizes(settings), settings["strides"],
        settings["dilation"],
        tuple(a for a, _ in settings["padding"]),
    )  # fmt: skip
    return SlidingProduct(
        slide, parts.reshape(groups, out // groups, -1), settings["channels_first"]
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_transpose_by_phases_is_the_transpose_by_sums(seed):
    linear, sums = product_of(seed), product_of(seed)
    sums.__dict__["phases"] = None
    linear.__dict__["phases"] = linear.slide.transposed
    y = np.random.default_rng(seed).normal(size=(3, linear.sizes[1]))
    for absolute in (False, True):
        expected = sums.backward(np.abs(y) if absolute else y, absolute)
        outputs = linear.backward(np.abs(y) if absolute else y, absolute)
        np.testing.assert_allclose(
            outputs, expected, 0, 1e-12 * np.abs(expected).max(initial=1e-99)
        )


def test_both_ways_are_taken():
    is_dense = [product_of(seed).phases is None for seed in range(40)]
    assert 4 < sum(is_dense) < 36


@pytest.mark.parametrize("seed", SEEDS)
def test_transposed_convolution(seed):
    settings = options(seed)
    forward = convolution(**{**settings, "bias": None})
    rng = np.random.default_rng(seed)
    bias = rng.normal(size=settings["kernel"].shape[-2] * settings["groups"])
    op = transposed_convolution(
        sizes(settings),
        settings["kernel"],
        bias,
        outputs=settings["inputs"],
        strides=settings["strides"],
        dilation=settings["dilation"],
        before=[a for a, _ in settings["padding"]],
        groups=settings["groups"],
        copies=settings["copies"],
        channels_first=settings["channels_first"],
    )
    check_affine(op, seed)
    check_absolute(op)
    y = rng.normal(size=(3, op.sizes[0]))
    np.testing.assert_array_equal(op.apply((y,), False), forward.adjoint(y)[0])
    assert op.plain
    # Of a convolution the coefficients are known to be plain; these are the same.
    read = forward.apply((np.eye(forward.sizes[0]),), False)
    np.testing.assert_array_equal(op.apply((np.eye(op.sizes[0]),), False), read.T)
    shape = (*settings["inputs"], len(bias))
    spread = np.broadcast_to(bias, (settings["copies"], *shape)).reshape(1, -1)
    np.testing.assert_array_equal(
        op.bias, laid_out(spread, shape, settings["copies"], settings["channels_first"])[0]
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_parts(seed):
    settings = options(seed) | {"copies": 1}
    op = convolution(**settings)
    whole = transposed_convolution(
        sizes(settings),
        settings["kernel"],
        outputs=settings["inputs"],
        strides=settings["strides"],
        dilation=settings["dilation"],
        before=[a for a, _ in settings["padding"]],
        groups=settings["groups"],
        channels_first=settings["channels_first"],
    )
    rng = np.random.default_rng(seed)
    for some in (op, whole):
        for count in (1, 2, some.size):
            check_part(some, np.unique(rng.integers(0, some.size, count)), seed)


def image_net(seed: int):
    """Build strided, grouped and channels-first convolutions, a maximum and a transposed one."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (5, 6, 2))])
    (x,) = b.input_values()
    y = convolve(
        b, x, rng.normal(size=(3, 2, 1, 4)), rng.normal(size=4),
        strides=(1, 2), dilation=(1, 1), padding=((1, 1), (0, 0)), groups=2,
    )  # fmt: skip
    y = b.curve("relu", y)
    windows = np.arange(y.size).reshape(5, 3, 4)
    windows = np.stack([windows[:-1], windows[1:]], axis=-1).reshape(-1, 2)
    y = b.transpose(b.largest(y, windows, (1, 4, 3, 4)), (0, 3, 1, 2))
    y = convolve_transposed(
        b, y, rng.normal(size=(2, 2, 3, 4)) / 4,
        outputs=(8, 6), strides=(2, 2), dilation=(1, 1), before=(0, 0), channels_first=True,
    )  # fmt: skip
    y = b.curve("tanh", y)
    return b.finish([b.reduce("mean", y, (2, 3))], ["y"])


@pytest.mark.parametrize("domain", sorted(DOMAINS))
@pytest.mark.parametrize("seed", range(3))
def test_bounds_enclose(domain, seed):
    graph = image_net(seed)
    rng = np.random.default_rng(seed)
    lo = rng.normal(size=(2, graph.size))
    hi = lo + rng.uniform(0, 0.3, lo.shape)
    x = np.where(rng.random((200, *lo.shape)) < 0.5, lo, hi)
    values = graph.run_all(x.reshape(-1, graph.size))
    for (least, most), seen in zip(bounds(graph, lo, hi, domain), values, strict=True):
        seen = seen.reshape(200, 2, -1)
        slack = 1e-12 * (1 + np.abs(seen))
        assert (least <= seen + slack).all() and (seen - slack <= most).all()


def test_a_kernel_that_does_not_fit_is_refused():
    b = Builder([Slot("x", (4, 3))])
    (x,) = b.input_values()
    once = {"strides": (1,), "dilation": (1,)}
    with pytest.raises(ModelError, match="kernel"):
        convolve(b, x, np.ones((2, 2, 5)), padding=((0, 0),), **once)
    with pytest.raises(ModelError, match="kernel"):
        convolve(b, x, np.ones((5, 3, 5)), padding=((0, 0),), **once)
    with pytest.raises(ModelError, match="kernel"):
        convolve_transposed(b, x, np.ones((2, 1, 4)), outputs=(5,), before=(0,), **once)
