"""Checks of the ops that are not curves, against matrices, NumPy or exact arithmetic."""

from fractions import Fraction

import numpy as np

from ..ops import Affine, Largest, Product, Rearrange
from ..ops.product import planes
from .broken import require


CLOSE = 1e-12


def _near(a: np.ndarray, b: np.ndarray, scale: float | np.ndarray = 1.0) -> bool:
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= CLOSE * (scale + np.abs(b))))


def matrices(op: Affine, absolute: bool = False) -> list[np.ndarray]:
    """Return, for each input, the matrix `(n_i, m)` by which `apply` multiplies it."""
    parts = []
    for i, n in enumerate(op.sizes):
        units = [np.zeros((n, size)) for size in op.sizes]
        units[i] = np.eye(n)
        parts.append(op.apply(tuple(units), absolute))
    return parts


def check_affine(op: Affine, seed: int = 0) -> None:
    """Check the laws of an affine op.

    `apply` must be linear and `adjoint` its transpose. Let `A` be the matrix of `apply` by default.
    With `absolute=True`, the matrix of `apply` must be at least `|A|`. `terms` must be at least the
    number of products in any sum.
    """
    rng = np.random.default_rng(seed)
    plain, absolute = matrices(op), matrices(op, True)
    require(op.bias.shape == (op.size,), f"`{op.name}`: `bias` must have {op.size} entries")
    xs = tuple(rng.normal(size=(2, 3, n)) for n in op.sizes)
    sizes = sum((np.abs(x) @ np.abs(a) for x, a in zip(xs, absolute, strict=True)), np.zeros(1))
    for flag, parts in ((False, plain), (True, absolute)):
        expected = sum((x @ a for x, a in zip(xs, parts, strict=True)), np.zeros(1))
        result = op.apply(xs, flag)
        require(
            _near(result, expected, sizes), f"`{op.name}`: apply is not linear (absolute={flag})"
        )
    require(
        _near(op.run(xs), op.apply(xs, False) + op.bias, sizes),
        f"`{op.name}`: run is not apply + bias",
    )
    for exact, bound in zip(plain, absolute, strict=True):
        short = np.abs(exact) > bound * (1 + CLOSE)
        require(not short.any(), f"`{op.name}`: absolute is less than |A|")
    rows = rng.normal(size=(2, 3, op.size))
    back = op.adjoint(rows)
    require(len(back) == len(op.sizes), f"`{op.name}`: adjoint returns {len(back)} parts")
    for result, part, bound in zip(back, plain, absolute, strict=True):
        sizes = np.abs(rows) @ bound.T
        require(_near(result, rows @ part.T, sizes), f"`{op.name}`: adjoint is not the transpose")
    into = sum((np.count_nonzero(a, axis=0) for a in absolute), np.zeros(op.size, int))
    most = max([*into, *(k for a in absolute for k in np.count_nonzero(a, axis=1)), 0])
    require(
        bool(op.terms >= most), f"`{op.name}` adds up {most} products, but `terms` is {op.terms}"
    )


def check_part(op: Affine | Rearrange | Largest, wanted: np.ndarray, seed: int = 0) -> None:
    """Check that `restrict` returns a part of an op that agrees with the op.

    The part must have all the results in `wanted`, read only the entries that it states, and
    compute the same values as the op.
    """
    rng = np.random.default_rng(seed)
    part = op.restrict(wanted)
    require(bool(np.isin(wanted, part.outputs).all()), f"`{op.name}`: a part lacks results")
    for entries in (part.outputs, *part.inputs):
        require(bool((np.diff(entries) > 0).all()), f"`{op.name}`: entries must increase")
    sizes = op.sizes if not isinstance(op, Largest) else (int(op.windows.max()) + 1,)
    # Entries that the part does not read must not matter, so they are drawn again.
    xs = tuple(rng.normal(size=(3, n)) for n in sizes)
    ys = tuple(rng.normal(size=(3, n)) for n in sizes)
    for x, y, entries in zip(xs, ys, part.inputs, strict=True):
        y[:, entries] = x[:, entries]
    result = part.op.run(tuple(x[:, i] for x, i in zip(xs, part.inputs, strict=True)))
    if isinstance(op, Affine):
        reach = op.apply(tuple(np.abs(x) for x in xs), True) + np.abs(op.bias)
    else:
        reach = np.ones((3, op.size))
    for whole in (op.run(xs), op.run(ys)):
        require(
            _near(result, whole[:, part.outputs], reach[:, part.outputs]),
            f"`{op.name}`: a part computes something else",
        )
    if isinstance(op, Affine):
        check_affine(part.op, seed)


def check_absolute(op: Affine) -> None:
    """Check that `absolute=True` yields `|A|`, if no result of the op reads an entry twice."""
    for exact, bound in zip(matrices(op), matrices(op, True), strict=True):
        require(_near(np.abs(exact), bound), f"`{op.name}`: absolute is not |A|")


def check_rearrange(op: Rearrange, seed: int = 0) -> None:
    """Check the laws of a rearrangement.

    `run` must agree with NumPy's indexing, `adjoint` must be its transpose, and no entry may be
    read by more than `terms` results.
    """
    rng = np.random.default_rng(seed)
    xs = tuple(rng.normal(size=(2, 3, n)) for n in op.sizes)
    flat = np.concatenate(xs, axis=-1)
    for fill in (True, False):
        expected = np.zeros((2, 3, op.size))
        for k, i in enumerate(op.index):
            constant = op.fill[k] if fill else 0.0
            expected[..., k] = flat[..., i] if i >= 0 else constant
        result = op.run(xs, fill)
        require(
            np.array_equal(result, expected),
            f"`{op.name}`: run is not the stated indexing (fill={fill})",
        )
    rows = rng.normal(size=(2, 3, op.size))
    back = np.concatenate(op.adjoint(rows), axis=-1)
    expected = np.zeros_like(flat)
    for k, i in enumerate(op.index):
        if i >= 0:
            expected[..., i] += rows[..., k]
    require(_near(back, expected), f"`{op.name}`: adjoint is not the transpose")
    readers = max(int(np.count_nonzero(op.index == i)) for i in range(sum(op.sizes)))
    require(op.terms >= readers, f"`{op.name}`: an entry has {readers} readers, more than `terms`")


def check_largest(op: Largest, seed: int = 0) -> None:
    """Check that `run` returns the largest entry of every window, ignoring padding."""
    rng = np.random.default_rng(seed)
    n = int(op.windows.max()) + 1
    for sign in (1.0, -1.0):
        x = sign * np.abs(rng.normal(size=(2, 3, n)))
        expected = np.stack([x[..., w[w >= 0]].max(-1) for w in op.windows], axis=-1)
        result = op.run((x,))
        require(
            np.array_equal(result, expected), f"`{op.name}`: run is not the largest of each window"
        )


def check_product(op: Product, seed: int = 0) -> None:
    """Check the laws of a product of entries.

    `run` must return the product of the stated entries, and `pull` must be the transpose of the map
    that selects these entries. No entry may be read by more than `terms` results.
    """
    rng = np.random.default_rng(seed)
    u, v = (rng.normal(size=(2, 3, n)) for n in op.sizes)
    expected = [u[..., i] * v[..., j] for i, j in zip(op.left, op.right, strict=True)]
    result = op.run((u, v))
    require(np.array_equal(result, np.stack(expected, -1)), f"`{op.name}`: run is not the product")
    rows = rng.normal(size=(2, 2, 3, op.size))
    for part, back, index in zip(rows, op.pull(*rows), (op.left, op.right), strict=True):
        sums = np.zeros_like(back)
        for k, i in enumerate(index):
            sums[..., i] += part[..., k]
        require(_near(back, sums), f"`{op.name}`: pull is not the transpose")
        most = np.bincount(index).max()
        require(op.terms >= most, f"`{op.name}`: an entry has {most} readers, more than `terms`")


def check_planes(seed: int = 0, count: int = 2000) -> None:
    """Check in exact arithmetic that the planes for several values of `theta` enclose the product.

    On the unit box, `theta = 0` must yield planes of McCormick's envelope.
    """
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.uniform(-12, 12, (2, count))
    lo = size * rng.normal(size=(2, count))
    hi = lo + size * rng.choice([0.0, 1e-15, 1.0], (2, count)) * rng.random((2, count))
    for theta in (None, 0.0, 1.0, rng.random((2, count))):
        weights = None if theta is None else np.broadcast_to(theta, (2, count))
        enclosure = planes((lo[0], hi[0]), (lo[1], hi[1]), weights)
        share = rng.integers(0, 3, (2, count)) / 2
        u, v = (np.clip(lo + share * (hi - lo), lo, hi)[i] for i in (0, 1))
        for i in range(count):
            x, y = Fraction(float(u[i])), Fraction(float(v[i]))
            below, above = (
                Fraction(float(enclosure.left[side, i])) * x
                + Fraction(float(enclosure.right[side, i])) * y
                + Fraction(float(enclosure.offset[side, i]))
                for side in (0, 1)
            )
            place = (
                f"theta={theta if theta is None else enclosure.theta[:, i]} at ({u[i]!r}, {v[i]!r})"
            )
            require(below <= x * y <= above, f"planes of a product cross it: {place}")
    unit = planes(([0.0], [1.0]), ([0.0], [1.0]), [[0.0], [0.0]])
    tight = np.abs(unit.offset).max() < 1e-12 and unit.left[:, 0].tolist() == [0.0, 1.0]
    require(bool(tight), "planes of a product are not McCormick's")
