"""Draw the badges of the README from pyproject.toml: `python docs/tools/badges.py docs/badges`.

The badges are files of the repository and need no network.
"""

import re
import sys
import tomllib
from pathlib import Path


ROOT = Path(__file__).parents[2]
LETTER, MARGIN = 6.6, 7
"""Width of a letter and of the space beside a text, in pixels."""

BADGE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20"
 role="img" aria-label="{label}: {value}">
<rect width="{width}" height="20" rx="3" fill="#1f4e9c"/>
<path d="M3 0h{left}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#202630"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{margin}" y="14" textLength="{label_width}">{label}</text>
<text x="{start}" y="14" textLength="{value_width}">{value}</text>
</g>
</svg>
"""


def facts() -> dict[str, tuple[str, str]]:
    """Return label and value of each badge, by file name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (keras,) = re.findall(r"keras>=([\d.]+)", " ".join(project["optional-dependencies"]["keras"]))
    return {
        "version": ("version", project["version"]),
        "python": ("Python", project["requires-python"].removeprefix(">=") + " or newer"),
        "keras": ("Keras", f"{keras} or newer"),
        "license": ("license", project["license"]),
    }


def badge(label: str, value: str) -> str:
    """Return the SVG of one badge."""
    widths = [round(LETTER * len(text), 1) for text in (label, value)]
    left = widths[0] + 2 * MARGIN
    return BADGE.format(
        label=label, value=value, label_width=widths[0], value_width=widths[1], margin=MARGIN,
        width=round(left + widths[1] + 2 * MARGIN, 1), left=round(left - 3, 1),
        start=round(left + MARGIN, 1),
    )  # fmt: skip


if __name__ == "__main__":
    for name, (label, value) in facts().items():
        Path(sys.argv[1], f"{name}.svg").write_text(badge(label, value))
