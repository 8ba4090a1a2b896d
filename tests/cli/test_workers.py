"""Tests of `--executor` and `--resume`: a cluster gives the same answers, a state is resumed."""

import json

import numpy as np
import pytest

from cli.test_commands import save_onnx
from outrange.cli.run import run


pytestmark = pytest.mark.wallclock


distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def address():
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    with distributed.LocalCluster(**options, protocol="tcp", dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(n, m)), rng.normal(size=m), "Relu") for n, m in [(6, 16), (16, 16)]]
    layers.append((rng.normal(size=(16, 1)), np.zeros(1), None))
    path = tmp_path_factory.mktemp("workers") / "net.onnx"
    return save_onnx(path, layers, input_shape=(6,))


def run_command(capsys, *arguments):
    code = run([*arguments, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("where", ["executor", "resume"])
def test_a_range_is_the_same_over_workers(net, address, capsys, tmp_path, where):
    options = ["--executor", address] if where == "executor" else ["--resume", str(tmp_path / "s")]
    arguments = ["range", net, "--box", "-1", "1", "--tol", "1e-3"]
    code, alone = run_command(capsys, *arguments)
    again, answer = run_command(capsys, *arguments, *options)
    assert code == again == 0
    assert "sub-trees on workers" in answer["methods"]
    np.testing.assert_allclose(answer["hi"], alone["hi"], rtol=2e-3)


def test_a_verdict_is_the_same_over_workers(net, address, capsys):
    _, alone = run_command(capsys, "range", net, "--box", "-1", "1", "--tol", "1e-3")
    for limit, result in ((alone["hi"][0] + 0.1, "holds"), (alone["seen_hi"][0] - 0.1, "violated")):
        arguments = ["verify", net, f"y[0] <= {limit}", "--box", "-1", "1", "--executor", address]
        assert run_command(capsys, *arguments)[1]["result"] == result


def test_a_loop_is_asked_over_workers(address, capsys, tmp_path):
    gain = save_onnx(tmp_path / "gain.onnx", [([[-0.5], [-0.75]], [0.0], None)])
    plant = ["--next", "x1 + 0.1*x2", "--next", "x2 + 0.1*u1", "--lo", "0.5,0", "--hi", "0.9,0.1"]
    arguments = ["loop", gain, *plant, "--steps", "8", "--spec", "always: x[0] <= 1"]
    code, answer = run_command(capsys, *arguments, "--executor", address)
    assert code == 0 and answer["result"] == "holds"


@pytest.mark.parametrize("command", ["range", "verify"])
def test_a_scheduler_that_is_not_there_is_one_sentence(net, capsys, monkeypatch, command):
    monkeypatch.setattr("outrange.executors.dask.CONNECT", 0.5)
    arguments = [command, net, *(["y[0] <= 9"] if command == "verify" else []), "--box", "0", "1"]
    assert run([*arguments, "--executor", "tcp://127.0.0.1:9"]) == 2
    stderr = capsys.readouterr().err
    assert (
        "dask scheduler" in stderr and "tcp://127.0.0.1:9" in stderr and "Traceback" not in stderr
    )
