"""Tests of the command line on valid, unsafe and broken Keras files."""

import json

import numpy as np
import pytest


keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Save a plain model, one that contains code, one with a NaN weight, and one for text."""
    path = tmp_path_factory.mktemp("keras")
    layers = keras.layers
    plain = keras.Sequential([keras.Input((2,), name="x"), layers.Dense(1, name="sum")])
    plain.set_weights([np.ones((2, 1)), np.zeros(1)])
    plain.save(path / "plain.keras")
    plain.save(path / "plain.h5")
    code = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x * 2)])
    code.save(path / "lambda.keras")
    plain.set_weights([np.array([[np.nan], [1]]), np.zeros(1)])
    plain.save(path / "nan.keras")
    (path / "text.keras").write_text("hello")
    return path


@pytest.fixture
def call(folder, capfd):
    """Run the command line in this process; return exit code, stdout and stderr."""
    from outrange.cli.run import run

    def ask(*arguments):
        code = run([str(folder / a) if a.endswith((".keras", ".h5")) else a for a in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return ask


@pytest.mark.parametrize("name", ["plain.keras", "plain.h5"])
def test_saved_models(call, name):
    code, out, _ = call("range", name, "--box", "0", "1", "--format", "json")
    assert code == 0
    record = json.loads(out)
    np.testing.assert_allclose([record["lo"][0], record["hi"][0]], [0, 2], atol=1e-5)


def test_layers_of_a_saved_model(call):
    code, out, _ = call("summary", "plain.keras", "--box", "0", "1")
    assert code == 0
    assert "sum (Dense)" in out


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("range", "lambda.keras", "--box", "0", "1"), 4, "--no-safe-mode"),
        (("range", "nan.keras", "--box", "0", "1"), 4, "finite"),
        (("summary", "nan.keras", "--box", "0", "1"), 4, "finite"),
        (("range", "text.keras", "--box", "0", "1"), 4, "zip archive"),
        (("range", "absent.keras", "--box", "0", "1"), 2, "not exist"),
    ],
)
def test_bad_files_are_one_short_message(call, arguments, code, word):
    result, out, err = call(*arguments)
    assert result == code
    assert out == ""
    assert word in err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("outrange: ")


def test_code_runs_only_when_asked_to(call):
    code, out, _ = call(
        "range", "lambda.keras", "--box", "0", "1", "--no-safe-mode", "--format", "json"
    )
    assert code == 0
    np.testing.assert_allclose(json.loads(out)["hi"], [2, 2], atol=1e-5)
