"""Files of loops that ended in Python's own errors, or in no end at all."""

from fractions import Fraction

import pytest

from outrange import InputError, closed_loop, read_loop_file
from outrange.api.loops.files import MOST_BYTES


pytest.importorskip("yaml")

SOUND = """
steps: 3
step_size: 0.1
initial_set:
  - {name: x1, interval: [1, 2]}
  - {name: u1, interval: [0, 0]}
dynamics_expressions: ['u1', '0']
constraints_safe: ['x1 - 2']
"""

LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 10)}]\n" for i in range(9)
)
"""Ten thousand million entries, as text."""

DEEP = 20_000

DAMAGED = {
    "a constant constraint": ("['x1 - 2']", "[3]", "must contain a state"),
    "a huge exponent": ("0.1", "1e999999999", "`step_size` must be a number"),
    "a tiny exponent": ("0.1", "1e-999999999", "`step_size` must be a number"),
    "a word": ("0.1", "abc", "`step_size` must be a number"),
    "a fraction over 0": ("0.1", "1/0", "`step_size` must be a number"),
    "a date": ("0.1", "2020-99-99", "`step_size` must be a number"),
    "no step size": ("step_size: 0.1", "", "`step_size` must be a number"),
    "many digits of a step": ("0.1", "0." + "1" * DEEP, "`step_size` must be a number"),
    "infinite steps": ("steps: 3", "steps: .inf", "`steps` must be an integer"),
    "steps that are no number": ("steps: 3", "steps: nan", "`steps` must be an integer"),
    "many steps": ("steps: 3", "steps: 1.0e+300", "`steps` must be an integer"),
    "half a step": ("steps: 3", "steps: 2.5", "`steps` must be an integer"),
    "many digits of steps": ("steps: 3", "steps: " + "9" * DEEP, "`steps` must be an integer"),
    "a list of steps": ("steps: 3", "steps: [3]", "`steps` must be an integer"),
    "controls": ("steps: 3", "steps: 3\nnum_nn_output: inf", "`num_nn_output` must be an integer"),
    "more observed than there is": ("steps: 3", "steps: 3\nnum_nn_input: 2", "`num_nn_input`"),
    "a scale": (
        "steps: 3",
        "steps: 3\noutput_scale: .nan",
        "`output_scale` must be a finite number",
    ),
    "laughs as steps": ("steps: 3", f"{LAUGHS}steps: *a9", "without aliases"),
    "laughs as a formula": ("steps: 3", f"{LAUGHS}steps: 3\nz: *a9", "without aliases"),
    "a tag": ("steps: 3", "steps: !!python/object/apply:os.getcwd []", "without aliases"),
    "a deep list": (
        "steps: 3",
        "steps: " + "[" * DEEP + "]" * DEEP,
        "at most 20 levels of nested lists",
    ),
    "a long file": ("steps: 3", "steps: 3 #" + "-" * MOST_BYTES, "bytes"),
    "a deep formula": ("'u1'", f"'{'(' * DEEP}u1{')' * DEEP}'", "`dynamics_expressions`"),
    "many signs": ("'u1'", f"'{'-' * DEEP}u1'", "`dynamics_expressions`"),
    "a long sum": ("'u1'", f"'{'+'.join(['u1'] * DEEP)}'", "`dynamics_expressions`"),
    "a null byte": ("'u1'", '"u1\\0"', "`dynamics_expressions`"),
    "a list as a formula": ("'u1'", "[u1]", "`dynamics_expressions`"),
    "an unknown name": ("'u1'", "x7", "`dynamics_expressions`"),
    "a power tower": ("'u1'", "x1**9**9**9**9", "finite numbers"),
    "a huge constant": ("'u1'", f"u1 + 1{'0' * 400}", "`dynamics_expressions`"),
    "an end that is no number": ("[1, 2]", "[.nan, 2]", "`initial_set`"),
    "ends in the other order": ("[1, 2]", "[2, 1]", "`initial_set`"),
    "three ends": ("[1, 2]", "[1, 2, 3]", "`initial_set`"),
    "a list as a name": ("name: x1", "name: [x1]", "`initial_set`"),
    "a name twice": ("name: u1", "name: x1", "`initial_set`"),
    "a number of conditions": ("['x1 - 2']", "5", "`constraints_safe` must be a list"),
    "a division by 0": ("x1 - 2", "x1 - 1/0", "`constraints_safe`"),
    "an index": ("x1 - 2", "x1[u1]", "`constraints_safe`"),
    "two arguments": ("x1 - 2", "sin(x1, x1)", "`constraints_safe`"),
    "a state that is called": ("x1 - 2", "x1(3)", "`constraints_safe`"),
    "a condition in a condition": ("x1 - 2", "x1 < 3", "`constraints_safe`"),
}


def steer(x):
    return [-x[0]]


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_by_its_key(name, tmp_path):
    old, new, words = DAMAGED[name]
    assert old in SOUND
    path = tmp_path / "loop.yaml"
    path.write_text(SOUND.replace(old, new, 1))
    with pytest.raises(InputError, match=words) as refused:
        closed_loop(*read_loop_file(path, controller=steer))
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("path", [None, 3])
def test_a_path_is_a_file(path):
    with pytest.raises(InputError, match="`path` must be a path to a file"):
        read_loop_file(path)


@pytest.mark.parametrize("named", ["", "model_dir: " + "a" * 5000, 'model_dir: "a\\0b"'])
def test_a_controller_that_is_not_there(named, tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(SOUND + named)
    with pytest.raises(InputError, match="named by `model_dir`"):
        read_loop_file(path)


@pytest.mark.parametrize(
    ("written", "value"), [("0.1", (1, 10)), ("1e-1", (1, 10)), ("1/30", (1, 30)), (".5", (1, 2))]
)
def test_a_step_size_is_read_as_it_is_written(written, value, tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(SOUND.replace("0.1", written) + "constraints_unsafe: ~\nconstraints_target:\n")
    loop, steps, spec = read_loop_file(path, controller=steer)
    assert loop.dt == Fraction(*value) and steps == 3
    assert repr(spec) == '(x["x1"] - 2.0 <= 0).always()'
