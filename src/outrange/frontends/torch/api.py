"""Evaluation of modules, interception of operations, and loading of `.pt2` files.

This is the only module that imports PyTorch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core import ModelError, pip_install


def torch() -> Any:
    """Import and return `torch`.

    Raises:
        ModelError: PyTorch is not installed.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]  # an optional framework
    except ImportError:
        raise ModelError(
            f"This model needs PyTorch, which is not installed. Run {pip_install('torch')}."
        ) from None
    return torch


def dispatch_mode(handle: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    """Return a context that intercepts all operations below the level of automatic differentiation.

    Args:
        handle: Function that is called instead of each operation. Its arguments are the operation,
            the positional arguments and the keyword arguments; it returns the result.
    """
    from torch.utils._python_dispatch import (  # pyright: ignore[reportMissingImports]  # an optional framework
        TorchDispatchMode,
    )

    class Intercepting(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            return handle(func, args, kwargs or {})

    return Intercepting()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and PyTorch's log messages in this context."""
    loggers = [logging.getLogger(name) for name in ("torch.export", "torch._export", "torch")]
    levels = [log.level for log in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in loggers:
            log.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for log, level in zip(loggers, levels, strict=True):
                log.setLevel(level)


@contextlib.contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Put a module in evaluation mode in this context; restore its modes and buffers afterward.

    The mode of an exported program is fixed and stays as it is. Buffers are restored because a
    `forward` may write to them, for example to count calls.
    """
    is_fixed = hasattr(module, "validate_inputs") or type(module).__module__.startswith("torch.fx")
    modes = [] if is_fixed else [(part, part.training) for part in module.modules()]
    buffers = [
        (part, name, buffer, buffer._version, buffer.clone())
        for part in module.modules()
        for name, buffer in part._buffers.items()
        if buffer is not None
    ]
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, was_training in modes:
            part.training = was_training
        for part, name, buffer, version, value in buffers:
            if buffer._version != version:
                with torch().no_grad():
                    buffer.copy_(value)
            part._buffers[name] = buffer


def load_program(path: Path, safe: bool) -> Any:
    """Load the program in a `.pt2` file; if `safe`, only tensors are unpickled.

    Raises:
        ModelError: The file cannot be read.
    """
    t, name = torch(), "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    if safe:
        os.environ[name] = "1"
    try:
        with quiet():
            return t.export.load(os.fspath(path))
    except Exception as error:
        first = str(error).strip().splitlines()[0][:300] if str(error).strip() else ""
        raise ModelError(
            f"`{path.name}` must be a program saved by `torch.export.save`. "
            f"Received: {type(error).__name__}: {first}."
        ) from error
    finally:
        if safe:
            os.environ.pop(name, None)
            if before is not None:
                os.environ[name] = before


def is_program(model: Any) -> bool:
    """Return whether `model` is an exported program."""
    return isinstance(model, torch().export.ExportedProgram)


def input_shapes(program: Any) -> list[tuple[str, tuple, str]]:
    """Return the name, shape (None for a free size) and dtype of each of a program's inputs."""
    inputs = []
    users = set(program.graph_signature.user_inputs)
    for node in program.graph_module.graph.nodes:
        if node.op == "placeholder" and node.name in users:
            value = node.meta["val"]
            shape = tuple(n if isinstance(n, int) else None for n in value.shape)
            inputs.append((node.name, shape, str(value.dtype).removeprefix("torch.")))
    return inputs


def runner(module: Any) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """Return a function that runs a module, or an exported program's module, on arrays.

    The function runs a module in evaluation mode (an exported program's module in its own mode) and
    returns its output tensors as float64 arrays. It raises `ModelError` if PyTorch raises an error.
    """
    t = torch()

    def run(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        tensors = [t.from_numpy(np.ascontiguousarray(p)) for p in parts]
        try:
            with t.no_grad(), quiet(), evaluating(module):
                leaves = t.utils._pytree.tree_leaves(module(*tensors))
        except Exception as error:
            raise ModelError(
                "PyTorch must be able to run the module on inputs of shape "
                f"{', '.join(str(p.shape) for p in parts)}; correct the module or its input "
                f"shape. Received: {type(error).__name__}: {str(error).strip()[:300]}"
            ) from error
        return [x.detach().cpu().double().numpy() for x in leaves if t.is_tensor(x)]

    return run


def floating_type(module: Any) -> str:
    """Return the dtype of the first floating-point parameter or buffer of a module.

    Return `"float32"` if it has none.
    """
    state = (*module.parameters(), *module.buffers())
    kinds = [str(x.dtype).removeprefix("torch.") for x in state if x.is_floating_point()]
    return kinds[0] if kinds else "float32"
