"""How much of the time of a training a callback may spend."""

import time


COMPARISON, OF_FIRST, LONG = 0.3, 0.3, 5.0
"""Seconds that a comparison with the model is taken to need at least, besides twice the time of
reading: both compile, so a share of the first epoch, up to an epoch of so many seconds.
"""


class TimeShare:
    """Keeps a callback below a share of the training's time; its clock starts when it is made.

    Args:
        share: The share; 1 for no limit.
        epochs: How many are planned.
    """

    def __init__(self, share: float, epochs: int) -> None:
        self.share, self.epochs = share, epochs
        self.begun = time.perf_counter()
        self.spent = self.reading = self.last = 0.0
        self.measured, self.before, self.first = False, self.begun, 0.0

    def has_read(self) -> None:
        """What was done so far was reading the model; a first measurement takes about as long."""
        self.spent = self.reading = self.last = time.perf_counter() - self.begun

    def has_measured(self, start: float) -> None:
        """Count a measurement.

        Args:
            start: When it began, by `time.perf_counter`.
        """
        self.last = time.perf_counter() - start
        self.spent += self.last
        self.measured = True

    def allows_measurement(self, epoch: int) -> bool:
        """Whether there is time for a measurement; for the first one, also time still to come.

        Args:
            epoch: The epoch that has ended, from 0.
        """
        now = time.perf_counter()
        elapsed, last_epoch, self.before = now - self.begun, now - self.before, now
        self.first = self.first or elapsed
        if not self.measured and epoch > 0:  # the first epoch compiles, the others do not
            # Half of what is to come: a training may be stopped early.
            elapsed += 0.5 * max(0, self.epochs - epoch - 1) * last_epoch
        return self.share == 1.0 or self.spent + self.last <= self.share * elapsed

    def allows_comparison(self) -> bool:
        """Whether there is time to compare what was read with the model."""
        elapsed = time.perf_counter() - self.begun
        needed = max(COMPARISON, OF_FIRST * min(self.first, LONG)) + 2 * self.reading
        return self.spent + needed <= self.share * elapsed
