"""Reader of closed loops in the YAML format of the ARCH competition."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ...core import InputError, pip_install
from ...questions.expressions import Condition, Temporal, u, x
from .control_loop import ControlLoop
from .parts import MOST_STEPS


RULE = (
    "A loop file must be YAML with `initial_set`, `dynamics_expressions`, `model_dir`, `steps` and "
    "`step_size`, in the format of CROWN-Reach and the ARCH competition"
)

MOST_BYTES = 1 << 18
"""Maximum file size; files of the competition have a few thousand bytes."""

MOST_NESTED = 20
"""Maximum nesting depth of lists and mappings; files of the competition have four levels."""

LEAST_PERIOD, MOST_PERIOD = 1e-12, 1e12
"""Range of accepted step sizes."""

FRACTION = re.compile(r"\d{1,15}\s*/\s*\d{1,15}")
"""Pattern for a step size that is a fraction instead of a decimal."""


class LoopQuestion(NamedTuple):
    """Contents of a loop file: the positional arguments of `outrange.closed_loop`.

    Args:
        loop: The loop.
        steps: Number of steps, or of periods if the loop has `dt`.
        spec: The specification; None if the file has none.
    """

    loop: ControlLoop
    steps: int
    spec: Temporal | None


def read_loop_file(path: str | os.PathLike, controller: Any = None) -> LoopQuestion:
    r"""Read a closed loop from a file of the ARCH competition, in the format of CROWN-Reach.

    The last variables of `initial_set` are the controls, and the others are states (a clock that no
    formula uses is dropped). The state must never satisfy all of `constraints_unsafe`, must always
    satisfy all of `constraints_safe`, and must satisfy all of `constraints_target` at the end.
    Settings for splits and integrators are ignored, because this library needs none.

    Args:
        path: The file. No code in it is run.
        controller: The controller. None for the file that `model_dir` names, or a file of the same
            name in the folder of `path`.

    Returns:
        A named tuple of the `ControlLoop`, the number of `steps` and the specification `spec`, for
        `closed_loop(*read_loop_file("nav.yaml"))`.

    Raises:
        InputError: The file cannot be read, or is not in this format.

    Example:
        >>> import pathlib, tempfile
        >>> from outrange import closed_loop
        >>> path = pathlib.Path(tempfile.mkdtemp(), "decay.yaml")
        >>> lines = ["steps: 3", "step_size: 0.1", "initial_set:"]
        >>> lines += ["  - {name: x1, interval: [1, 2]}", "  - {name: u1, interval: [0, 0]}"]
        >>> lines += ["dynamics_expressions: ['u1', '0']", "constraints_safe: ['x1 - 2']"]
        >>> _ = path.write_text("\n".join(lines))
        >>> closed_loop(*read_loop_file(path, controller=lambda x: [-x[0]])).status
        'HOLDS'

    Sound, complete, cost, reference: as for `outrange.closed_loop`.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            "`path` must be a path to a file (str or os.PathLike). "
            f"Received: {type(path).__name__}."
        )
    keys = _read_keys(path)
    variables = _variables(keys)
    formulas = _texts(keys, "dynamics_expressions", needed=True)
    count = _integer(keys, "num_nn_output", len(variables), absent=1)
    if count == len(variables) or len(formulas) != len(variables):
        raise InputError(
            f"{RULE}: it must have one formula per variable, and the last variables are the "
            f"controls. Received: {len(variables)} variables, {len(formulas)} formulas, {count} "
            "controls."
        )
    names = [name for name, _, _ in variables]
    for formula in formulas:
        _parse_formula(formula, [*names, "t"], "dynamics_expressions")
    states, controls = names[:-count], names[-count:]
    rows = list(zip(variables[:-count], formulas[:-count], strict=True))
    conditions = [text for kind in _KINDS for text in _texts(keys, f"constraints_{kind}")]
    observed = _integer(keys, "num_nn_input", len(states), absent=len(states))
    clock = states.index("t") if "t" in states and observed <= states.index("t") else -1
    if clock >= 0 and not _is_named([*(f for _, f in rows), *conditions], "t"):
        states, rows = [s for s in states if s != "t"], [r for r in rows if r[0][0] != "t"]
    steps, dt = _integer(keys, "steps", MOST_STEPS), _period(keys)
    loop = ControlLoop(
        _controller(path, keys) if controller is None else controller,
        [formula for _, formula in rows],
        ([lo for (_, lo, _), _ in rows], [hi for (_, _, hi), _ in rows]),
        dt=dt,
        observe=None if observed == len(states) else (lambda x: x[:observed]),
        actuate=_rescaling(_number(keys, "output_scale", 1.0), _number(keys, "output_offset", 0.0)),
        names=(states, controls),
    )
    return LoopQuestion(loop, steps, _spec(keys, states, controls, steps * dt))


def _read_keys(path: str | os.PathLike) -> Mapping[str, Any]:
    """Return a file's mapping from keys to values. Scalars remain text, and no code is run.

    Aliases are rejected, because they may expand to far more text than the file contains.
    """
    try:
        import yaml
    except ImportError:
        raise InputError(
            f"Loop files need PyYAML: {pip_install('pyyaml')}. Received: `{os.fspath(path)}`."
        ) from None
    if not Path(path).is_file():
        raise InputError(f"The loop file does not exist. Received: `{os.fspath(path)}`.")
    if Path(path).stat().st_size > MOST_BYTES:
        raise InputError(
            f"{RULE}, and may have at most {MOST_BYTES:,} bytes. "
            f"Received: {Path(path).stat().st_size:,} bytes in `{os.fspath(path)}`."
        )
    try:
        text, depth = Path(path).read_text("utf-8"), 0
        for event in yaml.parse(text, yaml.BaseLoader):
            line = f"line {event.start_mark.line + 1} of `{os.fspath(path)}`"
            if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
                raise InputError(f"{RULE}, without aliases (`*name`) or tags. Received: {line}.")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_NESTED:
                raise InputError(
                    f"{RULE}, and may have at most {MOST_NESTED} levels of nested lists. "
                    f"Received: {line}."
                )
        keys = yaml.load(text, yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{RULE}. Received: `{os.fspath(path)}` ({reason}).") from error
    if not isinstance(keys, Mapping):
        raise InputError(f"{RULE}. Received: {type(keys).__name__} in `{os.fspath(path)}`.")
    return {key: value for key, value in keys.items() if value not in ("", "~", "null")}


def _texts(keys: Mapping[str, Any], key: str, needed: bool = False) -> list[str]:
    """Return the strings stored under a key, or an empty list if an optional key is missing."""
    texts = keys.get(key, None if needed else [])
    if not isinstance(texts, list) or (needed and not texts):
        raise InputError(f"{RULE}: `{key}` must be a list. Received: {texts!r:.60}.")
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"{RULE}: `{key}` must be a list of formulas. Received: {text!r:.60}.")
    return texts


def _number(keys: Mapping[str, Any], key: str, absent: float) -> float:
    value = _float(keys.get(key, absent))
    if value is None:
        raise InputError(
            f"{RULE}: `{key}` must be a finite number. Received: {keys.get(key)!r:.60}."
        )
    return value


def _float(value: Any) -> float | None:
    """Return the value as a float if it is a finite number, otherwise None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _integer(keys: Mapping[str, Any], key: str, most: int, absent: int | None = None) -> int:
    value = _float(keys.get(key, absent))
    if value is None or not (1 <= value <= most and value == int(value)):
        raise InputError(
            f"{RULE}: `{key}` must be an integer from 1 to {most:,}. Received: "
            f"{keys.get(key)!r:.60}."
        )
    return int(value)


def _period(keys: Mapping[str, Any]) -> Fraction:
    """Return the step size exactly as written, a decimal or a fraction such as `1/30`."""
    written = keys.get("step_size")
    text = written.strip() if isinstance(written, str) else ""
    value = _float(text)
    if FRACTION.fullmatch(text) and int(text.split("/")[1]):
        above, below = map(int, text.split("/"))
        value = above / below
    if value is None or not LEAST_PERIOD <= value <= MOST_PERIOD or len(text) > 100:
        raise InputError(
            f"{RULE}: `step_size` must be a number from {LEAST_PERIOD:g} to {MOST_PERIOD:g}. "
            f"Received: {written!r:.60}."
        )
    return Fraction(above, below) if "/" in text else Fraction(text)


def _variables(keys: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Return the name, the lower bound and the upper bound of each variable."""
    listed = keys.get("initial_set")
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{RULE}: `initial_set` must be a list. Received: {listed!r:.60}.")
    variables = []
    for entry in listed:
        fields = entry if isinstance(entry, Mapping) else {}
        name, ends = fields.get("name"), fields.get("interval")
        pair = [_float(end) for end in ends] if isinstance(ends, list) else []
        match pair:
            case [float(lo), float(hi)] if lo <= hi and isinstance(name, str):
                variables.append((name, lo, hi))
            case _:
                raise InputError(
                    f"{RULE}: each variable of `initial_set` must have a `name` and an `interval` "
                    f"of two finite numbers, the lower one first. Received: {entry!r:.60}."
                )
    twice = next((a for a, b in pairwise(sorted(v[0] for v in variables)) if a == b), None)
    if twice is not None:
        raise InputError(
            f"{RULE}: variables of `initial_set` must have different names. Received: "
            f"`{twice}` twice."
        )
    return variables


def _is_named(texts: Sequence[str], name: str) -> bool:
    """Return whether any of the formulas uses a name."""
    from ...frontends.functions.formulas import uses

    return uses(texts, {name})


def _parse_formula(text: str, names: Sequence[str], key: str) -> Any:
    """Return the syntax tree of a formula; an error names the key that contains it."""
    from ...frontends.functions.formulas import tree_of

    try:
        return tree_of(text, names, names)
    except InputError as error:
        raise InputError(f"`{key}`: {error}") from error


def _controller(path: str | os.PathLike, keys: Mapping[str, Any]) -> str:
    """Return the path in `model_dir`, or the path of a file of that name next to the loop file."""
    wanted, folder = str(keys.get("model_dir", "")), Path(path).parent
    for file in (folder / wanted, folder / Path(wanted).name):
        try:
            if Path(wanted).name and file.is_file():
                return os.fspath(file)
        except (OSError, ValueError):  # a name too long for the file system, or with a null byte
            break
    raise InputError(
        "The controller must be the file named by `model_dir`, or a file of the same name next to "
        f"the loop file; `controller=` overrides both. Received: `{wanted:.60}`, which does not "
        "exist."
    )


def _rescaling(scale: float, offset: float) -> Callable | None:
    if (scale, offset) == (1.0, 0.0):
        return None
    return lambda y: scale * (y - offset)


def _spec(
    keys: Mapping[str, Any], states: Sequence[str], controls: Sequence[str], end: Fraction
) -> Temporal | None:
    """Return the specification in a loop file, or None if the file has none."""
    parts = []
    for kind, at_times in _KINDS.items():
        condition = _condition(keys, f"constraints_{kind}", states, controls)
        if condition is not None:
            parts.append(at_times(condition, float(end)))
    return reduce(lambda a, b: a & b, parts) if parts else None


_KINDS: Mapping[str, Callable[[Condition, float], Temporal]] = {
    "safe": lambda condition, end: condition.always(),
    "unsafe": lambda condition, end: (~condition).always(),
    "target": lambda condition, end: condition.at(end),
}


def _condition(
    keys: Mapping[str, Any], key: str, states: Sequence[str], controls: Sequence[str]
) -> Condition | None:
    """Return the condition that all formulas of a key are at most 0, or None if there are none."""
    from ...frontends.functions.formulas import evaluate

    names = [*states, *controls]
    scope = {name: x[name] for name in states} | {name: u[name] for name in controls}
    parts = []
    for text in _texts(keys, key):
        tree = _parse_formula(text, names, key)
        try:
            condition = evaluate(tree, scope) <= 0
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{RULE}: each formula of `{key}` must compute a number from states and "
                f"controls. Received: `{text:.60}` ({error})."
            ) from error
        if not isinstance(condition, Condition):
            raise InputError(
                f"{RULE}: each formula of `{key}` must contain a state or a control. "
                f"Received: `{text:.60}`."
            )
        parts.append(condition)
    return reduce(lambda a, b: a & b, parts) if parts else None
