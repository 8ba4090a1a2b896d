"""Entry point: an ONNX file as a `Network`."""

import os
from contextlib import suppress
from pathlib import Path

from ...core import InputError, ModelError
from ..check import check_same
from ..network import Network
from .api import api, read_onnx
from .lower import lower
from .run import Runner
from .runtime import api as runtime_api, has_runtime


CHECKS = ("auto", "runtime", "reference", None)


def warm_up() -> None:
    """Import what reading the first file would import: seconds that no instance should pay."""
    with suppress(InputError):
        api()
        runtime_api()


def load_onnx(path: str | os.PathLike[str], *, check: str | None = "auto") -> Network:
    """Read an `.onnx` or `.onnx.gz` file.

    The graph has a batch axis of 1; an input whose first axis is open or 1 is read as a batch.

    Args:
        path: The file.
        check: What the graph is compared with before it is returned. `"runtime"`: `onnxruntime`.
            `"reference"`: the evaluation that comes with `onnx`, which needs no other package
            but misreads a few operators of old operator sets. `"auto"`: the runtime where it is
            installed and takes the file, else the reference. None: nothing.

    Returns:
        The network. Its `predict` runs the file itself, point by point, in what `"auto"` means;
        nothing is started before it is needed.

    Raises:
        InputError: There is no such file, or a package is missing.
        ModelError: The file is damaged, or does not compute what the graph computes.
        UnsupportedError: The file holds an operator that is not described.
    """
    # Starting the runtime takes half as long as starting the reference (0.05 s against 0.08 s;
    # 0.2 s and 0.1 s when the disk is cold), and an answer runs `predict` anyway.
    if check not in CHECKS:
        raise InputError(f"`check` must be one of {CHECKS}. Received: {check!r}.")
    try:
        return _load(Path(path), check)
    except MemoryError as error:
        raise ModelError(
            "A model must fit the memory of this computer; the file may be damaged. "
            f"Received: `{path}`."
        ) from error


def element_types(path: str | os.PathLike[str]) -> list[list[str]]:
    """The element types of a file's inputs, and of its outputs, by ONNX's names."""
    model = read_onnx(Path(path))
    return [[info.kind for info in group] for group in (model.inputs, model.outputs)]


def _load(path: Path, check: str | None) -> Network:
    model = read_onnx(path)
    lowered = lower(model)
    runner = Runner(model, lowered)
    network = Network(
        lowered.graph,
        runner.predict,
        model.name,
        "onnx",
        lowered.layers,
        probe=runner.probe,
        plain=lowered.plain,
        places=lowered.places,
        bypassed=lowered.bypassed,
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
            "The graph was compared with the reference evaluation of `onnx`, which misreads some "
            f"operators of old operator sets; with `onnxruntime` installed that is used. {error}"
        ) from error
