"""Keeps the logs of frameworks out of answers: what they write on stderr themselves goes nowhere.

Compiled code (XLA, TensorFlow, CUDA) writes on the file descriptor, past every setting of Python.
So that is turned away, and `sys.stderr` goes on to where it led. `OUTRANGE_DEBUG=1` shows it all.
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


NOISY = ("absl", "h5py", "jax", "keras", "matplotlib", "onnxruntime", "tensorflow", "torch")
"""Loggers of frameworks: only their errors are shown."""

STDERR = 2

OWN = str(Path(__file__).parents[1])


@contextmanager
def without_logs() -> Iterator[None]:
    """While it lasts, only this library writes on stderr."""
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
        # `catch_warnings` puts `showwarning` back.
        warnings.showwarning = _shown
        undo.enter_context(_turned_away())
        yield


def _shown(message: Any, category: Any, filename: str, *_: Any) -> None:
    """A warning of this library as one line; those of others are about their own code."""
    if filename.startswith(OWN) and issubclass(category, UserWarning):
        print(f"outrange: {' '.join(str(message).split())}", file=sys.stderr)


@contextmanager
def _turned_away() -> Iterator[None]:
    """The descriptor of stderr leads nowhere, and `sys.stderr` to where it led."""
    try:
        is_plain = isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr.fileno() == STDERR
        kept = os.dup(STDERR) if is_plain else None
    except (OSError, ValueError):
        kept = None
    if kept is None:
        yield
        return
    before = sys.stderr
    before.flush()
    own = os.fdopen(
        os.dup(kept), "w", buffering=1, encoding=before.encoding, errors="replace", newline=None
    )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    os.close(nowhere)
    sys.stderr = own
    try:
        yield
    finally:
        sys.stderr = before
        own.close()
        os.dup2(kept, STDERR)
        os.close(kept)
