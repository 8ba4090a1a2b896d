"""Properties in plain words: names and units of the page instead of entries of arrays."""

from __future__ import annotations

import re

from .reader import LONG, Reader


KEY = r"\[(\d+|'[^']*'|\"[^\"]*\")\]"
NUMBER = r"(-?\d[\d.]*(?:e[-+]?\d+)?)"
COMPARE = r"(<=|>=|<|>|==)"
END = r"(?= *(?:[)&|]|$))"

NUMBER_FIRST = re.compile(rf"(?:^|(?<=\()){NUMBER} {COMPARE} ([xy]){KEY}{END}")
"""A comparison of a number with a single input or output."""

ATOM = re.compile(rf"(?<![-+*/%@])(?<![-+*/%@] )\b([xy]){KEY} {COMPARE} {NUMBER}{END}")
"""A comparison of a single input or output with a number."""

FLIPPED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "==": "=="}

SIGNS = {"<=": "≤", ">=": "≥", "==": "=", "&": "and", "|": "or"}


def requirement(text: str, reader: Reader) -> str:
    """Return a property as the page states it, such as `price ≤ 2,500 kCHF`.

    Args:
        text: The property, such as `y[0] <= 2500`.
        reader: Names and units of the page.
    """
    if (parts := _implication(text)) is not None:
        assumption, conclusion = (requirement(part, reader) for part in parts)
        return f"if {assumption}, then {conclusion}"

    def insert_name(match: re.Match[str]) -> str:
        kind, key = match.groups()
        i = _index(kind, key, reader)
        if i is None:
            return match[0] if key.isdigit() else key[1:-1]
        return reader.input(i) if kind == "x" else reader.output(i)

    def name_class(match: re.Match[str]) -> str:
        verb = "is" if match[1] == "==" else "is not"
        return f"the largest output {verb} {reader.output(int(match[2]))}"

    text = NUMBER_FIRST.sub(lambda m: f"{m[3]}[{m[4]}] {FLIPPED[m[2]]} {m[1]}", text)
    text = ATOM.sub(lambda match: _with_unit(match, reader), text)
    text = re.sub(r"\by\.argmax\(\) (==|!=) (\d+)", name_class, text)
    # Quoted names may contain these signs, so names are inserted last.
    signs = re.compile(r"('[^']*'|\"[^\"]*\")|(?<= )(<=|>=|==|&|\|)(?= )")
    text = signs.sub(lambda match: match[1] or SIGNS[match[2]], text)
    return re.sub(rf"\b([xy]){KEY}", insert_name, text)


def _implication(text: str) -> tuple[str, str] | None:
    """Return the two arguments of `implies(..., ...)`, or None if `text` is something else."""
    prefix, depth, comma = "implies(", 0, 0
    for token in re.finditer(r"'[^']*'|\"[^\"]*\"|[(\[\])]|,", text):
        depth += (token[0] in ("(", "[")) - (token[0] in (")", "]"))
        comma = token.start() if token[0] == "," and depth == 1 and not comma else comma
        if depth == 0 and token[0] == ")" and token.end() < len(text):
            return None
    if not text.startswith(prefix) or not comma:
        return None
    return text[len(prefix) : comma], text[comma + 1 : -1].strip()


def _with_unit(match: re.Match[str], reader: Reader) -> str:
    """Return a comparison with the unit of its input or output, and with grouped digits."""
    kind, key, compare, text = match.groups()
    i, value = _index(kind, key, reader), float(text)
    units = reader.units if kind == "x" else reader.output_units
    unit = f" {units[i]}" if i is not None and i < len(units) and units[i] else ""
    shown = f"{value:,.12g}" if kind == "y" or abs(value) >= LONG else f"{value:.12g}"
    if float(shown.replace(",", "")) != value:
        shown = text
    return f"{kind}[{key}] {compare} {shown.replace('-', '−')}{unit}"


def _index(kind: str, key: str, reader: Reader) -> int | None:
    """Return the flat index of an input or output, or None if the page has no name for it."""
    entries, names = (
        (reader.entries, reader.inputs) if kind == "x" else (reader.output_entries, reader.outputs)
    )
    if key.isdigit():
        return int(key) if int(key) < len(names) else None
    name = key[1:-1]
    for listed in (entries, names):
        if name in listed:
            return list(listed).index(name)
    return None
