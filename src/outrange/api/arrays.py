"""Public choice of the arrays that searches compute on: `use_torch`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core import InputError


@contextmanager
def use_torch(device: str = "cpu", dtype: str = "float32") -> Iterator[None]:
    """Compute with PyTorch while the context lasts: on a GPU, or in float32.

    It takes over the largest part of the work on networks of many inputs: the ascent on slopes and
    multipliers of many sub-problems at once. What that finds is proved by NumPy in float64, every
    rounding paid, so answers are as sound as without, and with `dtype="float64"` the same but for
    rounding. Networks with other curves than (leaky) ReLU, of few inputs, or of more than 2^26
    weights are computed as without, and so is what overflows.

    The choice holds in all threads.

    Args:
        device: As PyTorch names it: `"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`.
        dtype: `"float32"` (faster) or `"float64"`.

    Returns:
        A context manager.

    Raises:
        InputError: The device is not there, or the type is another one.
        ModelError: PyTorch is not installed.

    Example:
        >>> import outrange
        >>> with outrange.use_torch(device="cpu"):          # doctest: +SKIP
        ...     outrange.verify("images.onnx", "robust.vnnlib")

    Sound: yes, whatever the device computes. Complete: as without. Cost: as without, at the
    device's speed.

    Reference: K. Xu et al., *Fast and Complete* (alpha-CROWN), ICLR 2021, for ascent in batches on
    such devices.
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
def _one_thread(t) -> Iterator[None]:
    """The search has threads of its own; PyTorch's would fight them over the cores."""
    _inside.append(_inside[0] if _inside else t.get_num_threads())
    t.set_num_threads(1)
    try:
        yield
    finally:
        before = _inside.pop()
        if not _inside:  # The last to leave, whoever came first.
            t.set_num_threads(before)
