"""Sphinx extension that removes empty lines at the end of code blocks.

An example on a page ends with an empty line, as doctest requires after an output.
"""

from typing import Any

from docutils import nodes


def trim(_: Any, page: nodes.document) -> None:
    """Remove the empty lines at the end of every block of a page."""
    for block in page.findall(nodes.literal_block):
        text = block.astext()
        if block.rawsource == text and text != text.rstrip():
            block.rawsource = text.rstrip()
            block.children = []
            block += nodes.Text(block.rawsource)


def setup(app: Any) -> dict[str, bool]:
    """Trim every page after reading; Sphinx calls this."""
    app.connect("doctree-read", trim)
    return {"parallel_read_safe": True}
