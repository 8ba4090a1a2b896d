"""Tests of loop files of the competition; no code in them is run."""

from fractions import Fraction

import numpy as np
import pytest

from outrange import InputError, closed_loop, read_loop_file
from outrange.cli.run import run


keras = pytest.importorskip("keras")
pytest.importorskip("yaml")

TEXT = """
run_attack: False
num_vars: 4
num_nn_input: 2
num_nn_output: 1
steps: 8
step_size: 0.1
ode_order: 2
initial_set:
  - {name: "x1", interval: [0.5, 0.6], splits: 5}
  - {name: "x2", interval: [-1e-4, 1e-4]}
  - {name: "t", interval: [0, 0]}
  - {name: "u1", interval: [0, 0]}
dynamics_expressions: ["x2", "-x1^2 * sin(x1) + u1", "1", "0"]
constraints_unsafe: ["-x1 + 0.8", "x1 - 0.9"]
constraints_safe: ["x2 - 1"]
constraints_target: ["x1 - 0.6", "-x1"]
model_dir: "../somewhere/net.keras"
output_scale: 2
output_offset: 0.5
"""


@pytest.fixture
def path(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[-0.5], [-0.75]]), np.array([0.5])])
    model.save(tmp_path / "net.keras")
    file = tmp_path / "loop.yaml"
    file.write_text(TEXT)
    return file


def test_a_file_is_a_question(path, capsys):
    loop, steps, spec = read_loop_file(path)
    assert loop.dt == Fraction(1, 10) and loop.names == (["x1", "x2"], ["u1"])
    answer = closed_loop(loop, steps, spec)
    assert answer.status == "HOLDS"
    assert "0.9" in answer.claim and ".at(0.8)" in answer.claim
    state = np.array([0.5, 0.0])
    control = 2 * (np.array([-0.5, -0.75]) @ state + 0.5 - 0.5)
    assert answer.pipe.control_lo[0, 0] <= control + 1e-6 <= answer.pipe.control_hi[0, 0] + 1e-3
    assert run(["loop", str(path), "--time-limit", "30"]) == 0
    assert capsys.readouterr().out.startswith("holds\n")
    assert run(["loop", str(path), "--next", "x1"]) == 2


def test_a_clock_that_is_asked_for_is_a_state(path):
    path.write_text(TEXT.replace("-x1 + 0.8", "-t + 0.2"))
    assert read_loop_file(path).loop.names[0] == ["x1", "x2", "t"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps: 8", "steps: many", "`steps` must be an integer"),
        ("x2 - 1", "__import__('os').system('true')", "functions"),
        ("-x1^2 * sin(x1)", "().__class__", "functions"),
        ("net.keras", "other.keras", "model_dir"),
        ("initial_set:", "initial: ", "initial_set"),
        ("interval: [0.5, 0.6]", "interval: 3", "interval"),
        ("run_attack: False", "run: !!python/object/apply:os.getcwd []", "YAML"),
    ],
)
def test_what_is_no_such_file_is_refused(path, old, new, words):
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(InputError, match=words):
        closed_loop(*read_loop_file(path))


def test_a_file_that_is_missing_is_said_to_be(tmp_path):
    with pytest.raises(InputError, match=r"The loop file does not exist.*nope\.yaml"):
        read_loop_file(tmp_path / "nope.yaml")
