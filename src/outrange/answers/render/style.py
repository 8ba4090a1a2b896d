"""Colors, style sheets and small SVG drawings for light and dark HTML pages."""

from __future__ import annotations

import numpy as np

from .document import Bar, Drawing


WIDTH, HEIGHT = 160, 14
"""Size of a bar in pixels."""

SIDE = 240
"""Width and maximum height of a drawing in pixels."""

CLAIM, SEEN, AXIS = "#b7c9e8", "#1f4e9c", "#888"
"""Colors of proved intervals, seen intervals and axes, for light and dark pages."""

PALE_SEEN = "#7d9ccf"
"""Lighter color of seen values, on which marks remain visible."""

DARK, PALE = "#b3312c", "#e7c9a9"
"""Colors of the polygons of a drawing."""

TONES = {"good": "#1a7f37", "bad": "#b3312c", "open": "#9a6700"}
"""Colors of good, bad and open outcomes; the text states the outcome as well."""

_LIGHT = (
    "--or-fg:#1f2328;--or-bg:#fff;--or-line:#d0d7de;--or-dim:#59636e;--or-code:#f6f8fa;"
    "--or-good:#1a7f37;--or-bad:#b3312c;--or-open:#9a6700"
)

_DARK = (
    "--or-fg:#e6edf3;--or-bg:#161b22;--or-line:#3d444d;--or-dim:#9198a1;--or-code:#21262d;"
    "--or-good:#3fb950;--or-bad:#ff7b72;--or-open:#d29922"
)

_THEMES = (
    f".outrange{{{_LIGHT}}}"
    f"@media (prefers-color-scheme:dark){{.outrange{{{_DARK}}}}}"
    # A page with an explicit theme overrides the preference of the system.
    + ",".join(f"{page} .outrange" for page in (
        '[data-jp-theme-light="true"]', '[data-theme="light"]', "body.vscode-light",
    )) + f"{{{_LIGHT}}}"
    + ",".join(f"{page} .outrange" for page in (
        '[data-jp-theme-light="false"]', '[data-theme="dark"]', "html[theme=dark]",
        "body.vscode-dark",
    )) + f"{{{_DARK}}}"
)  # fmt: skip

STYLE = (
    _THEMES + ".outrange{color:var(--or-fg);background:var(--or-bg);font:14px/1.45 system-ui,"
    "sans-serif;text-align:left;border-left:3px solid var(--or-line);padding:4px 12px;"
    "overflow-x:auto}"
    ".outrange.outrange-good{border-left-color:var(--or-good)}"
    ".outrange.outrange-bad{border-left-color:var(--or-bad)}"
    ".outrange.outrange-open{border-left-color:var(--or-open)}"
    ".outrange p{margin:4px 0;max-width:60em;overflow-wrap:anywhere}"
    ".outrange table{border-collapse:collapse;margin:6px 0;font-size:13px;"
    "font-variant-numeric:tabular-nums}"
    ".outrange th,.outrange td{padding:2px 10px 2px 0;border:0;background:none;"
    "color:var(--or-fg);vertical-align:middle;max-width:40em;overflow-wrap:anywhere}"
    ".outrange th{font-weight:600;border-bottom:1px solid var(--or-line);color:var(--or-dim)}"
    ".outrange tbody th{font-weight:400;border:0;color:var(--or-fg)}"
    ".outrange tr{background:none}"
    ".outrange summary{cursor:pointer;color:var(--or-dim);margin:4px 0}"
    ".outrange pre{background:var(--or-code);color:var(--or-fg);padding:6px 8px;margin:4px 0;"
    "border-radius:4px;overflow-x:auto}"
    ".outrange figure{margin:6px 0}.outrange figcaption{color:var(--or-dim);font-size:13px}"
    ".outrange p.outrange-over{color:var(--or-dim);font-size:13px}"
    ".outrange span.outrange-good{color:var(--or-good);font-weight:600}"
    ".outrange span.outrange-bad{color:var(--or-bad);font-weight:600}"
    ".outrange span.outrange-open{color:var(--or-open);font-weight:600}"
)
"""Style sheet of an answer; all its rules are limited to the class `.outrange`."""


PAGE = (
    "body{margin:1rem;background:#fff}"
    "@media (prefers-color-scheme:dark){body{background:#161b22}}"
    "@media print{details{display:block}}"
)
"""Style sheet of a separate page."""


def bar(cell: Bar, left: float, right: float) -> str:
    """Return an SVG bar of an interval on the axis from `left` to `right`.

    It shows the range seen inside the interval, or a tick for a single number. If the axis contains
    0, a line marks it.
    """

    def at(x: float) -> float:
        # Halves are used because the width of the axis may overflow. Half of the least number is 0.
        width = right / 2 - left / 2
        share = (x / 2 - left / 2) / width if width > 0 else 0.5
        return 1 + (WIDTH - 2) * share

    def rect(lo: float, hi: float, color: str, height: int) -> str:
        return (
            f'<rect x="{at(lo):.1f}" y="{(HEIGHT - height) / 2:.1f}" '
            f'width="{max(at(hi) - at(lo), 1.0):.1f}" height="{height}" fill="{color}"/>'
        )

    parts = [rect(cell.lo, cell.hi, CLAIM, 10)]
    if cell.is_constant:
        place = min(max(at(cell.lo), 1.0), WIDTH - 1.0)
        parts = [f'<path d="M{place:.1f} 1V{HEIGHT - 1}" stroke="{SEEN}" stroke-width="2"/>']
    elif cell.seen_lo <= cell.seen_hi:
        parts.append(rect(cell.seen_lo, cell.seen_hi, SEEN, 4))
    if left <= 0 <= right:
        parts.append(f'<path d="M{at(0.0):.1f} 0V{HEIGHT}" stroke="{AXIS}"/>')
    label = f"from {cell.lo:.6g} to {cell.hi:.6g}"
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg role="img" aria-label="{label}" {size}>{"".join(parts)}</svg>'


def drawing(block: Drawing) -> str:
    """Return a drawing as SVG; it is a low strip if its vertical axis has no meaning."""
    high = SIDE if block.labels[1] else SIDE // 8
    scale = np.array([SIDE, -high]) / (block.hi - block.lo)

    def shape(dark: bool, corners: np.ndarray) -> str:
        places = (corners - block.lo) * scale + [0.0, high]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        color = PALE if not dark else PALE_SEEN if block.what == "outputs" else DARK
        return f'<polygon points="{path}" fill="{color}"/>'

    shapes = "".join(shape(dark, corners) for dark, corners in block.polygons)
    frame = f'<rect width="{SIDE}" height="{high}" fill="none" stroke="{AXIS}"/>'
    size = f'width="{SIDE}" height="{high}"'
    return f'<svg role="img" aria-label="{block.what}" {size}>{shapes}{frame}</svg>'
