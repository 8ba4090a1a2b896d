"""BLAS is limited to one thread, and gets all of them back, for any order of callers."""

import os
import subprocess
import sys
import textwrap

import pytest
from threadpoolctl import threadpool_info


BEGIN = """
import os, threading
import numpy
from threadpoolctl import threadpool_info
from outrange.search.common.parallel import single_blas_thread

def blas():
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")

class Other(threading.Thread):
    "Enters when it is told to, and leaves when it is told to."
    def __init__(self):
        super().__init__()
        self.inside, self.leave, self.out, self.end = (threading.Event() for _ in range(4))
    def run(self):
        with single_blas_thread():
            self.inside.set(); self.leave.wait()
        self.out.set(); self.end.wait()
"""

CASES = {
    "nested": """
        with single_blas_thread():
            with single_blas_thread():
                assert blas() == 1
            assert blas() == 1
    """,
    "an error": """
        try:
            with single_blas_thread():
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
    """,
    "this one first, and it leaves first": """
        other = Other()
        with single_blas_thread():
            other.start(); other.inside.wait()
            assert blas() == 1
        other.leave.set(); other.out.wait()
        assert blas() == 2
        other.end.set(); other.join()
    """,
    "the other first, and it leaves first": """
        other = Other()
        other.start(); other.inside.wait()
        with single_blas_thread():
            assert blas() == 1
            other.leave.set(); other.out.wait()
        assert blas() == 2
        other.end.set(); other.join()
    """,
    "the other first, and it leaves last": """
        other = Other()
        other.start(); other.inside.wait()
        with single_blas_thread():
            pass
        assert blas() == 1
        other.leave.set(); other.out.wait()
        assert blas() == 2
        other.end.set(); other.join()
    """,
    "many": """
        def work():
            for _ in range(200):
                with single_blas_thread():
                    pass
        threads = [threading.Thread(target=work) for _ in range(4)]
        for one in threads: one.start()
        for one in threads: one.join()
    """,
    "a fork meanwhile": """
        if hasattr(os, "fork"):
            other = Other()
            other.start(); other.inside.wait()
            child = os.fork()
            if not child:
                with single_blas_thread():
                    os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            other.leave.set(); other.end.set(); other.join()
    """,
}


@pytest.mark.parametrize("name", CASES)
def test_blas_has_all_its_threads_again(name):
    if not any(pool["user_api"] == "blas" for pool in threadpool_info()):
        pytest.skip("no BLAS that can be limited")
    if len(getattr(os, "sched_getaffinity", lambda _: (0, 1))(0)) < 2:
        pytest.skip("BLAS has one thread on one core")
    code = BEGIN + "assert blas() == 2\n" + textwrap.dedent(CASES[name])
    code += "\nassert blas() == 2\nwith single_blas_thread():\n    assert blas() == 1\n"
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
        env=environment | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
