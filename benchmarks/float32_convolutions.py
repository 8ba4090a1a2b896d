"""A test whether runtimes compute convolutions as sums of products, by exactness on integers.

    python benchmarks/float32_convolutions.py

Sums of products of small integers are exact in float32 in any order. Winograd and FFT algorithms
use fractions and are not exact. The script prints the error of each installed runtime.
"""

import importlib.util
import os
from collections.abc import Iterator

import numpy as np


CHANNELS, SIDE, BATCH = 32, 24, 16


def torch_results(x: np.ndarray, w: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield results of PyTorch, with and without oneDNN, with one thread and two."""
    import torch

    parts = torch.from_numpy(x), torch.from_numpy(w)
    for allowed in (True, False):
        with torch.backends.mkldnn.flags(enabled=allowed):
            for threads in (1, 2):
                torch.set_num_threads(threads)
                name = f"PyTorch, {threads} threads{'' if allowed else ', without oneDNN'}"
                yield name, torch.nn.functional.conv2d(*parts, padding=1).numpy()


def jax_results(x: np.ndarray, w: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the result of compiled JAX."""
    import jax

    run = jax.jit(lambda a, b: jax.lax.conv_general_dilated(a, b, (1, 1), "SAME"))
    yield "JAX", np.asarray(run(x, w))


def tensorflow_results(x: np.ndarray, w: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield results of TensorFlow, without and with XLA."""
    import tensorflow as tf

    last, kernel = tf.constant(x.transpose(0, 2, 3, 1)), tf.constant(w.transpose(2, 3, 1, 0))
    for name, fast in (("TensorFlow", False), ("TensorFlow, XLA", True)):
        run = tf.function(lambda v: tf.nn.conv2d(v, kernel, 1, "SAME"), jit_compile=fast)
        yield name, run(last).numpy().transpose(0, 3, 1, 2)


def onnx_results(x: np.ndarray, w: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield results of onnxruntime on the CPU."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    shape = ["n", CHANNELS, SIDE, SIDE]
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    weights = [numpy_helper.from_array(w, "w")]
    graph = helper.make_graph([node], "g", kinds[:1], kinds[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    yield "onnxruntime", session.run(None, {"x": x})[0]


def main() -> None:
    """Print a row for each runtime."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rng = np.random.default_rng(0)
    x = rng.integers(-7, 8, (BATCH, CHANNELS, SIDE, SIDE)).astype(np.float32)
    w = rng.integers(-7, 8, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    exact = np.einsum("bchwij,ocij->bohw", windows, w.astype(np.float64), optimize=True)
    results = {
        "jax": jax_results, "torch": torch_results, "tensorflow": tensorflow_results,
        "onnxruntime": onnx_results,
    }  # fmt: skip
    for package, run in results.items():
        if importlib.util.find_spec(package):
            for name, found in run(x, w):
                print(f"{name:36} {np.abs(found - exact).max():.3g}", flush=True)


if __name__ == "__main__":
    main()
