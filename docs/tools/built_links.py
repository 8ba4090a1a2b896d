"""Links of the pages to scripts, which lead to what the build makes of them; a Sphinx extension.

On a code host a page links to the script of a case or to the notebook, which is there; in the built
documentation the same link leads to the page with its results and figures.
"""

import re
from typing import Any


BUILT = {"gallery": "examples", "tutorial": "learn"}
"""Folder of scripts to the folder that the build makes of it."""


def rewritten(text: str) -> str:
    """A page whose links lead to built pages."""
    for scripts, pages in BUILT.items():
        text = re.sub(rf"\]\(((?:\.\./)*){scripts}/([^)\s]+)\.py\)", rf"](\1{pages}/\2.rst)", text)
    # The notebook is run and written beside the pages, which Sphinx knows nothing of.
    return re.sub(r"\[([^\]]+)\]\((\w+)\.ipynb\)", r'<a href="\2.html">\1</a>', text)


def setup(app: Any) -> dict[str, bool]:
    """Rewrite every Markdown page as it is read; Sphinx calls this."""

    def read(app: Any, name: str, source: list[str]) -> None:
        if str(app.env.doc2path(name)).endswith(".md"):
            source[0] = rewritten(source[0])

    app.connect("source-read", read)
    return {"parallel_read_safe": True}
