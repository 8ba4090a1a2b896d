"""`outrange verify f=a.onnx g=b.onnx`: several networks on the command line."""

import json

import pytest

from cli.verify_files import random_net, sum_and_difference


@pytest.fixture
def call(tmp_path, capfd, monkeypatch):
    """Run `outrange verify` in a folder with two models; return exit code, stdout and stderr."""
    from outrange.cli.run import run

    monkeypatch.chdir(tmp_path)
    sum_and_difference(tmp_path, "f.onnx")
    random_net(tmp_path, "wide.onnx", (3, 4, 2), 0)

    def ask(*arguments):
        code = run(["verify", *map(str, arguments)])
        return code, *capfd.readouterr()

    return ask


UNIT = ("--box", 0, 1)


def test_one_input_for_all(call):
    code, out, _ = call("f=f.onnx", "g=f.onnx", "f.y[1] <= g.y[0] + 0.01", *UNIT)
    assert (code, out.splitlines()[0]) == (0, "holds")
    code, out, _ = call("f=f.onnx", "g=f.onnx", "f.y[0] <= g.y[1] + 0.5", *UNIT, "--format", "json")
    answer = json.loads(out)
    assert (code, answer["result"]) == (1, "violated")


def test_inputs_of_their_own(call):
    boxes = ("--input", "f", 0, 1, "--input", "g", 2, 3)
    code, out, _ = call("f=f.onnx", "g=f.onnx", "f.y[0] <= g.y[0] - 1.9", *boxes)
    assert (code, out.splitlines()[0]) == (0, "holds")
    related = ("--where", "g.x[0] >= f.x[0] + 2.5")
    assert call("f=f.onnx", "g=f.onnx", "f.x[0] <= 0.6", *boxes, *related)[0] == 0
    code, out, _ = call("f=f.onnx", "g=wide.onnx", "f.y[0] <= g.y[0] + 99", *boxes)
    assert (code, out.splitlines()[0]) == (0, "holds")


def test_hidden_values(call):
    code, out, _ = call("f.onnx", 'layer("nothing")[0] <= 1', *UNIT)
    assert code == 2 and not out


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (("f=f.onnx", "f=f.onnx"), "a second time"),
        (("f=f.onnx", "f.onnx"), "NAME=FILE"),
        (("f=f.onnx", "g=wide.onnx"), "same sizes"),
        (("f=f.onnx", "x=f.onnx"), "identifier"),
    ],
)
def test_misfits_are_refused(call, models, words):
    code, out, err = call(*models, "f.y[0] <= 5", *UNIT)
    assert code == 2 and not out and words in err
