"""A floor of the loss that is hardly missed is noted, not alarmed about."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


@pytest.mark.parametrize(("size", "alarm"), [(1.02, False), (3.0, True)])
def test_targets_just_outside_are_a_note(size, alarm):
    x = np.linspace(-1, 1, 64)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "tanh")])
    model.compile("sgd", "mse")
    answer = outrange.diagnose(model, x, size * x, train=0)
    findings = answer.findings if alarm else answer.notes
    (finding,) = [f for f in findings if f.code == "OR001"]
    assert finding.level.name == "PROVED"
    assert ("OR001" in answer.codes) is alarm
