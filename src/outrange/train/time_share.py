"""How much of the time of a training a callback may spend.

What is spent is processor time. What is earned is the less of wall and processor time: on a busy
computer a training that is interrupted lasts long without doing more, and on many cores it does
much in a short time.
"""

from ..core.clock import read_clock, read_processor_clock


COMPARISON, OF_FIRST, LONG = 0.02, 0.1, 5.0
"""Seconds that a comparison with the model is taken to need at least, besides the time of reading:
both compile, so a share of the first epoch, up to an epoch of so many seconds.
"""

LOOK, GLANCE = 3.0, 0.75
"""What a first look by lines, and a glance by intervals, is taken to need: so many times the time
of reading (1.4 to 4, and 0.3 to 1, of networks of 5 to 150 operations).
"""

RESERVE = 0.2
"""Part of the share that is not planned with: what looks push out of caches, and what is done with
more numbers in the logs, costs time elsewhere. The last glance may take it.
"""

CHEAP = 0.01
"""Seconds that a glance after the last epoch may take whatever the share: nobody notices them."""


class TimeShare:
    """Keeps a callback below a share of the training's time; its clock starts when it is made.

    Args:
        share: The share; 1 for no limit.
        epochs: How many are planned.
    """

    def __init__(self, share: float, epochs: int) -> None:
        self.share, self.epochs = share, epochs
        self.begun = _now()
        self.before = 0.0
        self.spent = self.reading = self.look = self.first = self.last_epoch = 0.0
        self.ended, self.measured = 0, False
        self.epoch: int | None = None

    # ---- what has happened ------------------------------------------------------------------

    def has_read(self) -> None:
        """What was done so far was reading the model."""
        self.spent = self.reading = _now()[1] - self.begun[1]
        self.look = LOOK * self.reading

    def has_ended(self, epoch: int) -> None:
        """An epoch has ended.

        Args:
            epoch: Which, from 0; not the first of this training where it goes on from an earlier.
        """
        now = self.elapsed
        self.last_epoch, self.before = max(0.0, now - self.before), now
        self.first = self.first or self.last_epoch
        self.ended, self.epoch = self.ended + 1, epoch

    def has_measured(self, start: float, *, usual: bool = True) -> None:
        """Count a measurement.

        Args:
            start: When it began, by `core.clock.read_processor_clock`.
            usual: Whether others will take about as long.
        """
        taken = read_processor_clock() - start
        self.spent += taken
        self.measured = True
        if usual:
            self.look = taken

    # ---- what is allowed --------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning, of wall or processor time: the less."""
        return min(now - then for now, then in zip(_now(), self.begun, strict=True))

    @property
    def to_come(self) -> float:
        """Seconds that the epochs still planned will take."""
        if self.ended < 2 or self.epoch is None:  # the first epoch compiles, the others do not
            return 0.0
        return max(0, self.epochs - self.epoch - 1) * self.last_epoch

    @property
    def comparison(self) -> float:
        """Seconds that a comparison with the model may need."""
        return max(COMPARISON, OF_FIRST * min(self.first, LONG)) + self.reading

    def pays(self, seconds: float, later: float = 0.0, *, reserve: float = RESERVE) -> bool:
        """Whether the share has room for so many seconds more.

        Args:
            seconds: How many.
            later: Seconds of training still to come that count as well.
            reserve: Part of the share that is left alone.
        """
        share = (1.0 - reserve) * self.share
        return self.share == 1.0 or self.spent + seconds <= share * (self.elapsed + later)

    def allows_comparison(self) -> bool:
        """Whether there is time to compare what was read with the model, and to look then."""
        return self.pays(self.comparison + self.look)

    def allows_measurement(self, compared: bool, *, last: bool = False) -> bool:
        """Whether there is time for a measurement.

        The first may be paid later, by half of what is to come: a training may be stopped early.
        After it, time is saved for the comparison if the training is long enough for one.

        Args:
            compared: Whether what was read has been compared with the model.
            last: Whether no epoch is to come, whatever was planned.
        """
        if last:
            return self.pays(self.look)
        if not self.measured:
            return self.pays(self.look, 0.5 * self.to_come)
        if not compared and self.pays(self.comparison + self.look, self.to_come):
            return False
        return self.pays(self.look)

    def allows_glance(self) -> bool:
        """Whether there is time for the cheapest measurement, after which no other comes."""
        needed = GLANCE * self.reading
        return needed <= CHEAP or self.pays(needed, reserve=0.0)

    def told(self) -> str:
        """Why nothing was measured, in the user's numbers."""
        return (
            f"RangeMonitor had no time to look: reading the model took {self.reading:.2g} s and a "
            f"look takes about {self.look:.2g} s, while {100 * self.share:.3g} % of this training "
            f"are {self.share * self.elapsed:.2g} s. Its numbers are NaN. "
            "`RangeMonitor(..., share=1)` looks after every epoch."
        )


def _now() -> tuple[float, float]:
    """Wall and processor time."""
    return read_clock(), read_processor_clock()
