"""The explorer in a notebook; the one file that imports anywidget."""

from __future__ import annotations

from html import escape
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
        # The base class may close a widget that it could not open.
        self._page = Session(exhibit, self._tell)
        self._told = (
            f"The explorer of {exhibit.network.name}: sliders for the inputs, and proved ranges "
            "of the outputs. It needs a live notebook: run this cell there."
        )
        super().__init__()
        self.on_msg(self._hear)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        """The widget, and what stands in its place on a page that is not live."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/plain"] = self._told
            bundle[0]["text/html"] = f"<p>{escape(self._told)}</p>"
        return bundle

    def close(self) -> None:
        """Stop all work, and leave the notebook."""
        self._page.close()
        super().close()

    def _tell(self, text: str) -> None:
        if self.comm is None:
            raise Gone
        self.send({"text": text})

    def _hear(self, _: Any, content: Any, buffers: Any) -> None:
        text = content.get("text") if isinstance(content, dict) else None
        # A view that opens, now or after the notebook was loaded anew, asks for the start.
        if text == "hello":
            reply: str | None = self._page.hello()
        else:
            reply = self._page.receive(text)
        if reply is not None:
            self._tell(reply)
