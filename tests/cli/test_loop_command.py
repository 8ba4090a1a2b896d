"""Tests of `outrange loop`: output and exit codes."""

import json

import numpy as np
import pytest

from outrange.cli.run import run


keras = pytest.importorskip("keras")

STEPS = ["--next", "x1 + 0.1*x2", "--next", "x2 + 0.1*u1", "--lo", "0.5,0", "--hi", "0.9,0.1"]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[-0.5], [-0.75]]), np.zeros(1)])
    path = tmp_path_factory.mktemp("loop") / "net.keras"
    model.save(path)
    return str(path)


def test_it_says_what_holds_and_draws_it(net, capsys, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    picture, table = tmp_path / "pipe.svg", tmp_path / "pipe.csv"
    spec = ["--spec", "always: x[0] <= 1; at 8: x[1] <= 0"]
    code = run(["loop", net, *STEPS, "--steps", "8", *spec, "--plot", str(picture), "--csv",
                str(table)])  # fmt: skip
    out = capsys.readouterr().out
    assert code == 0 and out.startswith("holds\n") and "with a margin of" in out
    assert picture.exists() and len(table.read_text().splitlines()) == 10


def test_it_asks_about_all_time(net, capsys):
    assert run(["loop", net, *STEPS, "--forever", "--spec", "always: x[0] <= 1"]) == 0
    assert "for all time" in capsys.readouterr().out
    assert run(["loop", net, *STEPS, "--spec", "always: x[0] <= 1"]) == 2
    assert "--forever" in capsys.readouterr().err


def test_it_says_what_breaks(net, capsys):
    code = run(
        ["loop", net, *STEPS, "--steps", "3", "--spec", "at 3: x[1] >= 0", "--format", "json"]
    )
    data = json.loads(capsys.readouterr().out)
    assert code == 1 and data["result"] == "violated"
    assert data["counterexample"]["step"] == 3 and data["counterexample"]["reproduced"]


def test_options_bound_unknown_values_and_restrict_the_initial_states(net, capsys):
    formulas = ["--next", "x1 + 0.1*x2", "--next", "x2 + 0.1*u1 + 0.1*p1 + 0.01*w1", *STEPS[4:]]
    unknown = ["--parameters", "0", "0.1", "--disturbance", "-1", "1", "--steps", "2"]
    command = ["loop", net, *formulas, *unknown, "--spec", "always: x[0] <= 0.8"]
    assert run(command) == 1
    assert run([*command, "--where", "x[0] <= 0.7"]) == 0
    assert "cut by conditions" in capsys.readouterr().out


def test_a_file_says_what_the_plant_is(net, capsys, tmp_path):
    path = tmp_path / "plant.py"
    path.write_text(
        "import numpy as np\n\ndef plant(x, u):\n    return x + 0.1 * np.stack([x[1], u[0]])\n"
        "\ndef actuate(y):\n    return 2 * y\n"
    )
    names = ["--names", "at,speed", "--input", "at", "0.5", "0.9", "--input", "speed", "0", "0"]
    code = run(["loop", net, "--plant", str(path), *names, "--steps", "4"])
    out = capsys.readouterr().out
    assert code == 0 and out.startswith("reached\n") and "speed" in out


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--spec", "sometimes: x[0] <= 1"], "at 20: CONDITION"),
        (["--spec", "at 9: x[0] <= 1"], "runs for 3 steps"),
        (["--plant", "nowhere.py"], "--plant"),
        (["--disturbance", "0", "1"], "the argument `w`"),
    ],
)
def test_mistakes_are_named(net, capsys, more, word):
    code = run(["loop", net, *STEPS, "--steps", "3", *more])
    assert code == 2 and word in capsys.readouterr().err
