"""Comparison of properties of a Keras model with those of the ONNX file that Keras exports of it.

KERAS_BACKEND=torch python export_worker.py FOLDER

Writes `found.json`: model name to the results for the model, and for the file.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

import outrange
import zoo
from outrange.core.formula import negate
from outrange.questions.expressions import resolve
from outrange.questions.inputs.sets import regions
from outrange.questions.verify import verify


MODELS = (
    "mlp",
    "tanh_softmax",
    "no_bias_sigmoid",
    "built_by_calling",
    "own_activation",
    "residual",
    "maximum_minimum",
    "shared_loop",
    "nested",
    "several_in_out",
    "batch_normalization",
    "activation_layers",
)
"""Those of the zoo with few inputs whose layers Keras's exporter writes."""

BOX = (-0.5, 0.75)


TOLERANCE = 1e-10
"""Two searches may end anywhere within what was asked, by the order in which threads finish."""


def ends(network):
    """Return the ends of the range, flattened."""
    answer = outrange.output_range(network, BOX, tol=TOLERANCE, time_limit=30)
    parts = (answer.lo, answer.hi, answer.seen_lo, answer.seen_hi)
    return [np.ravel(part).tolist() for part in parts]


def properties(inputs: int, lo: float, hi: float):
    """Build conditions on flat vectors; some hold, some do not, with a known margin."""
    width = hi - lo
    for share in (0.05, -0.05, 0.01, -0.01):
        yield lambda x, y, t=hi + share * width: y[0] <= t
        yield lambda x, y, t=lo - share * width: (y[0] >= t) | (x[inputs - 1] >= 0.7)


def decide_all(network, lo: float, hi: float):
    """Return verdict and margin of every property, regardless of input and output names."""
    graph = network.graph
    x = [outrange.graph.Slot("x", (graph.size,))]
    y = [outrange.graph.Slot("y", (graph.value_size(graph.output),))]
    verdicts = []
    for condition in properties(graph.size, lo, hi):
        unsafe = negate(resolve(condition, x, y))
        verdict = verify(network, unsafe, regions(graph.inputs, BOX), text="", time_limit=30)
        verdicts.append([verdict.status, verdict.margin if verdict.holds else None])
    return verdicts


def main(folder: Path) -> None:
    """Analyze every model and its exported file."""
    warnings.simplefilter("ignore")
    result = {}
    for name in MODELS:
        model = zoo.build(name)
        shapes = model.inputs
        model(
            [np.zeros((1, *v.shape[1:]), "float32") for v in shapes]
            if len(shapes) > 1
            else np.zeros((1, *shapes[0].shape[1:]), "float32")
        )
        path = folder / f"{name}.onnx"
        model.export(str(path), format="onnx", verbose=False)
        first, second = outrange.load(model), outrange.load(path)
        first_ends, second_ends = ends(first), ends(second)
        lo, hi = first_ends[2][0], first_ends[3][0]
        result[name] = {
            "ends": [first_ends, second_ends],
            "verdicts": [decide_all(first, lo, hi), decide_all(second, lo, hi)],
        }
    (folder / "found.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
