"""Progress of closed loops: a margin that nothing had proved."""

import outrange
from outrange import x


def reports(**options):
    """Ask about a loop whose initial set has to be split; return the progress that it reports."""
    heard = []
    outrange.closed_loop(
        lambda x: [-abs(x[0])], lambda x, u: [0.9 * x[0] + u[0] * x[0]], ([-0.5], [0.5]),
        steps=2, spec=(x[0] <= 0.6).always(), progress=heard.append, **options,
    )  # fmt: skip
    return heard


def test_no_margin_while_boxes_wait():
    """It was 0, which decides, as long as no box was closed."""
    heard = reports()
    assert heard and all(now.margin is None for now in heard if now.open)


def test_no_margin_in_continuous_time():
    """It was minus infinity until the verdict."""
    assert all(now.margin is None for now in reports(dt=0.1, time_limit=2))
