"""Fault injection on clusters: no verdict and no bound may be lost or wrong.

    python benchmarks/faults.py --runs 50
    python benchmarks/faults.py --runs 5 --only scheduler
    python benchmarks/faults.py --runs 5 --threads 4         nodes of several cores

Every run starts its own Dask cluster (a scheduler and two workers with their nannies, each a
process), asks for one hard range and a list of properties, and meanwhile causes one of these
faults:

kill       a worker gets SIGKILL, again and again, at random moments
scheduler  the scheduler gets SIGKILL, and comes back on the same port with new workers
hang       a worker is stopped (SIGSTOP), so that it is alive but silent
disk       writing a checkpoint fails for lack of space
version    the workers have another version of outrange: the call must refuse, by name

At every progress report, the bounds must enclose the range that one process computes. The final
answer must be that range, and every property must have its verdict. The script prints the number of
boxes bounded, next to that of one process, since only the work in progress may be repeated.
"""

import argparse
import errno
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from distributed import Client

import outrange
from cases import data_folder
from outrange.executors.worker_cache import WrongVersion
from outrange.search.spread import checkpoint, search as spread


KINDS = ("kill", "scheduler", "hang", "disk", "version")

QUICK = 15.0
"""Seconds after which a task counts as hung; the usual two minutes would be lost in each run."""

KILLS = 5
"""Number of workers killed in a run. With more, workers on a slow machine would only start and
die."""

TOL = 1e-2


class Cluster:
    """A scheduler and two workers, as separate processes on one port.

    Args:
        threads: Number of threads of each worker, like the cores of a node.
    """

    def __init__(self, threads):
        self.threads = str(threads)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()
        self.processes = []
        self.start()
        self.client = Client(self.address, timeout=60, set_as_default=False)
        self.client.wait_for_workers(2, timeout=120)

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.port}"

    def start(self):
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self._dask("scheduler", *where)
        for _ in range(2):
            self._dask("worker", self.address, "--nthreads", self.threads, "--no-dashboard")

    def _dask(self, *arguments):
        command = [sys.executable, "-m", "dask", *arguments]
        quiet = subprocess.DEVNULL
        started = subprocess.Popen(command, cwd=self.folder.name, stdout=quiet, stderr=quiet)
        self.processes.append(started)
        return started

    def workers(self):
        with suppress(Exception):
            return list(self.client.run(os.getpid, on_error="ignore").values())
        return []

    def restart_scheduler(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes.clear()
        time.sleep(0.5)
        self.start()

    def close(self):
        with suppress(Exception):
            self.client.close(timeout=5)
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        self.folder.cleanup()


class Breaker(threading.Thread):
    """A thread that causes one kind of fault while a question is asked."""

    def __init__(self, kind, cluster, seed):
        super().__init__(daemon=True)
        self.kind, self.cluster, self.rng = kind, cluster, random.Random(seed)
        self.over, self.done = threading.Event(), 0

    def run(self):
        while not self.over.wait(self.rng.uniform(0.3, 2.5)):
            if self.kind == "kill" and self.done < KILLS:
                self._signal(signal.SIGKILL)
                self.over.wait(3.0)  # a worker takes as long to start
            elif self.kind == "hang" and not self.done:
                self._signal(signal.SIGSTOP)
            elif self.kind == "scheduler" and not self.done:
                self.cluster.restart_scheduler()
                self.done += 1

    def _signal(self, what):
        found = self.cluster.workers()
        if found:
            with suppress(ProcessLookupError):
                os.kill(self.rng.choice(found), what)
                self.done += 1


def other_version():
    from outrange.executors import worker_cache

    worker_cache.VERSION = "0.0.9"


def asked_of(executor, network, listed, watched, folder):
    """Return the range and the verdicts."""
    rows = [[1.0] + [0.0] * (network.graph.outputs[0].size - 1)]
    with outrange.workers(executor, resume=folder):
        found = outrange.output_range(
            network, (0, 1), tol=TOL, solver=False, rows=rows, progress=watched
        )
        return found, [r.verdict for r in outrange.verify_all(listed, each=60)]


def one_run(kind, seed, threads, network, listed, alone, verdicts):
    """Run once; print a line with the faults and whether the answers are right."""
    cluster, reports = Cluster(threads), []
    breaker = Breaker(kind, cluster, seed)
    begin = time.perf_counter()
    try:
        if kind == "version":
            cluster.client.run(other_version)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            savez = np.savez
            if kind == "disk":
                checkpoint.EVERY = 0.2
                checkpoint.np.savez = no_space
            breaker.start()
            try:
                found, said = asked_of(
                    cluster.client, network, listed, reports.append, Path(folder)
                )
            except WrongVersion as refused:
                return kind == "version" and "0.0.9" in str(refused), "refused by name"
            finally:
                checkpoint.np.savez = savez
    finally:
        breaker.over.set()
        breaker.join(30)
        cluster.close()
    slack = 1e-9 * (1 + abs(alone.hi - alone.lo).max())
    valid = all(
        (r.lo <= alone.seen_lo + slack).all() and (r.hi >= alone.seen_hi - slack).all()
        for r in reports
    )
    same = found.is_exact and np.allclose(
        found.lo, alone.lo, atol=2 * TOL * np.ptp([alone.lo, alone.hi])
    )
    right = said == verdicts
    more = found.cost.boxes / alone.cost.boxes
    told = (
        f"harmed {breaker.done}, {len(reports)} reports, boxes x {more:.2f}, "
        f"{time.perf_counter() - begin:.1f} s"
    )
    return valid and same and right and kind != "version", told


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="Of each worker.")
    parser.add_argument("--net", default="mlp_8_64")
    options = parser.parse_args()
    spread.HANGS = QUICK
    network = outrange.load(data_folder() / "mlp" / f"{options.net}.onnx")
    acas = data_folder() / "acasxu"
    nets = [f"1_{k}" for k in range(1, 4)]
    listed = [
        (acas / f"onnx/ACASXU_run2a_{net}_batch_2000.onnx.gz", acas / f"vnnlib/prop_{p}.vnnlib.gz")
        for net in nets for p in (3, 4)
    ]  # fmt: skip
    alone, verdicts = asked_of(None, network, listed, False, None)
    print(f"one process: {alone.cost.boxes:,} boxes; {', '.join(verdicts)}", flush=True)
    bad = 0
    for run in range(options.runs):
        kind = options.only or KINDS[run % len(KINDS)]
        seed = options.seed + run
        well, told = one_run(kind, seed, options.threads, network, listed, alone, verdicts)
        bad += not well
        print(
            f"{run:3d} {kind:10s} {'as it should be' if well else 'WRONG':15s} {told}", flush=True
        )
    print(f"{options.runs} runs, {bad} wrong")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
