"""The live progress line; the one file that imports rich, and only once a search takes a while."""

import sys
from collections.abc import Callable
from typing import Any, Self


PATIENCE = 0.5
"""Seconds of search before anything is shown: quick answers do not pay for the import."""


class LiveLine:
    """A line on stderr that shows the latest progress, and disappears.

    Args:
        text: From a progress, which knows its `seconds`, to the line.
    """

    def __init__(self, text: Callable[[Any], str]) -> None:
        self._text = text
        self._live = None
        self.shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, now: Any) -> None:
        if not self.shown or now.seconds < PATIENCE:
            return
        from rich.text import Text

        line = Text(self._text(now), no_wrap=True, overflow="ellipsis")
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                line, console=Console(stderr=True), transient=True, auto_refresh=False
            )
            self._live.start()
        self._live.update(line, refresh=True)
