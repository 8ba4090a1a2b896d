"""Run `outrange demo` and draw its output: `python docs/tools/demo_picture.py docs/demo.svg`.

The README shows the image. It ends before the table of layers and uses the fonts of the reader.
"""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text


UNTIL = "Ranges and units of each layer"
PAPER = TerminalTheme(
    (250, 251, 253), (32, 38, 48),
    [(32, 38, 48), (179, 49, 44), (42, 138, 74), (150, 110, 20), (31, 78, 156), (120, 60, 140),
     (20, 120, 130), (90, 100, 112)],
)  # fmt: skip
COLORS = (
    (r"^\$ .*$", "bold"),
    (r"█", "#1f4e9c"),
    (r"░", "#b3312c"),
    (r"^output .*$", "bold"),
    (r"exact to \S+(?=;)", "bold #2a8a4a"),
    (r"(?<=  )\d+\.\d %", "bold #b3312c"),
)
"""Patterns to highlight and their styles; the part that sampling misses is red."""


def draw(text: str) -> str:
    """Return the text as SVG without external fonts."""
    width = max(map(len, text.splitlines())) + 2
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True)
    picture = Text(text)
    for pattern, style in COLORS:
        picture.highlight_regex(re.compile(pattern, re.MULTILINE).pattern, style)
    console.print(picture)
    page = console.export_svg(title="outrange demo", theme=PAPER, unique_id="demo")
    page = re.sub(r"@font-face \{.*?\}\s*", "", page, flags=re.DOTALL)
    return page.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")


def main(target: str) -> None:
    """Run the demo and draw it."""
    command = [sys.executable, "-m", "outrange", "demo"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    text = "$ outrange demo\n" + output.partition(UNTIL)[0].rstrip() + "\n"
    Path(target).write_text(draw(text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
