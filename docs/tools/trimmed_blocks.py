"""Blocks of code end with their last line; a Sphinx extension.

An example of a page ends with an empty line, for a session of Python ends what it printed with one.
"""

from typing import Any

from docutils import nodes


def trim(_: Any, page: nodes.document) -> None:
    """Take the empty lines off the end of every block of a page."""
    for block in page.findall(nodes.literal_block):
        text = block.astext()
        if block.rawsource == text and text != text.rstrip():
            block.rawsource = text.rstrip()
            block.children = []
            block += nodes.Text(block.rawsource)


def setup(app: Any) -> dict[str, bool]:
    """Trim every page as it was read; Sphinx calls this."""
    app.connect("doctree-read", trim)
    return {"parallel_read_safe": True}
