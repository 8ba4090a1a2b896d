"""A question ends early where nobody waits for its answer."""

import threading

import pytest

from outrange.core import Clock, OutOfTime, check_deadline, check_stopped, no_deadline, stopped_by
from outrange.questions.output_range import output_range
from questions.nets import dense_net


def test_a_set_flag_is_a_deadline_that_has_passed():
    flag = threading.Event()
    with stopped_by(flag):
        clock = Clock(None)
        check_deadline()
        check_stopped()
        assert not clock.expired
        flag.set()
        assert clock.expired
        assert clock.left == 0
        for check in (check_deadline, check_stopped):
            with pytest.raises(OutOfTime):
                check()
        with no_deadline():
            check_deadline()
    check_deadline()


def test_a_long_search_stops_for_the_flag():
    net, flag = dense_net([12, 60, 60, 60, 2], ["relu", "relu", "relu", None]), threading.Event()
    events = []

    def hear(now):
        events.append(flag.is_set())
        flag.set()

    with stopped_by(flag), pytest.raises(OutOfTime):
        output_range(net, (-1, 1), time_limit=600, progress=hear)
    assert events.count(True) <= 1  # the report of how it ended
