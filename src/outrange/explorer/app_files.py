"""The files of the front end, and all of them in one for a notebook."""

import re
from pathlib import Path


STATIC = Path(__file__).parent / "static"

MODULES = ("dom", "inputs", "outputs", "layers", "property", "point", "explorer", "widget")
"""In the order in which they need each other."""

IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)

EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def bundle() -> str:
    """The modules as one: a notebook takes the text of a single module."""
    texts = [(STATIC / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)


def style() -> str:
    """The style sheet."""
    return (STATIC / "explorer.css").read_text(encoding="utf-8")
