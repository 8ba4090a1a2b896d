"""Process settings of a worker, set once for all its tasks.

Workers of Dask needed 6.3 s of processor time without them for 3.5 s of work. Dask's nanny starts
workers with `MALLOC_TRIM_THRESHOLD_` set. That also keeps glibc from raising the size from which
it maps memory anew: every large array is returned to the system when it is freed, and faults in
page by page when the next one is made. A BLAS with several threads takes the cores of the other
workers.
"""

from __future__ import annotations

import ctypes
import os
import socket
from functools import cache

from threadpoolctl import threadpool_limits


TRIM, MAP = -1, -3
"""glibc's numbers of the two settings, `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD`."""

MAPPED = 32 << 20
"""Bytes at or above which an allocation is mapped separately: the maximum that glibc accepts."""

TRIMMED = 256 << 20
"""Free bytes at the end of a heap above which they are returned to the system."""


def process_name() -> str:
    """Return a name of this process that differs on other machines and in its forks."""
    return f"{_machine()}-{os.getpid()}"


@cache
def _machine() -> str:
    return socket.gethostname()


@cache
def configure_worker() -> None:
    """Keep freed memory and limit BLAS to one thread, for good; only for worker processes."""
    threadpool_limits(1, user_api="blas")
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # not glibc
        return
    set_option(MAP, MAPPED)
    set_option(TRIM, TRIMMED)
