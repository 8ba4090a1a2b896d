"""Worker process: modules of `torch.nn` and functions of `torch` are read, or rejected.

python torch_functions.py FOLDER

They are those of `benchmarks/torch_modules.py`, compared with PyTorch at random samples.
"""

import sys
from pathlib import Path

import numpy as np
import torch


HERE = Path(__file__).resolve()
sys.path += [str(HERE.parents[2]), str(HERE.parents[3] / "benchmarks")]
from torch_modules import FUNCTIONS, Function, examine, modules  # noqa: E402

import outrange  # noqa: E402
from cases import some  # noqa: E402  # the path is set above
from outrange.core import InputError, UnsupportedError  # noqa: E402


REFUSED = {
    "CTCLoss": "_ctc_loss",
    "EmbeddingBag": "_embedding_bag",
    "FractionalMaxPool2d": "random",
    "FractionalMaxPool3d": "random",
    "GaussianNLLLoss": "branch on the value",
    "MaxUnpool1d": "positions",
    "MaxUnpool2d": "positions",
    "MaxUnpool3d": "positions",
    # PyTorch decomposes it to a program that computes something else.
    "MultiLabelMarginLoss": "must compute what the model computes",
    "atan2": "atan2",
    "copysign": "copysign",
    "erfinv": "erfinv",
    "inverse": "linalg_inv",
    "lgamma": "lgamma",
    "signbit": "signbit",
}
"""Names that are not read, and what the error names."""

ODD = {
    "positions of a sort that is not stable": (lambda x: x.argsort(-1), "positions"),
    "writes that meet": (
        lambda x: x.index_put((torch.tensor([0]), torch.tensor([1, 1])), x[0, :2]), "index_put"),
    "writes at positions of the input": (
        lambda x: x.scatter(1, x[:, :1].argmax(1, keepdim=True), 1.0), "scatter"),
    "a remainder of 0": (lambda x: x.remainder(0.0), "0"),
    "a variance of one entry": (lambda x: x[:, :1].var(1), "variance"),
}  # fmt: skip
"""Functions that are refused, and what the error names."""


def uninitialized_memory_is_not_a_constant() -> None:
    """PyTorch fills such memory with NaN here; elsewhere it contains whatever was there before."""
    torch.use_deterministic_algorithms(True)
    try:
        assert np.isnan(torch.empty(3).numpy()).all()
        assert not examine("CircularPad2d", 200)
    finally:
        torch.use_deterministic_algorithms(False)


def names_are_read_or_refused() -> None:
    every = [*modules(), *FUNCTIONS]
    assert not set(REFUSED) - set(every)
    for name in some([n for n in every if n not in REFUSED], 30):
        why = examine(name, 200)
        assert not why, f"{name}: {why}"
    for name in some(REFUSED, 6):
        why = examine(name, 8)
        assert REFUSED[name] in why, f"{name}: {why}"


def odd_functions_are_refused() -> None:
    for name, (function, text) in ODD.items():
        try:
            outrange.load(Function(function), input_shape=(4,))
        except UnsupportedError as error:
            assert text in str(error), (name, error)
        else:
            raise AssertionError(f"{name} was read")


def types_of_integers_limit_the_inputs() -> None:
    """Check that inputs are limited where an `int8` would wrap around beyond 127."""
    small = Function(lambda x: (x.to(torch.int8) + 100).float())
    network = outrange.load(small, input_shape=(2,))
    answer = outrange.output_range(network, (-3.5, 20.5))
    assert (answer.lo.tolist(), answer.hi.tolist()) == ([97.0, 97.0], [120.0, 120.0])
    try:
        outrange.output_range(network, (0, 50))
    except InputError as error:
        assert "wrap around" in str(error)
    else:
        raise AssertionError("a box beyond the type was taken")


def integers_are_compared_with_fractions() -> None:
    """Check a comparison of integers with 0.5, though no integer lies between 0 and 1."""
    function = Function(lambda x: ((x.long() > 0.5) & (x.long() <= 1)).float())
    graph = outrange.load(function, input_shape=(4,)).graph
    assert graph.run(np.array([[0.9, 1.5, 2.5, -3.0]])).tolist() == [[0.0, 1.0, 0.0, 0.0]]


def resizing_has_the_weights_of_pytorch() -> None:
    """Check that an interpolation has its float32 weights, and that means are those of float64."""
    x = np.random.default_rng(0).normal(size=(50, 40))
    units = torch.eye(40).reshape(40, 2, 4, 5)
    for mode, dtype in (("bilinear", torch.float32), ("area", torch.float64)):
        function = Function(
            lambda x, mode=mode: torch.nn.functional.interpolate(x, size=(7, 3), mode=mode)
        )
        graph = outrange.load(function, input_shape=(2, 4, 5)).graph
        weights = function(units.to(dtype)).double().numpy().reshape(40, -1)
        assert np.allclose(graph.run(x), x @ weights, atol=1e-12)


if __name__ == "__main__":
    for check in (
        uninitialized_memory_is_not_a_constant,
        names_are_read_or_refused,
        odd_functions_are_refused,
        types_of_integers_limit_the_inputs,
        integers_are_compared_with_fractions,
        resizing_has_the_weights_of_pytorch,
    ):
        check()
        print("ok", check.__name__, flush=True)
