"""Repairs over the rows of a table, whose columns name the inputs of a flat model."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")
pd = pytest.importorskip("pandas")


def test_a_property_over_a_table_is_repaired():
    """The names of the columns were lost in the repaired copy, so that no answer came."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, "relu"), layers.Dense(1)])
    rng = np.random.default_rng(0)
    kinds = pd.get_dummies(pd.Series(rng.choice(["A", "B"], 50)), prefix="kind")
    table = pd.concat(
        [pd.DataFrame(rng.normal(size=(50, 2)), columns=["size", "age"]), kinds], axis=1
    )
    with pytest.warns(UserWarning, match="Categories: `kind`"):
        ends = outrange.output_range(model, table)
        limit = float(ends.hi[0] - 0.05 * (ends.hi[0] - ends.lo[0]))
        answer = outrange.repair(model, f"y[0] <= {limit}", table, x=table)
    assert answer.status == "REPAIRED"
    with pytest.warns(UserWarning, match="Categories: `kind`"):
        assert outrange.output_range(answer.model, table).hi[0] <= limit
