"""The time budget of a callback, as a share of the training time.

Spending is counted in processor time. The budget grows with the smaller of wall and processor time:
on a busy computer wall time passes without work, and on many cores processor time exceeds wall
time.
"""

from ..core.clock import read_clock, read_processor_clock


COMPARISON, OF_FIRST, LONG = 0.02, 0.1, 5.0
"""Estimated time of a comparison with the model, besides the time of reading: a minimum in seconds,
a share of the first epoch (since both compile), and the longest first epoch that counts.
"""

LOOK, GLANCE = 3.0, 0.75
"""Estimated time of a first measurement with linear bounds and with intervals, in multiples of the
reading time (1.4 to 4 and 0.3 to 1 for networks of 5 to 150 operations).
"""

RESERVE = 0.2
"""Part of the share kept in reserve, because measurements slow down other code through caches and
additional log entries. The last interval measurement may use it.
"""

CHEAP = 0.01
"""Seconds that an interval measurement after the last epoch may take regardless of the share."""


class TimeShare:
    """Time budget of a callback; its clock starts with its construction.

    Args:
        share: Share of the training time, up to 1; 1 means no limit.
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
        """Count the time so far as the time of reading the model."""
        self.spent = self.reading = _now()[1] - self.begun[1]
        self.look = LOOK * self.reading

    def has_ended(self, epoch: int) -> None:
        """Record the end of an epoch.

        Args:
            epoch: Its index from 0; a resumed training does not begin with 0.
        """
        now = self.elapsed
        self.last_epoch, self.before = max(0.0, now - self.before), now
        self.first = self.first or self.last_epoch
        self.ended, self.epoch = self.ended + 1, epoch

    def has_measured(self, start: float, *, usual: bool = True) -> None:
        """Record the end of a measurement.

        Args:
            start: Its start time, from `core.clock.read_processor_clock`.
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
        """Seconds since the start, in wall or processor time, whichever is less."""
        return min(now - then for now, then in zip(_now(), self.begun, strict=True))

    @property
    def to_come(self) -> float:
        """Estimated seconds of the remaining epochs."""
        if self.ended < 2 or self.epoch is None:  # the first epoch compiles, the others do not
            return 0.0
        return max(0, self.epochs - self.epoch - 1) * self.last_epoch

    @property
    def comparison(self) -> float:
        """Estimated seconds of a comparison with the model."""
        return max(COMPARISON, OF_FIRST * min(self.first, LONG)) + self.reading

    def pays(self, seconds: float, later: float = 0.0, *, reserve: float = RESERVE) -> bool:
        """Return whether the budget allows some more seconds.

        Args:
            seconds: The additional seconds of processor time.
            later: Seconds of future training that already count toward the budget.
            reserve: Part of the share that must not be used.
        """
        share = (1.0 - reserve) * self.share
        return self.share == 1.0 or self.spent + seconds <= share * (self.elapsed + later)

    def allows_comparison(self) -> bool:
        """Return whether there is time for a comparison with the model and a measurement."""
        return self.pays(self.comparison + self.look)

    def allows_measurement(self, compared: bool, *, last: bool = False) -> bool:
        """Return whether there is time for a measurement.

        The first measurement may be paid by half of the remaining epochs, since a training may be
        stopped early. After it, time is saved for the comparison if the training is long enough.

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
        """Return whether there is time for a last measurement with intervals."""
        needed = GLANCE * self.reading
        return needed <= CHEAP or self.pays(needed, reserve=0.0)

    def explain_missing(self) -> str:
        """Explain in seconds why nothing was measured."""
        return (
            f"RangeMonitor had no time to measure: reading the model took {self.reading:.2g} s and "
            f"a measurement takes about {self.look:.2g} s, while {100 * self.share:.3g} % of this "
            f"training is only {self.share * self.elapsed:.2g} s. Its numbers are NaN. Pass "
            "`share=1` to measure after every epoch."
        )


def _now() -> tuple[float, float]:
    """Return wall and processor time."""
    return read_clock(), read_processor_clock()
