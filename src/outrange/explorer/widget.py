"""Notebook widget of the explorer. Only this module imports anywidget."""

from __future__ import annotations

from html import escape
from typing import Any

import anywidget

from .app_files import bundle, style
from .exhibit import Exhibit
from .session import Gone, Session


class ExplorerWidget(anywidget.AnyWidget):
    """The page of `outrange explore` as the output of a notebook cell.

    Args:
        exhibit: Content of the page.
    """

    _esm = bundle()
    _css = style()

    def __init__(self, exhibit: Exhibit) -> None:
        # The base class may close a widget that failed to open.
        self._page = Session(exhibit, self._tell)
        self._static_text = (
            f"The explorer of {exhibit.network.name}: sliders for the inputs, and proved ranges "
            "of the outputs. To use it, run this cell in a live notebook."
        )
        super().__init__()
        self.on_msg(self._receive)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        """Return the widget, with text that is shown where widgets cannot run."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/plain"] = self._static_text
            bundle[0]["text/html"] = f"<p>{escape(self._static_text)}</p>"
        return bundle

    def close(self) -> None:
        """Stop all computations and close the widget."""
        self._page.close()
        super().close()

    def _tell(self, text: str) -> None:
        if self.comm is None:
            raise Gone
        self.send({"text": text})

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        text = content.get("text") if isinstance(content, dict) else None
        # A new view, also after a reload of the notebook, requests the first message.
        if text == "hello":
            reply: str | None = self._page.hello()
        else:
            reply = self._page.receive(text)
        if reply is not None:
            self._tell(reply)
