"""Live view in notebooks, updated in place. Only this module imports IPython."""

from __future__ import annotations

import sys
from html import escape

from ..answers.render.style import STYLE
from .frame import Frame, Row


def in_notebook() -> bool:
    """Return whether this code runs in an IPython kernel, such as that of a notebook."""
    shell = sys.modules.get("IPython")
    interactive = None if shell is None else shell.get_ipython()
    return interactive is not None and hasattr(interactive, "kernel")


class NotebookScreen:
    """A `Screen` that shows frames below the cell of a notebook."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html = HTML
        self._handle = display(HTML(""), display_id=True)

    def show(self, frame: Frame) -> None:
        """Replace the shown frame."""
        if self._handle is not None:
            self._handle.update(self._html(view(frame)))

    def close(self) -> None:
        """Clear the output below the cell."""
        if self._handle is not None:
            self._handle.update(self._html(""))


def view(frame: Frame) -> str:
    """Render a frame as HTML, with its text escaped."""
    rows = "".join(map(_row, frame.rows))
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    foot = f"<p>{escape(frame.foot)}</p>" if frame.foot else ""
    head = f'<p role="status">{escape(frame.head).replace("  ", " · ")}</p>'
    return f'<style>{STYLE}</style><div class="outrange">{head}{table}{foot}</div>'


def _row(row: Row) -> str:
    name = escape(row.name)
    bar = "" if row.share is None else (
        f'<progress value="{row.share:.4f}" max="1" aria-label="{name}"></progress>'
    )  # fmt: skip
    return (
        f'<tr><th scope="row" style="text-align:left">{name}</th><td>{bar}</td>'
        f'<td style="text-align:left">{escape(row.text)}</td></tr>'
    )
