"""Causes of generated programs that were missed once, and are measured now."""

import pytest

import outrange
from cases import cases
from diagnosis.generated import sample
from diagnosis.generated.program import build, data


keras = pytest.importorskip("keras")

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the programs were drawn and trained on JAX"
)

CAUSES = {
    356011958: ("rate too high", "OR017"),
    471392006: ("inputs not scaled", "OR017"),
    187817913: ("too few epochs", "OR030"),
    187817912: ("bottleneck", "OR033"),
    55610052: ("deep sigmoids", "OR012"),
}
FEW = (471392006,)
"""The one that trains the shortest: the others are compiled and trained for five seconds each."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", cases(FEW, CAUSES))
def test_a_cause_is_measured(seed):
    name, code = CAUSES[seed]
    base = sample.base_of(seed)
    operator, mutant = sample.mutant_of(seed, base)
    assert operator.name == name
    answer = outrange.diagnose(build(keras, mutant), *data(mutant), **mutant.fit)
    assert [f.level.name for f in answer if f.code == code] == ["MEASURED"]


@pytest.mark.slow
def test_labels_that_are_not_finite_are_told_of_and_nothing_is_raised():
    base = sample.base_of(492357492)
    operator, mutant = sample.mutant_of(492357492, base)
    assert operator.name == "NaN in y"
    answer = outrange.diagnose(build(keras, mutant), *data(mutant), **mutant.fit)
    assert answer.codes == ("OR016",)
