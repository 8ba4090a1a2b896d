"""Public choice of the arrays that searches compute on: `use_torch`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from ..core import InputError


@contextmanager
def use_torch(device: str = "cpu", dtype: str = "float32") -> Iterator[None]:
    """Compute with PyTorch while the context lasts: on a GPU, or in float32.

    PyTorch takes over the largest part of the work on networks of many inputs: the ascent on slopes
    and multipliers (alpha-beta-CROWN) of many sub-problems at once. NumPy computes the bounds anew
    from its result in float64. Networks with activations other than (leaky) ReLU, of few inputs, or
    of more than 2^26 weights stay on NumPy, and so does whatever overflows.

    The choice holds in the current context (`contextvars`): other threads and asynchronous tasks
    of the program compute as before.

    Args:
        device: As PyTorch names it: `"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`.
        dtype: `"float32"` (faster) or `"float64"`.

    Returns:
        A context manager.

    Raises:
        InputError: The device is not there, or the type is another one.
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

    Sound: yes, whatever the device computes: every bound is proved by NumPy.
    Complete: as without.
    Cost: as without, at the device's speed.

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
            f"`device` must be one that PyTorch finds here and that computes in {dtype}. "
            f"Received: {device!r} ({first})."
        ) from error
    with arrays.choose(TorchBackend(TensorPlacement(t, place, getattr(t, dtype)))), _one_thread(t):
        yield


_inside: list[int] = []


@contextmanager
def _one_thread(t: ModuleType) -> Iterator[None]:
    """The search has threads of its own; PyTorch's would fight them over the cores."""
    _inside.append(_inside[0] if _inside else t.get_num_threads())
    t.set_num_threads(1)
    try:
        yield
    finally:
        before = _inside.pop()
        if not _inside:  # The last to leave, whoever came first.
            t.set_num_threads(before)
