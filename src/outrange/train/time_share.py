"""The time budget of a callback, as a fraction of the training time.

The time spent is measured in processor time. The budget grows with wall or processor time,
whichever is less: on a busy computer wall time passes without work, and on many cores processor
time exceeds wall time.
"""

from ..core.clock import read_clock, read_processor_clock


COMPARISON, OF_FIRST, LONG = 0.02, 0.1, 5.0
"""Estimated time to compare the recording with the model, in addition to the reading time: a
minimum in seconds, a fraction of the first epoch (since both compile), and the maximum duration of
the first epoch in that estimate.
"""

LOOK, GLANCE = 3.0, 0.75
"""Estimated time of a first measurement with linear bounds and with intervals, in multiples of the
reading time. For networks of 5 to 150 operations, the measured multiples are 1.4 to 4 and 0.3 to 1.
"""

RESERVE = 0.2
"""Fraction of the budget that is kept in reserve, because measurements slow down other code through
caches and additional log entries. The last interval measurement may use the reserve.
"""

CHEAP = 0.01
"""Seconds that an interval measurement after the last epoch may take regardless of the budget."""


class TimeShare:
    """Time budget of a callback, whose clock starts at construction.

    Args:
        share: Fraction of the training time that may be used, up to 1; 1 means no limit.
        epochs: Number of planned epochs.
    """

    def __init__(self, share: float, epochs: int) -> None:
        self.share, self.epochs = share, epochs
        self.begun = _now()
        self.before = 0.0
        self.spent = self.reading = self.look = self.first = self.last_epoch = 0.0
        self.ended, self.measured = 0, False
        self.epoch: int | None = None

    # ---- events -----------------------------------------------------------------------------

    def has_read(self) -> None:
        """Record that the model has been read.

        All processor time since construction is regarded as the reading time.
        """
        self.spent = self.reading = _now()[1] - self.begun[1]
        self.look = LOOK * self.reading

    def has_ended(self, epoch: int) -> None:
        """Record the end of an epoch.

        Args:
            epoch: Index of the epoch, from 0; resumed training begins with a later index.
        """
        now = self.elapsed
        self.last_epoch, self.before = max(0.0, now - self.before), now
        self.first = self.first or self.last_epoch
        self.ended, self.epoch = self.ended + 1, epoch

    def has_measured(self, start: float, *, usual: bool = True) -> None:
        """Record the end of a measurement.

        Args:
            start: Start time of the measurement, from `core.clock.read_processor_clock`.
            usual: Whether later measurements will take about as long.
        """
        duration = read_processor_clock() - start
        self.spent += duration
        self.measured = True
        if usual:
            self.look = duration

    # ---- permissions ------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, in wall or processor time, whichever is less."""
        return min(now - then for now, then in zip(_now(), self.begun, strict=True))

    @property
    def to_come(self) -> float:
        """Estimated duration of the remaining epochs, in seconds.

        It is 0 until two epochs have ended, since the first one includes compilation.
        """
        if self.ended < 2 or self.epoch is None:  # the first epoch compiles, the others do not
            return 0.0
        return max(0, self.epochs - self.epoch - 1) * self.last_epoch

    @property
    def comparison(self) -> float:
        """Estimated time, in seconds, to compare the recording with the model."""
        return max(COMPARISON, OF_FIRST * min(self.first, LONG)) + self.reading

    def pays(self, seconds: float, later: float = 0.0, *, reserve: float = RESERVE) -> bool:
        """Return whether the budget allows the callback to use some more seconds.

        The result is always True if `share` is 1.

        Args:
            seconds: The additional seconds of processor time.
            later: Seconds of future training that are added to the training time so far.
            reserve: Fraction of the budget that must not be used.
        """
        share = (1.0 - reserve) * self.share
        return self.share == 1.0 or self.spent + seconds <= share * (self.elapsed + later)

    def allows_comparison(self) -> bool:
        """Return whether there is time to compare the recording with the model and then measure."""
        return self.pays(self.comparison + self.look)

    def allows_measurement(self, compared: bool, *, last: bool = False) -> bool:
        """Return whether there is time for a measurement.

        If `last` is true, the budget is computed from the training time so far. Otherwise, before
        the first measurement, half of the estimated duration of the remaining epochs is added to
        this time. The other half is not added, since training may be stopped early. After the first
        measurement, no further one is allowed before the comparison if the remaining epochs will
        provide enough time for the comparison.

        Args:
            compared: Whether the recording has been compared with the model.
            last: Whether no epoch follows, regardless of the plan.
        """
        if last:
            return self.pays(self.look)
        if not self.measured:
            return self.pays(self.look, 0.5 * self.to_come)
        if not compared and self.pays(self.comparison + self.look, self.to_come):
            return False
        return self.pays(self.look)

    def allows_glance(self) -> bool:
        """Return whether there is time for a last measurement with interval arithmetic."""
        needed = GLANCE * self.reading
        return needed <= CHEAP or self.pays(needed, reserve=0.0)

    def explain_missing(self) -> str:
        """Return a message that explains why nothing was measured, with the times in seconds."""
        return (
            f"RangeMonitor had no time to measure: reading the model took {self.reading:.2g} s and "
            f"a measurement takes about {self.look:.2g} s, while {100 * self.share:.3g} % of this "
            f"training is only {self.share * self.elapsed:.2g} s. Its numbers are NaN. Pass "
            "`share=1` to measure after every epoch."
        )


def _now() -> tuple[float, float]:
    """Return the current wall and processor times in seconds."""
    return read_clock(), read_processor_clock()
