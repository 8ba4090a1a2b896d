"""An internal error of one search of a closed loop does not affect the proofs of the other."""

import numpy as np
import pytest

from outrange import ControlLoop, closed_loop, x
from outrange.core import InternalErrorWarning


PLACES = [
    "outrange.reach.tubes.Tubes.advance",
    "outrange.reach.tubes.Tubes._settle",
    "outrange.reach.loop_search.bound_pipe",
]


@pytest.mark.parametrize("place", PLACES)
def test_the_remaining_search_decides(place, monkeypatch):
    def broken(*_args):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(place, broken)
    with pytest.warns(InternalErrorWarning, match="ZeroDivisionError"):
        answer = closed_loop(
            ControlLoop(lambda x: [-x[0]], lambda x, u: [x[0] + 0.5 * u[0]], ([-1.0], [1.0])),
            steps=3,
            spec=(x[0] <= 1.01).always(),
            time_limit=60,
        )
    pipe = answer.pipe
    assert answer.status == "HOLDS"
    assert (pipe.lo <= pipe.seen_lo).all() and (pipe.seen_hi <= pipe.hi).all()
    np.testing.assert_array_less(pipe.hi[:, 0], 1.01)  # by the remaining search
