"""Update the outputs of the examples of a page where they are outdated.

    python tests/documents/refresh.py docs/*.md README.md

Use it for pages whose results changed on purpose, and review the difference before committing.
"""

import contextlib
import doctest
import io
import re
import sys
import tempfile
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

from documents.results import OPTIONS, Results


BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run_example(example: doctest.Example, names: dict) -> str:
    """Run an example with these names and return its output."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(example.source, "<page>", "single"), names)
    return out.getvalue()


def current_output(example: doctest.Example, names: dict) -> str:
    """Return the output to show below an example: the present one if it is still right."""
    if example.exc_msg is not None:
        with contextlib.suppress(Exception):
            run_example(example, names)
        return example.want
    output = run_example(example, names)
    if Results().check_output(example.want, output, OPTIONS):
        return example.want
    return re.sub(r"^[ \t]*$", "<BLANKLINE>", output.removesuffix("\n"), flags=re.MULTILINE) + "\n"


def refresh_page(text: str) -> str:
    """Return the page with current outputs."""
    names: dict = {}
    parts, end = [], 0
    for block in BLOCK.finditer(text):
        parts.append(text[end : block.start(1)])
        end = block.end(1)
        for piece in doctest.DocTestParser().parse(block[1]):
            if isinstance(piece, str):
                parts.append(piece)
                continue
            for i, line in enumerate(piece.source.splitlines()):
                parts.append(f"{'...' if i else '>>>'} {line}".rstrip() + "\n")
            parts.append(current_output(piece, names))
    return "".join([*parts, text[end:]])


if __name__ == "__main__":
    for page in [Path(name).resolve() for name in sys.argv[1:]]:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            page.write_text(refresh_page(page.read_text()))
