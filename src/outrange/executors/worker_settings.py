"""Process settings of a worker, which are set once for all its tasks.

Without these settings, Dask workers needed 6.3 s of processor time for 3.5 s of work. Dask's nanny
starts workers with `MALLOC_TRIM_THRESHOLD_` set. This also prevents glibc from raising the size
above which it maps an allocation separately. Every large array is then returned to the system when
it is freed, and the next large array causes a page fault for each of its pages. A BLAS with several
threads occupies the cores of the other workers.
"""

from __future__ import annotations

import ctypes
import os
import socket
from functools import cache

from threadpoolctl import threadpool_limits


TRIM, MAP = -1, -3
"""The numbers by which glibc identifies the settings `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD`."""

MAPPED = 32 << 20
"""Size in bytes at or above which an allocation is mapped separately: the maximum that glibc
accepts."""

TRIMMED = 256 << 20
"""Number of free bytes at the top of the heap above which they are returned to the system."""


def process_name() -> str:
    """Return a name that identifies this process by its machine and its process ID."""
    return f"{_machine()}-{os.getpid()}"


@cache
def _machine() -> str:
    return socket.gethostname()


@cache
def configure_worker() -> None:
    """Keep freed memory in the process, and limit BLAS to one thread.

    The settings last until the process ends, so only worker processes may call this function.
    """
    threadpool_limits(1, user_api="blas")
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # not glibc
        return
    set_option(MAP, MAPPED)
    set_option(TRIM, TRIMMED)
