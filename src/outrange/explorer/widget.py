"""The explorer in a notebook; the one file that imports anywidget."""

from __future__ import annotations

from typing import Any

import anywidget

from .app_files import bundle, style
from .exhibit import Exhibit
from .session import Gone, Session


class ExplorerWidget(anywidget.AnyWidget):
    """The page of `outrange explore` as the output of a cell.

    Args:
        exhibit: What is shown.
    """

    _esm = bundle()
    _css = style()

    def __init__(self, exhibit: Exhibit) -> None:
        super().__init__()
        self._session = Session(exhibit, self._send)
        self.on_msg(self._receive)

    def close(self) -> None:
        """Stop all work, and leave the notebook."""
        self._session.close()
        super().close()

    def _send(self, text: str) -> None:
        if self.comm is None:
            raise Gone
        self.send({"text": text})

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        text = content.get("text") if isinstance(content, dict) else None
        # A view that opens, now or after the notebook was loaded anew, asks for the start.
        if text == "hello":
            reply: str | None = self._session.hello()
        else:
            reply = self._session.receive(text)
        if reply is not None:
            self._send(reply)
