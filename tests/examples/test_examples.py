"""The scripts in `examples/` run and print the answers they are about."""

import re
import runpy
from pathlib import Path

import keras
import pytest

import outrange
from cases import cases


FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run_script(capsys):
    def run(name: str) -> str:
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_one_neuron(run_script):
    text = run_script("one_neuron")
    for activation in ("sigmoid", "tanh"):
        line = next(line for line in text.splitlines() if line.startswith(activation))
        assert "7 of 7 targets are unreachable" in line
        lo, hi = (float(v) for v in re.search(r"\[(.*?), (.*?)\]", line).groups())
        assert -1 <= lo <= hi <= 1
        loss, least = (float(v) for v in re.findall(r"(\d+\.\d+)", line)[-2:])
        assert least <= loss + 1e-3
        assert least >= 80
    assert "0 of 7 targets are unreachable" in text.splitlines()[0]
    assert text.rstrip().endswith("mean squared error >= 80.0")


@pytest.mark.slow
def test_channel_activation(run_script):
    text = run_script("channel_activation")
    assert "differ by 0 at most" in text
    assert text.count("exactly") == 5
    assert "channel 1: exactly [0.000000" in text
    assert text.rstrip().endswith("status: exact")


@pytest.mark.slow
def test_feedback_graph(run_script):
    lines = run_script("feedback_graph").splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "forbidden weights 0," in line
        before, after = (float(v) for v in re.search(r"loss (\S+) -> (\S+),", line).groups())
        assert after < before
        assert line.endswith("exact to 0.001")


@pytest.mark.slow
def test_grouped_softmax(run_script):
    text = run_script("grouped_softmax")
    first, second = text.split("by construction")
    assert "everywhere in the box: HOLDS" in second
    assert "HOLDS" in first or "broken at x" in first


@pytest.mark.slow
def test_simple_rnn(run_script):
    probe = keras.Sequential([keras.Input((1, 2)), keras.layers.SimpleRNN(1)])
    try:
        outrange.load(probe)
    except outrange.UnsupportedError as error:
        pytest.skip(str(error))
    text = run_script("simple_rnn")
    assert text.count("exact to 0.001") == 2
    assert text.rstrip().endswith("at most 0 apart")


def test_every_script_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in FOLDER.glob("*.py")} <= tested


@pytest.mark.slow
def test_robust_convnet(capsys, monkeypatch):
    import sys

    arguments = ["robust_convnet", "--count", cases("2", "4"), "--epochs", "1", "--each", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(FOLDER / "robust_convnet.py"), run_name="__main__")
    text = capsys.readouterr().out
    assert "proved correct everywhere in the ball" in text
    assert "L-infinity distance" in text or "itself breaks" in text
