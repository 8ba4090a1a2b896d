"""The files of the front end: separate for the page, and bundled for a notebook."""

import re
from pathlib import Path


STATIC = Path(__file__).parent / "static"

MODULES = ("dom", "inputs", "outputs", "layers", "property", "point", "explorer", "widget")
"""JavaScript modules of the widget; each comes after the modules it imports."""

IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)

EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def bundle() -> str:
    """Return the JavaScript of `MODULES` as one module, since a notebook accepts only one."""
    texts = [(STATIC / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)


def style() -> str:
    """Return the CSS style sheet of the explorer page."""
    return (STATIC / "explorer.css").read_text(encoding="utf-8")
