"""Live view in terminals, redrawn in place. Only this module imports rich."""

from __future__ import annotations

import sys
from typing import Any

from .frame import Frame


BAR = 30
"""Width of a bar in characters."""


class TerminalScreen:
    """A `Screen` that draws frames on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True), transient=True, auto_refresh=False,
            # Printed lines appear above the view; output to a file is not redirected.
            redirect_stdout=sys.stdout.isatty(),
        )  # fmt: skip
        self._live.start()

    def show(self, frame: Frame) -> None:
        """Replace the shown frame."""
        self._live.update(_render(frame), refresh=True)

    def close(self) -> None:
        """Remove the view and restore the terminal."""
        self._live.stop()


def _render(frame: Frame) -> Any:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def line(text: str, style: str = "") -> Any:
        return Text(text, style, no_wrap=True, overflow="ellipsis")

    parts = [line(frame.head)]
    if frame.rows:
        grid = Table.grid(padding=(0, 1))
        for row in frame.rows:
            bar = "" if row.share is None else ProgressBar(1.0, row.share, width=BAR)
            grid.add_row(line(f"  {row.name}"), bar, line(row.text))
        parts.append(grid)
    return Group(*parts, *([line(f"  {frame.foot}", "dim")] if frame.foot else []))
