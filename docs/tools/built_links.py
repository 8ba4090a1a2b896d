"""Sphinx extension that redirects links to scripts and the notebook to their built pages.

On a code host such a link opens the file itself; in the built documentation it opens the page with
its results and figures.
"""

import re
from typing import Any


BUILT = {"gallery": "examples", "tutorial": "learn"}
"""Folder of scripts to the folder of their built pages."""


def rewritten(text: str) -> str:
    """Return a page whose links lead to built pages."""
    for scripts, pages in BUILT.items():
        text = re.sub(rf"\]\(((?:\.\./)*){scripts}/([^)\s]+)\.py\)", rf"](\1{pages}/\2.rst)", text)
    # The notebook is built beside the pages, without Sphinx.
    return re.sub(r"\[([^\]]+)\]\((\w+)\.ipynb\)", r'<a href="\2.html">\1</a>', text)


def setup(app: Any) -> dict[str, bool]:
    """Rewrite every Markdown page as it is read; Sphinx calls this."""

    def read(app: Any, name: str, source: list[str]) -> None:
        if str(app.env.doc2path(name)).endswith(".md"):
            source[0] = rewritten(source[0])

    app.connect("source-read", read)
    return {"parallel_read_safe": True}
