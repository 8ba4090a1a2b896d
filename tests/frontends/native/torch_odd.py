"""Modules without real-valued semantics, or that PyTorch computes differently.

python torch_odd.py

Each raises an error of outrange that names the cause, and nothing is printed before.
"""

import contextlib
import io

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical, Normal
from torch_rows import Fn

import outrange
from outrange.core import ModelError, OutrangeError, UnsupportedError


NAN, INFINITE = float("nan"), float("inf")


def replace_entry(module, name, value):
    """Return a module with one entry of a parameter or buffer replaced."""
    tensor = {**dict(module.named_parameters()), **dict(module.named_buffers())}[name]
    with torch.no_grad():
        tensor.view(-1)[0] = value
    return module


def network():
    return nn.Sequential(
        nn.Linear(4, 4), nn.BatchNorm1d(4), nn.PReLU(), nn.LayerNorm(4), nn.Linear(4, 2)
    )


def a_number_that_is_not_finite_is_refused_by_name() -> None:
    """Check every real-valued parameter and buffer."""
    state = {**dict(network().named_parameters()), **dict(network().named_buffers())}
    for name in (name for name, tensor in state.items() if tensor.is_floating_point()):
        check_rejected(ModelError, name, replace_entry(network(), name, NAN))
    for name, _ in network().named_parameters():
        check_rejected(ModelError, name, replace_entry(network(), name, INFINITE))


CONSTANTS = {
    "mul": lambda x: x * NAN,
    "add": lambda x: x + torch.tensor([1.0, NAN, 1.0, 1.0]),
    "clamp": lambda x: x.clamp(NAN, 1.0),
    "where": lambda x: torch.where(x > 0, x, NAN),
    "leaky_relu": lambda x: nn.functional.leaky_relu(x, NAN),
    "pad": lambda x: nn.functional.pad(x, (1, 1), value=NAN),
    "div": lambda x: x / 0.0,
    "full": lambda x: x + torch.full((4,), NAN),
}

ODD = {
    "float16": (lambda: nn.Linear(4, 2).half(), "float16"),
    "bfloat16": (lambda: nn.Linear(4, 2).bfloat16(), "bfloat16"),
    "inverse": (lambda: Fn(lambda x: torch.inverse(x.view(-1, 2, 2) + torch.eye(2))), "linalg_inv"),
    "condition": (lambda: Fn(lambda x: torch.cond(x.sum() > 0, torch.exp, torch.neg, (x,))),
                  "cond"),
    "no outputs": (lambda: Fn(lambda x: x[:, :0]), "at least one number"),
    "nothing": (lambda: Fn(lambda x: None), "at least one tensor"),
    "positions": (lambda: Fn(lambda x: nn.functional.max_pool1d(x, 2, return_indices=True)),
                  "positions"),
    "own error": (lambda: Fn(lambda x: x[1 / 0]), "ZeroDivisionError"),
    "branch": (lambda: Fn(lambda x: x if x.sum() > 0 else -x), "torch.where"),
    "derivative": (lambda: Fn(lambda x: torch.func.grad(lambda y: (y**3).sum())(x)), "Received"),
    "no forward": (lambda: nn.Module(), "forward"),
    "random": (lambda: Fn(lambda x: x + 1e-8 * torch.randn(4)), "random"),
    "random, like": (lambda: Fn(lambda x: x + torch.randn_like(x)), "random"),
    "dropout": (lambda: Fn(lambda x: nn.functional.dropout(x, 0.5, training=True)), "random"),
    "sample": (lambda: Fn(lambda x: Categorical(logits=x).sample()[:, None]), "random"),
    "probabilities": (lambda: Fn(lambda x: Categorical(x.abs(), validate_args=True).probs),
                      "validate_args=False"),
    "scale": (lambda: Fn(lambda x: Normal(x, x.abs(), validate_args=True).mean),
              "validate_args=False"),
}  # fmt: skip
"""Modules, and what their errors say."""


def check_rejected(error, text, module, shape=(4,)) -> None:
    """Check that the module is rejected with this text, and that nothing is printed."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            outrange.load(module, input_shape=shape)
    except OutrangeError as raised:
        assert isinstance(raised, error) and text in str(raised), (text, raised)
        assert "bug in outrange" not in str(raised), raised
    else:
        raise AssertionError(f"{text} was read")
    assert not printed.getvalue(), printed.getvalue()


def odd_modules_are_refused() -> None:
    for name, function in CONSTANTS.items():
        check_rejected(ModelError, "finite", Fn(function))
        print("ok", name, flush=True)
    for name, (make, text) in ODD.items():
        check_rejected(ModelError, text, make())
        print("ok", name, flush=True)
    check_rejected(UnsupportedError, "float16", nn.Linear(4, 2).half())


def policies_are_read() -> None:
    """Check a distribution of logits, which has no check that real numbers could fail."""
    for validated in (True, False):
        policy = Fn(lambda x, v=validated: Categorical(logits=x, validate_args=v).probs)
        answer = outrange.output_range(outrange.load(policy, input_shape=(2,)), (-1, 1))
        assert abs(answer.hi - 1 / (1 + np.exp(-2))).max() < 1e-3


class Numbered(Fn):
    """A function in the dtype of a buffer."""

    def __init__(self, function, dtype):
        super().__init__(function)
        self.register_buffer("number", torch.zeros((), dtype=dtype))


def numbers_are_rounded_as_the_model_rounds_them() -> None:
    """Check that constants are float32 in a float32 model, and float64 in a float64 model."""
    x, single = np.full((1, 4), 0.75), float(np.float32(0.1))
    for name, function in {
        "pad": lambda x, c: np.array([c, *x[0], c]),
        "alpha": lambda x, c: x[0] + c * x[0],
        "product": lambda x, c: x[0] * c,
    }.items():
        code = {
            "pad": lambda x: nn.functional.pad(x, (1, 1), value=0.1),
            "alpha": lambda x: torch.add(x, x, alpha=0.1),
            "product": lambda x: x * 0.1,
        }[name]
        for dtype, number in ((torch.float32, single), (torch.float64, 0.1)):
            graph = outrange.load(Numbered(code, dtype), input_shape=(4,)).graph
            np.testing.assert_allclose(graph.run(x)[0], function(x, number), 1e-15, 0)
    padded = outrange.load(nn.ConstantPad1d(1, 1.7), input_shape=(1, 4))
    assert outrange.output_range(padded, (-1, 1)).hi.max() == float(np.float32(1.7))


def plants_are_computed_in_float64() -> None:
    loop = outrange.closed_loop(
        outrange.ControlLoop(
            lambda x: 0.0 * x, lambda x, u: torch.stack([x[0] * 0.1 + u[0]]), ([1.0], [1.0])
        ),
        steps=1,
    )
    assert abs(loop.pipe.hi[1, 0] - 0.1) < 1e-12


def masks_are_exact() -> None:
    """Check that entries masked with minus infinity have no share and no effect on others."""
    masked = torch.tensor([0.0, -INFINITE, 0.0, 0.0])
    network = outrange.load(Fn(lambda x: torch.softmax(x + masked, -1)), input_shape=(4,))
    x = np.random.default_rng(0).normal(0, 1, (5, 4))
    expected = np.exp(x) * [1, 0, 1, 1]
    np.testing.assert_allclose(network.graph.run(x), expected / expected.sum(1, keepdims=True))
    answer = outrange.output_range(network, (-1, 1), time_limit=2)
    assert answer.lo.ravel()[1] == answer.hi.ravel()[1] == 0.0


def what_is_random_in_training_alone_is_read() -> None:
    single = float(np.float32((1 / 8 + 1 / 3) / 2))
    for module in (nn.RReLU(), Fn(nn.functional.rrelu)):
        graph = outrange.load(module, input_shape=(4,)).graph
        np.testing.assert_allclose(graph.run(-np.ones((1, 4))), -single, 1e-15, 0)


def items_of_buffers_are_numbers() -> None:
    for dtype, value in ((torch.float32, float(np.float32(0.1))), (torch.float64, 0.1)):
        module = Numbered(None, dtype)
        module.number += 0.1
        module.function = lambda x, number=module.number: x * number.item()
        graph = outrange.load(module, input_shape=(4,)).graph
        np.testing.assert_allclose(graph.run(np.ones((1, 4))), value, 1e-15, 0)


class Counting(nn.Module):
    """A module that counts its calls, with one part in evaluation mode."""

    def __init__(self, mixes):
        super().__init__()
        self.mixes, self.norm = mixes, nn.BatchNorm1d(4).eval()
        self.register_buffer("calls", torch.tensor(3))

    def forward(self, x):
        self.calls += 1
        x = self.norm(x)
        return x - x.mean(0) if self.mixes else x


def modules_are_left_as_they_were() -> None:
    for mixes in (False, True):
        module = Counting(mixes)
        with contextlib.suppress(UnsupportedError):
            assert outrange.load(module, input_shape=(4,)) and not mixes
        assert module.calls == 3 and module.training and not module.norm.training


if __name__ == "__main__":
    for check in (
        a_number_that_is_not_finite_is_refused_by_name,
        odd_modules_are_refused,
        policies_are_read,
        numbers_are_rounded_as_the_model_rounds_them,
        plants_are_computed_in_float64,
        masks_are_exact,
        what_is_random_in_training_alone_is_read,
        items_of_buffers_are_numbers,
        modules_are_left_as_they_were,
    ):
        check()
        print("ok", check.__name__, flush=True)
