"""What a process that works for others sets once, for all its tasks.

Found by comparing workers of Dask with and without: 6.3 s of processor time for 3.5 s. Dask's nanny
starts workers with `MALLOC_TRIM_THRESHOLD_` set, which also keeps glibc from raising the size from
which on it maps memory anew: every large array is given back when it is freed, and faults in page
by page when the next one is made. And a BLAS with threads of its own takes the cores of the workers
beside it.
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
"""Bytes from which on memory is mapped anew: the most that glibc takes."""

TRIMMED = 256 << 20
"""Free bytes at the end of a heap that are given back."""


def here() -> str:
    """This process, in terms that tell it from those on other machines, and from a fork of it."""
    return f"{_machine()}-{os.getpid()}"


@cache
def _machine() -> str:
    return socket.gethostname()


@cache
def settle() -> None:
    """Keep freed memory, and BLAS to one thread, from now on; for processes of workers alone."""
    threadpool_limits(1, user_api="blas")
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # not glibc
        return
    set_option(MAP, MAPPED)
    set_option(TRIM, TRIMMED)
