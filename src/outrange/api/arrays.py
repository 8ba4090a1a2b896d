"""The public function `use_torch`, which lets searches compute with PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from ..core import InputError


@contextmanager
def use_torch(device: str = "cpu", dtype: str = "float32") -> Iterator[None]:
    """Compute with PyTorch inside a `with` block, on a GPU for example.

    PyTorch takes over the most expensive part of the search on networks with many inputs: gradient
    ascent on relaxation slopes and Lagrange multipliers (alpha-beta-CROWN), batched over many
    sub-problems. NumPy then recomputes every bound in float64 from the result. NumPy still handles
    values that overflow, and networks with activations other than (leaky) ReLU or more than 2^26
    weights. It also handles networks with so few inputs that the search splits inputs instead of
    neurons.

    The choice is local to the current context (`contextvars`): other threads and asynchronous tasks
    are not affected. PyTorch itself uses one CPU thread in the whole process until the block ends.

    Args:
        device: Device name in PyTorch: `"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`.
        dtype: `"float32"` (faster) or `"float64"`.

    Returns:
        A context manager.

    Raises:
        InputError: The device is not available, or `dtype` is not one of the two types.
        ModelError: PyTorch is not installed.

    Example:
        >>> import keras
        >>> from contextlib import nullcontext
        >>> from importlib.util import find_spec
        >>> from outrange import output_range, use_torch
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> with use_torch("cpu") if find_spec("torch") else nullcontext():
        ...     output_range(model, (0, 1))
        Range(lo=[0.], hi=[2.], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: yes, regardless of what the device computes: NumPy proves every bound.
    Complete: as without `use_torch`.
    Cost: as without `use_torch`, at the speed of the device.

    Reference: Xu et al., *Fast and complete* (alpha-CROWN), ICLR 2021; Wang et al., *Beta-CROWN*,
    NeurIPS 2021, for batched ascent on such devices.
    """
    from ..frontends.torch.api import torch
    from ..search.neuron_split import ascent_backend as arrays
    from ..search.neuron_split.torch_backend.alpha_beta import TorchBackend
    from ..search.neuron_split.torch_backend.relaxed_net import TensorPlacement

    t = torch()
    if dtype not in ("float32", "float64"):
        raise InputError(f"`dtype` must be 'float32' or 'float64'. Received: {dtype!r}.")
    try:
        place = t.device(device)
        float(t.ones(1, device=place, dtype=getattr(t, dtype)) + 1)
    except (RuntimeError, AssertionError, TypeError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(
            "`device` must be a device that PyTorch finds on this machine and that supports "
            f"{dtype}. Received: {device!r} ({first})."
        ) from error
    with arrays.choose(TorchBackend(TensorPlacement(t, place, getattr(t, dtype)))), _one_thread(t):
        yield


_inside: list[int] = []


@contextmanager
def _one_thread(t: ModuleType) -> Iterator[None]:
    """Limit PyTorch to one CPU thread within the `with` block.

    The other cores are left to the search's own threads.
    """
    _inside.append(_inside[0] if _inside else t.get_num_threads())
    t.set_num_threads(1)
    try:
        yield
    finally:
        before = _inside.pop()
        if not _inside:  # The last block to end restores the number, in whatever order they began.
            t.set_num_threads(before)
