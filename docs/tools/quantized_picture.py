"""Draw a quantized network and its bounds: `python docs/tools/quantized_picture.py FILE.png`.

The network has one input, one hidden layer of 12 units, and int8 weights of 7 bits. Each bar is the
proved range of the output over a small interval of the input. Needs onnx, onnxruntime and
matplotlib.
"""

import itertools
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from onnx import TensorProto, helper, numpy_helper

import outrange


CELLS = 64
"""Number of intervals of the input."""


def write_models(folder: Path) -> tuple[Path, Path]:
    """Write the network in float32 and its quantization, and return their paths."""
    rng = np.random.default_rng(8)
    w, b = rng.normal(size=(1, 12)), rng.uniform(-0.6, 0.6, 12)
    v = rng.normal(size=(12, 1)) * 0.7
    hidden = np.maximum(np.abs(w) + b, 0.0).max()
    scales = {"s": 1 / 16, "t": hidden / 24, "u": np.abs(w).max() / 63, "o": np.abs(v).max() / 63}
    stored = {"w": np.rint(w / scales["u"]).astype(np.int8)}
    stored["v"] = np.rint(v / scales["o"]).astype(np.int8)
    stored |= {name: np.float32(scale) for name, scale in scales.items()}
    stored |= {"z": np.uint8(128), "n": np.uint8(0)}
    floats = {"W": w, "V": v, "B": b}
    nodes = [("Gemm", "x W B", "g"), ("Relu", "g", "r"), ("Gemm", "r V", "y")]
    steps = [
        ("QuantizeLinear", "x s z", "q"), ("DequantizeLinear", "q s z", "a"),
        ("DequantizeLinear", "w u", "W"), ("Gemm", "a W B", "g"), ("Relu", "g", "r"),
        ("QuantizeLinear", "r t n", "p"), ("DequantizeLinear", "p t n", "c"),
        ("DequantizeLinear", "v o", "V"), ("Gemm", "c V", "y"),
    ]  # fmt: skip
    original = _write(folder / "original.onnx", nodes, floats)
    return original, _write(folder / "quantized.onnx", steps, stored | {"B": b})


def _write(path: Path, nodes: list[tuple[str, str, str]], stored: dict) -> Path:
    arrays = {k: np.asarray(v, np.float32) if k in "WVB" else v for k, v in stored.items()}
    graph = helper.make_graph(
        [helper.make_node(op, reads.split(), [result]) for op, reads, result in nodes],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def draw(path: str) -> None:
    """Draw both networks, and the bounds for two sets of kernels."""
    with tempfile.TemporaryDirectory() as folder:
        original, quantized = write_models(Path(folder))
        networks = {k: outrange.load(quantized, kernel=k) for k in ("any", "float32")}
        plain = outrange.load(original)
    x = np.linspace(-1, 1, 4001, dtype=np.float32)[:, None]
    figure, ax = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
    ends = np.linspace(-1, 1, CELLS + 1)
    styles = {
        "any": ("#f1c9a8", "proved for any kernel"),
        "float32": ("#9cc4e4", "proved for float32 kernels"),
    }
    for name, (color, label) in styles.items():
        ranges = [
            outrange.output_range(networks[name], cell, budget=0.05)
            for cell in itertools.pairwise(ends)
        ]
        lo, hi = (np.array([getattr(r, side)[0] for r in ranges]) for side in ("lo", "hi"))
        ax.bar(ends[:-1], hi - lo, 2 / CELLS, lo, align="edge", color=color, label=label)
    ax.plot(x, plain.predict(x), color="#1f1f1f", lw=1.2, label="original")
    ax.plot(x, networks["any"].predict(x), color="#b3312c", lw=0.9, label="quantized")
    ax.set(xlabel="input", ylabel="output", xlim=(-1, 1))
    ax.legend(frameon=False, ncols=2)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    draw(sys.argv[1])
