"""Progress output for scripts: one line on stderr if a call takes a long time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from .frame import Frame


class LineScreen:
    """A `Screen` that prints its first frame as one line and ignores the others."""

    def __init__(self) -> None:
        self._is_printed = False

    def show(self, frame: Frame) -> None:
        """Print the frame if it is the first one."""
        if self._is_printed or sys.stderr is None:
            return
        self._is_printed = True
        parts = [frame.head, *(f"{row.name}: {row.text}" for row in frame.rows[:1]), frame.foot]
        print(
            f"outrange: {'; '.join(filter(None, parts))}. Ctrl-C stops and returns proved results.",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        """Do nothing, since the printed line remains."""
