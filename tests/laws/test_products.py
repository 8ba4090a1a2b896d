"""Laws of products, and wrong ones that must break them."""

import numpy as np
import pytest

from outrange.graph import Builder, Slot
from outrange.ops import Product, product
from outrange.testing import LawBroken, check_planes, check_product


def some_product(kind: type[Product], seed: int) -> Product:
    rng = np.random.default_rng(seed)
    n, m, k = (int(v) for v in rng.integers(2, 7, 3))
    return kind("product", rng.integers(0, n, 3 * k), rng.integers(0, m, 3 * k), (n, m))


class Swapped(Product):
    def pull(self, left, right):
        return super().pull(right, left)


class Single(Product):
    terms = 1


class Aligned(Product):
    def run(self, xs):
        return xs[0][..., self.left] * xs[1][..., self.right[::-1]]


@pytest.mark.parametrize("seed", range(8))
def test_product(seed):
    check_product(some_product(Product, seed), seed)


@pytest.mark.parametrize("kind", [Swapped, Single, Aligned])
def test_wrong_product(kind):
    with pytest.raises(LawBroken):
        check_product(some_product(kind, 0))


def test_planes():
    check_planes()


BROKEN = {
    "rounding unpaid": lambda patch: patch.setattr(product, "UNIT", 0.0),
    "corners forgotten": lambda patch: patch.setattr(product, "times", lambda x, y: x + 0 * y),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_planes(name, monkeypatch):
    BROKEN[name](monkeypatch)
    with pytest.raises(LawBroken):
        check_planes()


SPECS = ("bij,bkj->bik", "bi,bi->b", "bi,bj->bij", "bij,bjk->bk", "bii,bi->b")


@pytest.mark.parametrize("spec", SPECS)
def test_contractions_are_einsum(spec):
    size = {"b": 1, "i": 3, "j": 2, "k": 4}
    first, second = spec.split("->")[0].split(",")
    shapes = [tuple(size[q] for q in term) for term in (first, second)]
    b = Builder([Slot(n, s[1:]) for n, s in zip("xy", shapes, strict=True)])
    x, y = b.input_values()
    graph = b.finish([b.reshape(b.einsum(spec, x, y), (1, -1))], ["z"])
    rng = np.random.default_rng(0)
    u, v = (rng.normal(size=s) for s in shapes)
    actual = graph.run(np.concatenate([u.ravel(), v.ravel()])[None])
    np.testing.assert_allclose(actual[0], np.einsum(spec, u, v).ravel(), atol=1e-12)
