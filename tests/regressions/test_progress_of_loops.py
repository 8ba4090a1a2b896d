"""Progress of closed loops: a margin that nothing had proved."""

import numpy as np

import outrange
from outrange import x


def test_no_margin_while_boxes_wait():
    """It was 0, which decides, as long as no box was closed."""
    events = []
    outrange.closed_loop(
        outrange.ControlLoop(
            lambda x: [-np.maximum(x[0], x[1])],
            lambda x, u: [x[0] + 0.5 * x[1], x[1] + 0.5 * u[0] - 0.3 * x[1] * x[0]],
            ([-0.5, -0.5], [0.5, 0.5]),
        ),
        steps=3,
        spec=(x[0] <= 0.9).always(),
        progress=events.append,
    )
    waiting = [now for now in events if now.open]
    assert waiting and all(now.margin is None for now in waiting)


def test_no_margin_in_continuous_time():
    """It was minus infinity until the verdict."""
    events = []
    outrange.closed_loop(
        outrange.ControlLoop(lambda x: [-x[0]], lambda x, u: [u[0]], ([-0.5], [0.5]), dt=0.1),
        steps=2,
        spec=(x[0] <= 0.6).always(),
        progress=events.append,
    )
    assert events and all(now.margin is None for now in events)
