"""The live progress line; the one file that imports rich, and only once a search takes a while."""

import sys
from collections.abc import Callable

from ..answers import RangeProgress
from ..report import live_text


PATIENCE = 0.5
"""Seconds of search before anything is shown: quick answers do not pay for the import."""


class LiveLine:
    """A line on stderr that shows the latest progress, and disappears.

    Args:
        names: Number of outputs to a label for each.
    """

    def __init__(self, names: Callable[[int], list[str]]):
        self._names = names
        self._live = None
        self._shown = sys.stderr.isatty()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._live is not None:
            self._live.stop()

    def __call__(self, now: RangeProgress) -> None:
        if not self._shown or now.seconds < PATIENCE:
            return
        from rich.text import Text

        line = Text(live_text(now, self._names(len(now.lo))), no_wrap=True, overflow="ellipsis")
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(line, console=Console(stderr=True), transient=True,
                              auto_refresh=False)
            self._live.start()
        self._live.update(line, refresh=True)
