"""Sphinx extension that removes empty last lines and comments for the formatter from code blocks.

An example on a page ends with an empty line, as doctest requires after an output.
"""

from typing import Any

from docutils import nodes


def trim(_: Any, page: nodes.document) -> None:
    """Remove the empty last lines and the comments for the formatter of every block of a page."""
    for block in page.findall(nodes.literal_block):
        text = block.astext()
        trimmed = text.replace("  # fmt: skip", "").rstrip()
        if block.rawsource == text and text != trimmed:
            block.rawsource = trimmed
            block.children = []
            block += nodes.Text(block.rawsource)


def setup(app: Any) -> dict[str, bool]:
    """Trim every page after reading; Sphinx calls this."""
    app.connect("doctree-read", trim)
    return {"parallel_read_safe": True}
