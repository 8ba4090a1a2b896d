"""Small models and properties on disk, with known answers."""

import itertools
import signal
import subprocess
import sys

import numpy as np

from frontends.onnx_models import f32, model, node, save_model


def vnnlib(path, box, unsafe, outputs):
    """Write a property: `box` pairs per input, `unsafe` assertions about `Y_j`."""
    lines = [f"(declare-const X_{i} Real)" for i in range(len(box))]
    lines += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    for i, (lo, hi) in enumerate(box):
        lines += [f"(assert (>= X_{i} {lo!r}))", f"(assert (<= X_{i} {hi!r}))"]
    path.write_text("\n".join([*lines, *(f"(assert {part})" for part in unsafe)]) + "\n")
    return path


def sum_and_difference(folder, name="small.onnx"):
    """Write `relu(x0 + x1)` and `relu(x0 - x1)`."""
    constants = {"w": np.float32([[1, 1], [1, -1]])}
    nodes = [node("MatMul", "x w", "z"), node("Relu", "z", "y")]
    return save_model(folder, model(nodes, constants, inputs={"x": (1, 2)}), name)


def random_net(folder, name, sizes, seed):
    """Write dense layers and ReLUs with random weights."""
    nodes, constants, last = [], {}, "x"
    for k, (n, m) in enumerate(itertools.pairwise(sizes)):
        constants |= {f"w{k}": f32(n, m, seed=seed + k), f"b{k}": f32(m, seed=seed + 50 + k)}
        nodes += [node("MatMul", f"{last} w{k}", f"m{k}"), node("Add", f"m{k} b{k}", f"a{k}")]
        last = f"a{k}"
        if k < len(sizes) - 2:
            nodes.append(node("Relu", last, f"r{k}"))
            last = f"r{k}"
    proto = model(nodes, constants, inputs={"x": (1, sizes[0])}, outputs=(last,))
    return save_model(folder, proto, name)


def hard(folder):
    """Write a network and a property that no search decides in seconds."""
    net = random_net(folder, "hard.onnx", (16, 64, 64, 64, 2), 0)
    return net, vnnlib(folder / "hard.vnnlib", [(-1.0, 1.0)] * 16, ["(>= Y_0 10000.0)"], 2)


def run_model(path, x):
    """Return the output of onnxruntime, flat."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shape = [1, *session.get_inputs()[0].shape[1:]]
    return np.ravel(session.run(None, {"x": np.float32(x).reshape(shape)})[0])


def command(*arguments):
    """Return the command line that runs `outrange`."""
    return [sys.executable, "-m", "outrange", *map(str, arguments)]


def outrange(*arguments):
    """Run the command line in a separate process."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


UNDER_WAY = """
import signal
import sys
from outrange.cli import main
from outrange.search.common.incumbent import Incumbent

def told(self, *given):
    if self.clock.seconds > 0.2:
        print("under way", file=sys.stderr, flush=True)
        Incumbent.look = look
    return look(self, *given)

look, Incumbent.look = Incumbent.look, told
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""The command line, which says on stderr when a search is under way.

It listens to interrupts also where the tests run in the background of a shell that ignores them."""


def run_and_interrupt(*arguments):
    """Run the command line in a separate process and interrupt its search."""
    process = subprocess.Popen(
        [sys.executable, "-c", UNDER_WAY, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    before = ""
    while not before.endswith("under way\n"):
        line = process.stderr.readline()
        assert line, before
        before += line
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, before + err
