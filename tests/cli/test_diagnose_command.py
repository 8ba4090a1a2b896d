"""Tests of `outrange diagnose` on files: output and exit codes."""

import json

import numpy as np
import pytest

from outrange.cli.run import run as main


keras = pytest.importorskip("keras")

X = np.arange(1.0, 8.0)[:, None]


@pytest.fixture
def save_compiled(tmp_path):
    """Create files of compiled models with one unit, by activation."""

    def save(activation):
        model = keras.Sequential(
            [
                keras.Input((1,)),
                keras.layers.Dense(1, activation, kernel_initializer="ones", name="line"),
            ]
        )
        model.compile(keras.optimizers.SGD(0.01), "mse")
        path = tmp_path / f"{activation}.keras"
        model.save(path)
        return str(path)

    return save


@pytest.fixture
def table(tmp_path):
    """Create the data as `.csv` and as `.npz`."""
    np.savez(tmp_path / "data.npz", x=X, y=2 * X + 1)
    rows = "\n".join(f"{x},{2 * x + 1}" for x in X[:, 0])
    (tmp_path / "data.csv").write_text(f"width,price\n{rows}\n")
    return {"npz": str(tmp_path / "data.npz"), "csv": str(tmp_path / "data.csv")}


def test_a_fault_is_printed_and_gives_its_exit_code(save_compiled, table, capsys):
    assert main(["diagnose", save_compiled("sigmoid"), table["npz"], "--train", "0"]) == 6
    assert "MSE cannot go below 80.0" in " ".join(capsys.readouterr().out.split())


def test_columns_are_named_by_their_titles(save_compiled, table, capsys):
    model = save_compiled("sigmoid")
    arguments = ["diagnose", model, table["csv"], "--train", "0", "--format", "json"]
    assert main([*arguments, "--target", "price"]) == 6
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert findings[0]["cost"]["unreachable"] == 7
    assert main([*arguments, "--target", "height"]) == 2
    assert "width" in capsys.readouterr().err


def test_what_is_left_out_does_not_count(save_compiled, table, capsys):
    arguments = ["diagnose", save_compiled("sigmoid"), table["npz"], "--train", "0"]
    assert main([*arguments, "--ignore", "OR001"]) == 0
    assert main([*arguments, "--fail-on", "never"]) == 0
    capsys.readouterr()
    assert main([*arguments, "--format", "sarif"]) == 6
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"


def test_a_healthy_model_gives_zero(save_compiled, table, capsys):
    assert main(["diagnose", save_compiled("linear"), table["npz"], "--train", "0"]) == 0
    assert "no findings" in capsys.readouterr().out
