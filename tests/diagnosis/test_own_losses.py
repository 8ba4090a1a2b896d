"""A user's loss that pairs every prediction with every target is told from other losses."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")
ops = keras.ops if keras else None
OTHERS = sorted(set(RULES) - {"OR011"})


def flat(y, p):
    return ops.mean((ops.reshape(y, (-1,)) - p) ** 2)


def transposed(y, p):
    return ops.mean(ops.abs(ops.transpose(y) - p), axis=-1)


def plain(y, p):
    return ops.mean((y - p) ** 2)


def ranking(y, p):
    """Pairs of rows, each with its own target."""
    return ops.mean(ops.relu(1.0 - (y - ops.transpose(y)) * (p - ops.transpose(p))))


def kernel(y, p):
    """The distance of two distributions: targets have no order, but predictions repel."""

    def near(a, b):
        return ops.mean(ops.exp(-((a - ops.transpose(b)) ** 2)))

    return near(p, p) - 2 * near(p, y) + near(y, y)


def dice(y, p):
    """A ratio of sums over the batch."""
    return 1.0 - 2.0 * ops.sum(y * p) / (ops.sum(y**2) + ops.sum(p**2))


def ignoring(y, p):
    return ops.mean(p**2) + 0.0 * ops.mean(y)


@pytest.mark.parametrize(
    ("loss", "is_reported"),
    [(flat, True), (transposed, True), (plain, False), (ranking, False), (kernel, False),
     (dice, False), (ignoring, False)],
)  # fmt: skip
@pytest.mark.parametrize("rows", [33, 64])
def test_only_a_loss_over_all_pairs_is_reported(loss, is_reported, rows):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="last")])
    model.compile("sgd", loss)
    y = x[:, :1] - x[:, 1:2]
    findings = list(outrange.diagnose(model, x, y, train=0, ignore=OTHERS))
    assert bool(findings) is is_reported
    for finding in findings:
        assert (finding.level.name, finding.layer) == ("MEASURED", "last")
        assert finding.cost["batch"] == pytest.approx(finding.cost["pairs"], rel=1e-3)
        # The stated loss of all pairs is far from that of the rows themselves.
        assert abs(finding.cost["rows"] - finding.cost["pairs"]) > 0.01
