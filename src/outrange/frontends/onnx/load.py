"""Loader of ONNX files."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ...core import InputError, ModelError
from ..check import check_same
from ..network import Network
from .api import add_outputs, api, read_onnx
from .lower import lower
from .run import Runner
from .runtime import api as runtime_api, has_runtime


CHECKS = ("auto", "runtime", "reference", None)


def warm_up() -> None:
    """Import `onnx` and `onnxruntime` in advance, since the imports may take seconds.

    A missing package is ignored.
    """
    with suppress(InputError):
        api()
        runtime_api()


def load_onnx(
    path: str | os.PathLike[str],
    *,
    check: str | None = "auto",
    hidden: Mapping[str, str] | None = None,
    kernel: str = "any",
) -> Network:
    """Read an `.onnx` or `.onnx.gz` file.

    The graph has a batch axis of 1. If an input has several axes, and the first is open or of size
    1, this axis is the batch axis.

    Args:
        path: Path of the file.
        check: Evaluator with which the graph is compared. `"runtime"`: `onnxruntime`.
            `"reference"`: the reference evaluator of `onnx`, which needs no other package but
            misinterprets a few operators of old operator sets. `"auto"`: the runtime if it is
            installed and accepts the file, otherwise the reference. None: no comparison.
        hidden: Dict from the names of inner tensors, which become additional outputs after those of
            the file, to their element types; `"real"` stands for any type.
        kernel: Name of the kernels of quantized operators, whose results the graph encloses
            (`quantized.kernels.KERNELS`).

    Returns:
        The network. Its `predict` runs the file itself, point by point, with the evaluator that
        `check` selects. If `check` is None, the first call of `predict` selects one as `"auto"`
        does. The name of a quantized network states the kernel.

    Raises:
        InputError: There is no such file, a package is missing, `check` or `kernel` is invalid, or
            `hidden` names something other than an inner tensor of the stated type.
        ModelError: The file is damaged, or computes something other than the graph.
        UnsupportedError: The file uses an unsupported operator.
    """
    # Starting the runtime takes half as long as starting the reference (0.05 s against 0.08 s;
    # 0.2 s and 0.1 s when the disk is cold), and an answer runs `predict` anyway.
    if check not in CHECKS:
        raise InputError(f"`check` must be one of {CHECKS}. Received: {check!r}.")
    try:
        return _load(Path(path), check, hidden or {}, kernel)
    except MemoryError as error:
        raise ModelError(
            "A model must fit in the memory of this computer; the file may be damaged. "
            f"Received: `{path}`."
        ) from error


def element_types(path: str | os.PathLike[str]) -> list[list[str]]:
    """Return the NumPy names of the element types of a file's inputs, and of its outputs."""
    model = read_onnx(Path(path))
    return [[info.kind for info in group] for group in (model.inputs, model.outputs)]


def _load(path: Path, check: str | None, hidden: Mapping[str, str], kernel: str) -> Network:
    model = add_outputs(read_onnx(path), hidden)
    lowered = lower(model, kernel)
    runner = Runner(model, lowered)
    network = Network(
        lowered.graph,
        runner.predict,
        f"{model.name} (kernel {kernel})" if lowered.is_quantized else model.name,
        "onnx",
        lowered.layers,
        probe=runner.probe,
        plain=lowered.plain,
        places=lowered.places,
        bypassed=lowered.bypassed,
        undescribed=lowered.undescribed,
    )
    if check is not None:
        runner.choose(check)
        _compare(network, runner)
    return network


def _compare(network: Network, runner: Runner) -> None:
    try:
        check_same(network)
    except ModelError as error:
        if runner.uses_runtime or has_runtime():
            raise
        raise ModelError(
            "The graph was compared with the reference evaluator of `onnx`, which may misinterpret "
            "operators of old operator sets; install `onnxruntime` to compare with ONNX "
            f"Runtime instead. {error}"
        ) from error
