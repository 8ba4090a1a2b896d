"""Laws of the ops that are not curves: against their own matrix, and against NumPy."""

from fractions import Fraction

import numpy as np

from ..ops import Affine, Largest, Product, Rearrange
from ..ops.product import planes
from .broken import require


CLOSE = 1e-12


def _near(one: np.ndarray, two: np.ndarray, scale: float | np.ndarray = 1.0) -> bool:
    return one.shape == two.shape and bool(
        np.all(np.abs(one - two) <= CLOSE * (scale + np.abs(two)))
    )


def matrices(op: Affine, absolute: bool = False) -> list[np.ndarray]:
    """The matrix `(n_i, m)` that `apply` multiplies each input by."""
    found = []
    for i, n in enumerate(op.sizes):
        units = [np.zeros((n, size)) for size in op.sizes]
        units[i] = np.eye(n)
        found.append(op.apply(tuple(units), absolute))
    return found


def check_affine(op: Affine, seed: int = 0) -> None:
    """`apply` is linear, `adjoint` its transpose, `absolute` no less than `|A|`, `terms` enough."""
    rng = np.random.default_rng(seed)
    plain, absolute = matrices(op), matrices(op, True)
    require(op.bias.shape == (op.size,), f"`{op.name}`: the bias is not of the stated size")
    xs = tuple(rng.normal(size=(2, 3, n)) for n in op.sizes)
    sizes = sum((np.abs(x) @ np.abs(a) for x, a in zip(xs, absolute, strict=True)), np.zeros(1))
    for flag, parts in ((False, plain), (True, absolute)):
        expected = sum((x @ a for x, a in zip(xs, parts, strict=True)), np.zeros(1))
        got = op.apply(xs, flag)
        require(_near(got, expected, sizes), f"`{op.name}`: apply is not linear (absolute={flag})")
    require(
        _near(op.run(xs), op.apply(xs, False) + op.bias, sizes),
        f"`{op.name}`: run is not apply + bias",
    )
    for one, two in zip(plain, absolute, strict=True):
        short = np.abs(one) > two * (1 + CLOSE)
        require(not short.any(), f"`{op.name}`: absolute is less than |A|")
    rows = rng.normal(size=(2, 3, op.size))
    back = op.adjoint(rows)
    require(len(back) == len(op.sizes), f"`{op.name}`: adjoint returns {len(back)} parts")
    for got, part, two in zip(back, plain, absolute, strict=True):
        sizes = np.abs(rows) @ two.T
        require(_near(got, rows @ part.T, sizes), f"`{op.name}`: adjoint is not the transpose")
    into = sum((np.count_nonzero(a, axis=0) for a in absolute), np.zeros(op.size, int))
    most = max([*into, *(k for a in absolute for k in np.count_nonzero(a, axis=1)), 0])
    require(bool(op.terms >= most), f"`{op.name}` adds up {most} products, but says {op.terms}")


def check_part(op: Affine | Rearrange | Largest, wanted: np.ndarray, seed: int = 0) -> None:
    """`restricted` holds the results wanted, reads what it says, and computes what the op does."""
    rng = np.random.default_rng(seed)
    part = op.restricted(wanted)
    require(bool(np.isin(wanted, part.outputs).all()), f"`{op.name}`: a part lacks results")
    for entries in (part.outputs, *part.inputs):
        require(bool((np.diff(entries) > 0).all()), f"`{op.name}`: entries must increase")
    sizes = op.sizes if not isinstance(op, Largest) else (int(op.windows.max()) + 1,)
    # What the part does not read must not matter: it is drawn a second time.
    xs = tuple(rng.normal(size=(3, n)) for n in sizes)
    ys = tuple(rng.normal(size=(3, n)) for n in sizes)
    for x, y, entries in zip(xs, ys, part.inputs, strict=True):
        y[:, entries] = x[:, entries]
    got = part.op.run(tuple(x[:, i] for x, i in zip(xs, part.inputs, strict=True)))
    if isinstance(op, Affine):
        reach = op.apply(tuple(np.abs(x) for x in xs), True) + np.abs(op.bias)
    else:
        reach = np.ones((3, op.size))
    for whole in (op.run(xs), op.run(ys)):
        require(
            _near(got, whole[:, part.outputs], reach[:, part.outputs]),
            f"`{op.name}`: a part computes something else",
        )
    if isinstance(op, Affine):
        check_affine(part.op, seed)


def check_absolute(op: Affine) -> None:
    """`absolute` is exactly `|A|`, for ops that read no entry twice into one result."""
    for one, two in zip(matrices(op), matrices(op, True), strict=True):
        require(_near(np.abs(one), two), f"`{op.name}`: absolute is not |A|")


def check_rearrange(op: Rearrange, seed: int = 0) -> None:
    """`run` is NumPy's indexing, `adjoint` its transpose, `terms` the most readers of an entry."""
    rng = np.random.default_rng(seed)
    xs = tuple(rng.normal(size=(2, 3, n)) for n in op.sizes)
    flat = np.concatenate(xs, axis=-1)
    for fill in (True, False):
        expected = np.zeros((2, 3, op.size))
        for k, i in enumerate(op.index):
            constant = op.fill[k] if fill else 0.0
            expected[..., k] = flat[..., i] if i >= 0 else constant
        got = op.run(xs, fill)
        require(
            np.array_equal(got, expected),
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
    """`run` is the largest entry of every window, absent places left out."""
    rng = np.random.default_rng(seed)
    n = int(op.windows.max()) + 1
    for sign in (1.0, -1.0):
        x = sign * np.abs(rng.normal(size=(2, 3, n)))
        expected = np.stack([x[..., w[w >= 0]].max(-1) for w in op.windows], axis=-1)
        got = op.run((x,))
        require(
            np.array_equal(got, expected), f"`{op.name}`: run is not the largest of each window"
        )


def check_product(op: Product, seed: int = 0) -> None:
    """`run` is the product of the named entries, `pull` its transpose, `terms` enough."""
    rng = np.random.default_rng(seed)
    u, v = (rng.normal(size=(2, 3, n)) for n in op.sizes)
    expected = [u[..., i] * v[..., j] for i, j in zip(op.left, op.right, strict=True)]
    got = op.run((u, v))
    require(np.array_equal(got, np.stack(expected, -1)), f"`{op.name}`: run is not the product")
    rows = rng.normal(size=(2, 2, 3, op.size))
    for part, back, index in zip(rows, op.pull(*rows), (op.left, op.right), strict=True):
        sums = np.zeros_like(back)
        for k, i in enumerate(index):
            sums[..., i] += part[..., k]
        require(_near(back, sums), f"`{op.name}`: pull is not the transpose")
        most = np.bincount(index).max()
        require(op.terms >= most, f"`{op.name}`: an entry has {most} readers, more than `terms`")


def check_planes(seed: int = 0, count: int = 2000) -> None:
    """Planes of every `theta` enclose the product, exactly, and touch it as stated."""
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.uniform(-12, 12, (2, count))
    lo = size * rng.normal(size=(2, count))
    hi = lo + size * rng.choice([0.0, 1e-15, 1.0], (2, count)) * rng.random((2, count))
    for theta in (None, 0.0, 1.0, rng.random((2, count))):
        given = None if theta is None else np.broadcast_to(theta, (2, count))
        found = planes((lo[0], hi[0]), (lo[1], hi[1]), given)
        share = rng.integers(0, 3, (2, count)) / 2
        u, v = (np.clip(lo + share * (hi - lo), lo, hi)[i] for i in (0, 1))
        for i in range(count):
            x, y = Fraction(float(u[i])), Fraction(float(v[i]))
            below, above = (
                Fraction(float(found.left[side, i])) * x
                + Fraction(float(found.right[side, i])) * y
                + Fraction(float(found.offset[side, i]))
                for side in (0, 1)
            )
            place = f"theta={theta if theta is None else found.theta[:, i]} at ({u[i]!r}, {v[i]!r})"
            require(below <= x * y <= above, f"planes of a product cross it: {place}")
    unit = planes(([0.0], [1.0]), ([0.0], [1.0]), [[0.0], [0.0]])
    tight = np.abs(unit.offset).max() < 1e-12 and unit.left[:, 0].tolist() == [0.0, 1.0]
    require(bool(tight), "planes of a product are not McCormick's")
