"""The number of pieces, time and error of exact reach sets of networks and loops.

Networks have random weights (He) and inputs in [-1, 1]. A loop is a double integrator with a
network that is fitted to a saturated linear law; its row is about the set after the last step. The
script also prints how many of 200 outputs of the network are proved to be in the set, and checks
that none is proved to be outside.

    python benchmarks/reach_sets.py
    python benchmarks/reach_sets.py --acas ACASXU_run2a_1_1_batch_2000.onnx  # set of property 3
"""

import argparse
import time
from itertools import pairwise

import numpy as np

import outrange
from outrange.graph import Builder, Slot
from outrange.questions.common.network import GraphAlone
from outrange.questions.inputs.sets import regions
from outrange.questions.reach_set import reach_set


NETS = ((2, 16, 16, 2), (2, 50, 50, 2), (2, 50, 50, 50, 2), (3, 16, 16, 3), (3, 30, 30, 2),
        (4, 12, 12, 2), (5, 10, 10, 2))  # fmt: skip

STEPS = (5, 10, 20, 50)

ACAS = (
    (-0.303531156, -0.009549297, 0.493380324, 0.3, 0.3),
    (-0.298552812, 0.009549297, 0.5, 0.5, 0.5),
)


def net(sizes: tuple[int, ...]) -> GraphAlone:
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (sizes[0],))])
    (h,) = b.input_values()
    for k, (n, m) in enumerate(pairwise(sizes)):
        weight = np.float32(rng.normal(size=(n, m)) * np.sqrt(2 / n))
        h = b.dense(h, weight, np.float32(0.1 * rng.normal(size=m)))
        h = b.curve("relu", h) if k < len(sizes) - 2 else h
    return GraphAlone(b.finish([h], ["y"]), "-".join(map(str, sizes)))


def row(name, image, outputs, seconds, end="") -> None:
    told = image.contains(outputs)
    yes, no = (int(np.equal(told, side).sum()) for side in (True, False))
    print(f"{name:22} {len(image):8,} {seconds:8.2f} {image.error.max():9.1e} "
          f"{yes:4}/{len(outputs)} {no:3}  {end}", flush=True)  # fmt: skip


def networks() -> None:
    for sizes in NETS:
        one = net(sizes)
        start = time.process_time()
        found = reach_set(one, regions(one.graph.inputs, (-1, 1)), most_pieces=100_000)
        seconds = time.process_time() - start
        points = np.random.default_rng(1).uniform(-1, 1, (200, sizes[0]))
        row(one.name, found.image, one.graph.run(points), seconds, found.status)


def loops() -> None:
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(2, 16)), rng.normal(size=16)
    seen = rng.uniform(-4, 4, (2000, 2))
    wanted = np.clip(seen @ [-0.5, -1.0], -1, 1)
    last = np.linalg.lstsq(np.maximum(seen @ weights + bias, 0), wanted, rcond=None)[0]

    def controller(x):
        return [np.maximum(x @ weights + bias, 0) @ last]

    plant = outrange.linear_plant([[1, 1], [0, 1]], [0.5, 1])
    for steps in STEPS:
        start = time.process_time()
        found = outrange.loop_reach_sets(
            outrange.ControlLoop(controller, plant, ([2, -0.5], [3, 0.5])), steps=steps
        )
        seconds = time.process_time() - start
        run = found.trajectories[:, -1]
        row(f"loop, {steps} steps", found.at(steps), run, seconds, found.status)


def acas(path: str) -> None:
    network = outrange.load(path)
    start = time.process_time()
    found = outrange.reach_set(network, ACAS, most_pieces=1_000_000)
    seconds = time.process_time() - start
    points = np.random.default_rng(1).uniform(*ACAS, (200, 5))
    row("ACAS Xu, property 3", found.image, network.graph.run(points), seconds, found.status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acas", default="", help="a network of ACAS Xu")
    asked = parser.parse_args()
    print(f"{'':22} {'pieces':>8} {'seconds':>8} {'error':>9} attained, not")
    networks()
    loops()
    if asked.acas:
        acas(asked.acas)


if __name__ == "__main__":
    main()
