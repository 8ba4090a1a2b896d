"""Other methods for ranges: HiGHS on the mixed-integer encoding, Marabou by bisection, and samples.

Each runs in a separate process that is killed when its time is over; reading the model and starting
up do not count. A rival reports every bound that it finished as `(output, sign, bound, value)`.
"""

import gzip
import multiprocessing
import os
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


MARABOU_TOLERANCE = 0.01
"""Tolerance at which the bisection stops, relative to the range attained."""


@dataclass
class Run:
    """The results of a rival within its time limit.

    Args:
        ends: Finished bounds, in order: `(output, sign, bound, value)`.
        seconds: Seconds until the last bound was finished, or the limit.
        finished: Whether it finished all bounds.
        note: A description of a failure; empty if there was none.
    """

    ends: list = field(default_factory=list)
    seconds: float = 0.0
    finished: bool = False
    note: str = ""


def capped(rival, case, outputs: int, seconds: float, ends: int | None = None) -> Run:
    """Run a rival in a new process for at most `seconds` of work.

    The rival has finished after `ends` bounds, by default two for each output.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    arguments = (rival, case, outputs, seconds, there)
    process = context.Process(target=_work, args=arguments, daemon=True)
    process.start()
    there.close()
    run = Run(seconds=seconds)
    begun = None
    while True:
        # Start-up has a separate limit, and a solver may check its clock late.
        patience = 120.0 if begun is None else begun + seconds + 5.0 - time.perf_counter()
        if patience <= 0 or not here.poll(patience):
            run.note = run.note or "ended at the cap"
            break
        try:
            kind, value = here.recv()
        except EOFError:
            run.note = run.note or "its process died"
            break
        if kind == "begin":
            begun = time.perf_counter()
        elif kind == "end":
            run.ends.append(value)
        elif kind == "error":
            run.note = value
        else:
            run.finished = len(run.ends) == (2 * outputs if ends is None else ends)
            run.seconds = value if run.finished else seconds
            break
    process.terminate()
    process.join(5)
    if process.is_alive():
        process.kill()
    return run


def _work(rival, case, outputs, seconds, pipe):
    # Hide the rival's output.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        ask = rival(case, outputs)
        pipe.send(("begin", None))
        begin = time.perf_counter()
        for end in ask(lambda: seconds - (time.perf_counter() - begin)):
            pipe.send(("end", end))
        pipe.send(("done", time.perf_counter() - begin))
    except Exception:
        pipe.send(("error", traceback.format_exc(limit=2).strip().splitlines()[-1]))
        pipe.send(("done", seconds))


def highs(case, outputs: int):
    """Return HiGHS on our mixed-integer encoding, with big-M constants from our root bounds."""
    import outrange
    from outrange.core import Box
    from outrange.domains import bounds
    from outrange.search.milp.encoding import Encoding

    graph = outrange.load(case.path).graph

    def ask(left):
        ends = [(lo[0], hi[0]) for lo, hi in bounds(graph, case.lo[None], case.hi[None])]
        encoding = Encoding(graph, Box(case.lo, case.hi), ends)
        for output in range(outputs):
            for sign in (1, -1):
                row = np.zeros(outputs)
                row[output] = sign
                found = encoding.minimize(row, time_limit=max(left(), 0.01))
                if not found.optimal:
                    return
                value = graph.run(found.at[None])[0, output]
                yield output, sign, sign * found.lower, value

    return ask


def marabou(case, outputs: int):
    """Return Marabou, which bisects on "can it be larger than t?" to 1 % of the range attained."""
    from maraboupy import Marabou

    path = case.path
    if path.suffix == ".gz":
        with tempfile.NamedTemporaryFile(suffix=".onnx", delete=False) as plain:
            plain.write(gzip.decompress(path.read_bytes()))
        path = Path(plain.name)
    network = Marabou.read_onnx(str(path))
    inputs = np.concatenate([np.ravel(v) for v in network.inputVars])
    variables = np.ravel(network.outputVars[0])
    for variable, lo, hi in zip(inputs, case.lo, case.hi, strict=True):
        network.setLowerBound(variable, float(lo))
        network.setUpperBound(variable, float(hi))
    rng = np.random.default_rng(0)
    points = rng.uniform(case.lo, case.hi, (1000, case.lo.size)).astype(np.float32)

    def evaluate(point):
        shaped = [np.reshape(point, np.shape(network.inputVars[0])).astype(np.float32)]
        return np.ravel(network.evaluateWithoutMarabou(shaped)[0])

    seen = np.stack([evaluate(point) for point in points])

    def beyond(output, sign, threshold, seconds):
        """Return the value at a point beyond the threshold; None if there is no such point."""
        variable = variables[output]
        store, other = network.lowerBounds, network.upperBounds
        if sign < 0:
            store, other = other, store
        other.pop(variable, None)
        store[variable] = float(sign * threshold)
        options = Marabou.createOptions(verbosity=0, timeoutInSeconds=max(int(seconds), 1))
        verdict, values, _ = network.solve(verbose=False, options=options)
        store.pop(variable, None)
        if verdict == "unsat":
            return None
        if verdict != "sat":
            raise TimeoutError(verdict)
        return sign * values[variable]

    def ask(left):
        for output in range(outputs):
            for sign in (-1, 1):
                own = sign * seen[:, output]
                best, step = own.max(), MARABOU_TOLERANCE * np.ptp(own)
                room, closed = step, None
                while closed is None or closed - best > step * 1.001:
                    threshold = best + room if closed is None else 0.5 * (best + closed)
                    try:
                        found = beyond(output, sign, threshold, left())
                    except TimeoutError:
                        return
                    if found is None:
                        closed = threshold
                    else:
                        best, room = max(best, found, threshold), 2 * room
                yield output, -sign, sign * closed, sign * best

    return ask


def samples(case, outputs: int, count: int = 1_000_000):
    """Return the least and largest outputs at `count` random inputs, and the seconds."""
    import outrange

    network = outrange.load(case.path)
    shape = network.graph.inputs[0].shape
    box = (case.lo.reshape(shape), case.hi.reshape(shape))
    begin = time.perf_counter()
    found = outrange.sample_range(network, box, samples=count)
    return found.lo.ravel(), found.hi.ravel(), time.perf_counter() - begin
