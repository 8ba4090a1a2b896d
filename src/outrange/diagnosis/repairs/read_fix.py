"""Parses the printed text of a fix into changes of the model, the data or the plan.

Parsing the printed text ensures that the change that is tried is the one that the user reads. A fix
whose text cannot be parsed here is not tried.
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
    """One way to repair a program.

    Args:
        text: The fix as printed.
        model: Changes of the model, its loss and its optimizer.
        data: Changes of the data.
        plan: The new length of training; None if it stays the same.
        layers: Paths of the layers of all findings with this fix, which are changed together; empty
            in the results of `parse_repairs`.
    """

    text: str
    model: tuple[ModelChange, ...]
    data: tuple[DataChange, ...]
    plan: Plan | None = None
    layers: tuple[str, ...] = ()


NUMBER = r"(-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)"

OR = re.compile(r"\n\s*or (?:scale: )?|\s+or\s{2,}|\s{2,}or\s+")
"""The separator between the alternatives of a fix."""


EVERY = re.compile(r"in every (?:hidden )?layer")


def strip_comments(fix: str) -> str:
    """Return a fix without its comments, so that the fixes of two findings can be compared."""
    return "\n".join(line.split("#")[0].strip() for line in fix.splitlines())


def parse_joint_repairs(fix: str, layers: Sequence[str]) -> list[Repair]:
    """Return the alternatives of a fix that can be parsed, each applied to all the given layers.

    Changing only one of the layers might not repair the fault.

    Args:
        fix: The fix as printed.
        layers: Paths of the layers of all findings with this fix.
    """
    joint = []
    for alternatives in zip(*(parse_repairs(fix, layer) for layer in layers), strict=True):
        changes: list[ModelChange] = []
        for change in (change for repair in alternatives for change in repair.model):
            if change not in changes:
                changes.append(change)
        joint.append(replace(alternatives[0], model=tuple(changes), layers=tuple(layers)))
    return joint


def parse_repairs(fix: str, layer: str) -> list[Repair]:
    """Return the alternatives of a fix that can be parsed, in order.

    Args:
        fix: The fix as printed.
        layer: Path of the finding's layer.
    """
    result = []
    for text in OR.split(fix):
        code = text.split("#")[0].strip()
        changes = list(_changes(code, layer))
        if changes and code:
            model = tuple(c for c in changes if isinstance(c, ModelChange))
            data = tuple(c for c in changes if isinstance(c, DataChange))
            plan = next((c for c in changes if isinstance(c, Plan)), None)
            result.append(Repair(text.strip(), model, data, plan))
    return result


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
    """Return a quoted name such as `"relu"` without its quotes; None for the text `None`."""
    return None if text == "None" else text.strip("\"'")


def _optimizer(match: re.Match, _: str) -> Iterator[ModelChange]:
    kind, arguments = match.groups()
    options: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in arguments.split(","))):
        name, _, value = part.rpartition("=")
        options[name.strip() or "learning_rate"] = float(value)
    yield ModelChange("optimizer", value=kind, options=options)


def _single_change(kind: str, **fixed: object) -> Callable[[re.Match, str], Iterator[ModelChange]]:
    """Return a function that converts a match in a fix's text to one change of a layer.

    The value of the change is the first group of the match. If the pattern has no group, the value
    is the keyword argument `value`, or None without that argument.
    """

    def make(match: re.Match, layer: str) -> Iterator[ModelChange]:
        value = _name(match.group(1)) if match.groups() else fixed.get("value")
        yield ModelChange(kind, layer, value)

    return make


def _data_change(
    make: Callable[..., DataChange],
) -> Callable[[re.Match, str], Iterator[DataChange]]:
    def read(match: re.Match, _: str) -> Iterator[DataChange]:
        yield make(*(float(number) for number in match.groups()))

    return read


def _scaled_into(match: re.Match, _: str) -> Iterator[DataChange]:
    width, sign, shift = match.groups()
    low = float(f"{sign or ''}{shift or 0}")
    yield data_changes.scale_into(low, low + float(width or 1))


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


def _remove_last(_: re.Match, __: str) -> Iterator[ModelChange]:
    yield ModelChange("remove")


def _constant_bias(match: re.Match, layer: str) -> Iterator[ModelChange]:
    yield ModelChange("bias", layer, "Constant", {"value": float(match.group(1))})


PATTERNS: tuple[tuple[re.Pattern, Callable], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"\by = \(y - y\.mean\(\)\) / y\.std\(\)", _data_change(data_changes.scale_targets)),
        (
            rf"\by = (?:{NUMBER} \* )?\(y - y\.min\(\)\) / np\.ptp\(y\)(?: ([+-]) {NUMBER})?",
            _scaled_into,
        ),
        (
            r"\by = \(y - y\.min\(\)\) / \(y\.max\(\) - y\.min\(\)\)",
            _data_change(data_changes.map_labels_to_0_and_1),
        ),
        (rf"\by = np\.rint\(y \* {NUMBER}\)", _data_change(data_changes.restore_classes)),
        (r"\by = \(y \+ 1\) / 2", _data_change(data_changes.map_signs_to_labels)),
        (rf"\by = y - {NUMBER}", _data_change(data_changes.shift_labels)),
        (r"\by = y\[:, None\]", _data_change(data_changes.add_column_axis)),
        (
            r"\bx = \(x - x\.mean\(0\)\) / x\.std\(0\)|keras\.layers\.Normalization\(\) first, "
            r"adapted to x|scaled? (?:the )?(?:x|inputs)",
            _data_change(data_changes.scale_inputs),
        ),
        (r"\bkeep = np\.isfinite", _data_change(data_changes.keep_finite_rows)),
        (r"keras\.optimizers\.(\w+)\(([^)]*)\)", _optimizer),
        (r"loss=keras\.losses\.(\w+)\(from_logits=True\)", _logits_loss),
        (r'\bloss="(\w+)"', _loss),
        (r"\bfrom_logits=False", _single_change("from_logits", value=False)),
        (r"\bfrom_logits=True", _single_change("from_logits", value=True)),
        (r"\bunits=(\d+)", _units),
        (r'keras\.layers\.Dense\((\d+), activation="(\w+)"\),$', _hidden),
        (r'\bDense\((\d+)(?:, (?:activation=)?"?(\w+)"?)?\)', _dense),
        (r"\bkeras\.initializers\.Constant\(([^)]*)\)", _constant_bias),
        (r'\bkernel_initializer="(\w+)"', _initializer),
        (r'\bactivation=("\w+"|None)', _single_change("activation")),
        (r"remove the last activation", _single_change("activation", value=None)),
        (r"Dropout before|remove the dropout|[Dd]ropout.* before the last", _remove_last),
        (r"model\.fit\(x, y, epochs=(\d+), batch_size=(\d+)\)", _longer),
        (r"layer\.trainable = True", _single_change("trainable")),
    )
)
"""Pairs of a pattern in the text of a fix and its parser; more specific patterns come first."""
