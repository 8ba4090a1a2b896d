"""`outrange demo`: trains a model and proves the range of its outputs."""

from collections.abc import Callable

import numpy as np

from ...answers.range import Range
from ...answers.render.document import Bar, Interval, Table
from ...answers.render.text import block_lines, entry_names, number
from ...answers.sampled import SampledRange
from ...core.clock import read_clock
from ..exit_codes import EXACT


def demo(echo: Callable[[str], None]) -> int:
    """Train a network on a robot arm's torques; print proved and sampled ranges and a summary."""
    from ..._demo import arm
    from ...api.ranges import output_range, sample_range, summary
    from ...api.read import load
    from ...frontends.keras.api import keras as find_keras

    keras = find_keras()
    echo(
        "A Keras network learns the torques that two motors must apply to move a robot arm, from\n"
        f"{arm.EXAMPLES:,} examples. Inputs: two joint angles, speeds and accelerations. "
        "Training ..."
    )
    start = read_clock()
    model, error = arm.train(keras)
    echo(
        f"Trained in {read_clock() - start:.0f} s on {keras.backend.backend()}; "
        f"mean error {number(round(error, 3))} N m on fresh examples.\n"
    )
    echo(f"Which torques can occur for motions within plus or minus {arm.REACH.tolist()}?\n")
    network = load(model)
    box = (-arm.REACH, arm.REACH)
    answer = output_range(network, box)
    echo(str(answer))
    if answer.model_hi is not None:
        echo(
            f"At the input where {next(iter(answer.outputs))}[0] is "
            f"{'largest' if answer.closed_hi[0] else 'the largest seen'}, the Keras model itself "
            f"returns {answer.model_hi[0]:.6g} (float32).\n"
        )
    sampled = sample_range(network, box)
    echo("Comparison with 100,000 random motions and all corners of the set:\n")
    echo(demo_text(answer, sampled) + "\n")
    echo("Ranges and units of each layer (proved for every motion in the set):\n")
    echo(str(summary(network, box, known=answer)))
    return EXACT


def demo_text(answer: Range, sampled: SampledRange) -> str:
    """Return a table with one row per output: proved range, sampled range, and fraction missed.

    The fraction missed is the part of the attained range that no sample reached. The proved range
    is not used for it, because a bound with a gap may not be attained.
    """
    ends = (*answer.display_bounds(), sampled.lo, sampled.hi, answer.seen_hi - answer.seen_lo)
    rows = []
    for name, *row in zip(entry_names(answer.outputs), *map(np.ravel, ends), strict=True):
        lo, hi, seen_lo, seen_hi, width = map(float, row)
        missed = 1.0 - (seen_hi - seen_lo) / width if width > 0 else 0.0
        share = f"{100 * max(missed, 0.0):.1f} %"
        bar = Bar(lo, hi, seen_lo, seen_hi)
        rows.append((name, Interval(lo, hi), Interval(seen_lo, seen_hi), share, bar))
    title = "can be (proved)" if answer.is_exact else "stays within (proved)"
    head = ("output", title, f"seen in {sampled.samples:,} samples", "missed")
    return "\n".join(block_lines(Table((*head, "light: missed by sampling"), rows, "lrrrl")))
