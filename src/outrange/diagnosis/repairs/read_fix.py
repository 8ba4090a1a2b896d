"""A fix as it is printed, read as changes that can be made mechanically.

What is tried is what the user reads: a text that is not understood here is not tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...program import ModelChange
from ..plan import Plan
from . import data_changes
from .data_changes import DataChange


@dataclass(frozen=True, eq=False)
class Repair:
    """One way to mend a program.

    Args:
        text: As printed.
        model: Changes of the model, its loss and its optimizer.
        data: Changes of the data.
        plan: How long to train instead.
        layers: The layers that it mends at once, where several findings ask for the same.
    """

    text: str
    model: tuple[ModelChange, ...]
    data: tuple[DataChange, ...]
    plan: Plan | None = None
    layers: tuple[str, ...] = ()


NUMBER = r"(-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)"

OR = re.compile(r"\n\s*or (?:scale: )?|\s+or\s{2,}|\s{2,}or\s+")
"""What stands between alternatives."""


EVERY = re.compile(r"in every (?:hidden )?layer")


def plain(fix: str) -> str:
    """A fix without its comments: what two findings that ask for the same have in common."""
    return "\n".join(line.split("#")[0].strip() for line in fix.splitlines())


def repairs_of(fix: str, layers: Sequence[str]) -> list[Repair]:
    """The alternatives of a fix, each made in several layers at once: one alone mends nothing.

    Args:
        fix: As printed.
        layers: The layers of all findings that ask for it.
    """
    made = []
    for same in zip(*(repairs(fix, layer) for layer in layers), strict=True):
        changes: list[ModelChange] = []
        for change in (change for one in same for change in one.model):
            if change not in changes:
                changes.append(change)
        made.append(replace(same[0], model=tuple(changes), layers=tuple(layers)))
    return made


def repairs(fix: str, layer: str) -> list[Repair]:
    """The alternatives of a fix that are understood, in their order.

    Args:
        fix: As printed.
        layer: The layer that the finding is about.
    """
    found = []
    for text in OR.split(fix):
        code = text.split("#")[0].strip()
        changes = list(_changes(code, layer))
        if changes and code:
            model = tuple(c for c in changes if isinstance(c, ModelChange))
            data = tuple(c for c in changes if isinstance(c, DataChange))
            plan = next((c for c in changes if isinstance(c, Plan)), None)
            found.append(Repair(text.strip(), model, data, plan))
    return found


def _changes(code: str, layer: str) -> Iterator[ModelChange | DataChange | Plan]:
    layer = "*" if EVERY.search(code) else layer
    for pattern, make in PATTERNS:
        match = pattern.search(code)
        if match is not None:
            yield from make(match, layer)
            code = code[: match.start()] + code[match.end() :]


def _dense(match: re.Match, layer: str) -> Iterator[ModelChange]:
    units, activation = match.groups()
    yield ModelChange("units", layer, int(units))
    if activation is not None:
        yield ModelChange("activation", layer, None if activation == "None" else activation)


def _name(text: str) -> str | None:
    """`"relu"` or `None` as written."""
    return None if text == "None" else text.strip("\"'")


def _optimizer(match: re.Match, _: str) -> Iterator[ModelChange]:
    kind, given = match.groups()
    options: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in given.split(","))):
        name, _, value = part.rpartition("=")
        options[name.strip() or "learning_rate"] = float(value)
    yield ModelChange("optimizer", value=kind, options=options)


def _one(kind: str, **fixed: object) -> Callable[[re.Match, str], Iterator[ModelChange]]:
    """A change whose value is the first group, made in the layer of the finding."""

    def make(match: re.Match, layer: str) -> Iterator[ModelChange]:
        value = _name(match.group(1)) if match.groups() else fixed.get("value")
        yield ModelChange(kind, layer, value)

    return make


def _of_data(make: Callable[..., DataChange]) -> Callable[[re.Match, str], Iterator[DataChange]]:
    def read(match: re.Match, _: str) -> Iterator[DataChange]:
        yield make(*(float(number) for number in match.groups()))

    return read


def _scaled_into(match: re.Match, _: str) -> Iterator[DataChange]:
    width, low = map(float, match.groups())
    yield data_changes.into(low, low + width)


def _units(match: re.Match, layer: str) -> Iterator[ModelChange]:
    yield ModelChange("units", layer, int(match.group(1)))


def _hidden(match: re.Match, layer: str) -> Iterator[ModelChange]:
    units, activation = match.groups()
    yield ModelChange("hidden", layer, int(units), {"activation": activation})


def _loss(match: re.Match, layer: str) -> Iterator[ModelChange]:
    yield ModelChange("loss", layer, match.group(1))


def _logits_loss(match: re.Match, layer: str) -> Iterator[ModelChange]:
    yield ModelChange("loss", layer, match.group(1), options={"from_logits": True})


def _initializer(match: re.Match, layer: str) -> Iterator[ModelChange]:
    yield ModelChange("initializer", layer, match.group(1))


def _longer(match: re.Match, _: str) -> Iterator[Plan]:
    yield Plan(int(match.group(1)), int(match.group(2)))


def _last_away(_: re.Match, __: str) -> Iterator[ModelChange]:
    yield ModelChange("remove")


def _constant_bias(match: re.Match, layer: str) -> Iterator[ModelChange]:
    yield ModelChange("bias", layer, "Constant", {"value": float(match.group(1))})


PATTERNS: tuple[tuple[re.Pattern, Callable], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"\by = \(y - y\.mean\(\)\) / y\.std\(\)", _of_data(data_changes.scaled_targets)),
        (
            rf"\by = \(y - y\.min\(\)\) / \(y\.max\(\) - y\.min\(\)\) \* {NUMBER} \+ {NUMBER}",
            _scaled_into,
        ),
        (
            r"\by = \(y - y\.min\(\)\) / \(y\.max\(\) - y\.min\(\)\)",
            _of_data(data_changes.labels_0_and_1),
        ),
        (rf"\by = np\.rint\(y \* {NUMBER}\)", _of_data(data_changes.whole_again)),
        (r"\by = \(y \+ 1\) / 2", _of_data(data_changes.halved)),
        (rf"\by = y - {NUMBER}", _of_data(data_changes.shifted)),
        (r"\by = y\[:, None\]", _of_data(data_changes.in_columns)),
        (
            r"\bx = \(x - x\.mean\(0\)\) / x\.std\(0\)|keras\.layers\.Normalization\(\) first, "
            r"adapted to x|scaled? (?:the )?(?:x|inputs)",
            _of_data(data_changes.scaled_inputs),
        ),
        (r"\bkeep = np\.isfinite", _of_data(data_changes.finite_rows)),
        (r"keras\.optimizers\.(\w+)\(([^)]*)\)", _optimizer),
        (r"loss=keras\.losses\.(\w+)\(from_logits=True\)", _logits_loss),
        (r'\bloss="(\w+)"', _loss),
        (r"\bfrom_logits=False", _one("from_logits", value=False)),
        (r"\bfrom_logits=True", _one("from_logits", value=True)),
        (r"\bunits=(\d+)", _units),
        (r'keras\.layers\.Dense\((\d+), activation="(\w+)"\),$', _hidden),
        (r'\bDense\((\d+)(?:, (?:activation=)?"?(\w+)"?)?\)', _dense),
        (r"\bkeras\.initializers\.Constant\(([^)]*)\)", _constant_bias),
        (r'\bkernel_initializer="(\w+)"', _initializer),
        (r'\bactivation=("\w+"|None)', _one("activation")),
        (r"take the last activation away", _one("activation", value=None)),
        (r"Dropout before|take the dropout away|[Dd]ropout .*before the last", _last_away),
        (r"model\.fit\(x, y, epochs=(\d+), batch_size=(\d+)\)", _longer),
        (r"layer\.trainable = True", _one("trainable")),
    )
)
"""What code of a fix means, longer patterns first."""
