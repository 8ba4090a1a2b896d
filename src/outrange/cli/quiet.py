"""Suppression of the logs and warnings that frameworks write to stderr.

Compiled code (XLA, TensorFlow, CUDA) writes to the file descriptor of stderr and ignores Python's
settings. So the descriptor is redirected to the null device, and `sys.stderr` keeps the original
target. `OUTRANGE_DEBUG=1` shows all output.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import RelaxedSetWarning


NOISY = ("absl", "h5py", "jax", "keras", "matplotlib", "onnxruntime", "tensorflow", "torch")
"""Names of the framework loggers that are restricted to errors."""

STDERR = 2

PACKAGE_ROOT = str(Path(__file__).parents[1])


@contextmanager
def without_logs() -> Iterator[None]:
    """Suppress the logs and warnings of frameworks on stderr within the `with` block.

    If `OUTRANGE_DEBUG` is set, nothing is suppressed.
    """
    if os.environ.get("OUTRANGE_DEBUG"):
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with ExitStack() as undo:
        for name in NOISY:
            logger = logging.getLogger(name)
            undo.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        undo.enter_context(warnings.catch_warnings())
        # `catch_warnings` restores `showwarning`.
        warnings.showwarning = _show_warning
        undo.enter_context(_redirect_stderr())
        yield


def _show_warning(message: Any, category: Any, filename: str, *_: Any) -> None:
    """Print a `UserWarning` of this library as one line; ignore all other warnings."""
    # A warning about an argument names the caller's file instead of this library's.
    is_ours = filename.startswith(PACKAGE_ROOT) or issubclass(category, RelaxedSetWarning)
    if is_ours and issubclass(category, UserWarning):
        print(f"outrange: {' '.join(str(message).split())}", file=sys.stderr)


@contextmanager
def _redirect_stderr() -> Iterator[None]:
    """Redirect the descriptor of stderr to the null device; let `sys.stderr` keep its target.

    Do nothing if `sys.stderr` does not write to this descriptor, as under a test runner.
    """
    try:
        is_plain = isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr.fileno() == STDERR
        original = os.dup(STDERR) if is_plain else None
    except (OSError, ValueError):
        original = None
    if original is None:
        yield
        return
    before = sys.stderr
    before.flush()
    replacement = os.fdopen(
        os.dup(original), "w", buffering=1, encoding=before.encoding, errors="replace", newline=None
    )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    os.close(nowhere)
    sys.stderr = replacement
    try:
        yield
    finally:
        sys.stderr = before
        replacement.close()
        os.dup2(original, STDERR)
        os.close(original)
