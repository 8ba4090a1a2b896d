"""Files of the yearly competition: a loop as a controller, a formula a state, and sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Any

from ...core import InputError, pip_install
from ...questions.expressions import Condition, Temporal, u, x


RULE = (
    "A file of a loop is YAML with `initial_set`, `dynamics_expressions`, `model_dir`, `steps` and "
    "`step_size`, as CROWN-Reach and the ARCH competition write it"
)


def loop_file(path: str | os.PathLike, controller: Any = None) -> dict[str, Any]:
    r"""Read a loop that stands in a file of the ARCH competition, in the form of CROWN-Reach.

    The last variables of `initial_set` are the controls, the others states (a clock that nothing
    asks for is left out). A state is never in all of `constraints_unsafe` at once, always in all of
    `constraints_safe`, and in all of `constraints_target` at the end. Splits and settings of
    integrators are not read: none are needed.

    Args:
        path: The file. Nothing in it is run.
        controller: The controller; None for the file that `model_dir` names, or one of its name
            beside `path`.

    Returns:
        The arguments of `outrange.closed_loop`, for `closed_loop(**loop_file("nav.yaml"))`.

    Raises:
        InputError: It cannot be read, or is no such file.

    Example:
        >>> import pathlib, tempfile
        >>> from outrange import closed_loop
        >>> path = pathlib.Path(tempfile.mkdtemp(), "decay.yaml")
        >>> told = ["steps: 3", "step_size: 0.1", "initial_set:"]
        >>> told += ["  - {name: x1, interval: [1, 2]}", "  - {name: u1, interval: [0, 0]}"]
        >>> told += ["dynamics_expressions: ['u1', '0']", "constraints_safe: ['x1 - 2']"]
        >>> _ = path.write_text("\n".join(told))
        >>> closed_loop(**loop_file(path, controller=lambda x: [-x[0]])).status
        'HOLDS'

    Sound, complete, cost, reference: as `outrange.closed_loop`.
    """
    told = _read(path)
    variables = [_variable(one) for one in _listed(told, "initial_set")]
    formulas = [str(one) for one in _listed(told, "dynamics_expressions")]
    count = int(_number(told, "num_nn_output", 1.0))
    if not 0 < count < len(variables) or len(formulas) != len(variables):
        raise InputError(
            f"{RULE}: a formula for each variable, the last ones of which are the controls. "
            f"Received: {len(variables)} variables, {len(formulas)} formulas, {count} controls."
        )
    names = [name for name, _, _ in variables]
    states, controls = names[:-count], names[-count:]
    rows = list(zip(variables[:-count], formulas[:-count], strict=True))
    said = [*_texts(told, "unsafe"), *_texts(told, "safe"), *_texts(told, "target")]
    taken = int(_number(told, "num_nn_input", float(len(states))))
    clock = states.index("t") if "t" in states and taken <= states.index("t") else -1
    if clock >= 0 and not _names_it([*(f for _, f in rows), *said], "t"):
        states, rows = [s for s in states if s != "t"], [r for r in rows if r[0][0] != "t"]
    steps, dt = int(_number(told, "steps")), Fraction(str(told.get("step_size")))
    found = {
        "controller": _controller(path, told) if controller is None else controller,
        "plant": [formula for _, formula in rows],
        "initial": ([lo for (_, lo, _), _ in rows], [hi for (_, _, hi), _ in rows]),
        "steps": steps, "dt": dt, "states": states, "controls": controls,
        "spec": _spec(told, states, controls, steps * dt),
        "actuate": _scaled(_number(told, "output_scale", 1.0), _number(told, "output_offset", 0.0)),
        "observe": None if taken == len(states) else (lambda x: x[:taken]),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _read(path: str | os.PathLike) -> Mapping[str, Any]:
    try:
        import yaml
    except ImportError:
        raise InputError(
            f"Files of loops are YAML, which PyYAML reads: {pip_install('pyyaml')}. Received: "
            f"`{os.fspath(path)}`."
        ) from None
    if not Path(path).is_file():
        raise InputError(f"There is no such file of a loop. Received: `{os.fspath(path)}`.")
    try:
        found = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise InputError(f"{RULE}. Received: `{os.fspath(path)}` ({told}).") from error
    if not isinstance(found, Mapping):
        raise InputError(f"{RULE}. Received: a {type(found).__name__} in `{os.fspath(path)}`.")
    return found


def _listed(told: Mapping[str, Any], key: str) -> list[Any]:
    found = told.get(key)
    if not isinstance(found, list) or not found:
        raise InputError(f"{RULE}: `{key}` is a list. Received: {found!r:.60}.")
    return found


def _texts(told: Mapping[str, Any], kind: str) -> list[str]:
    return [str(one) for one in told.get(f"constraints_{kind}") or ()]


def _number(told: Mapping[str, Any], key: str, absent: float | None = None) -> float:
    try:
        # YAML 1.1 takes 1e-4 for a word.
        return float(told[key] if absent is None else told.get(key, absent))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{RULE}: `{key}` is a number. Received: {told.get(key)!r:.60}.") from None


def _variable(told: Any) -> tuple[str, float, float]:
    try:
        lo, hi = (float(end) for end in told["interval"])
        return str(told["name"]), lo, hi
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{RULE}: a variable has a `name` and an `interval` of two numbers. "
            f"Received: {told!r:.60}."
        ) from None


def _names_it(texts: Sequence[str], name: str) -> bool:
    from ...frontends.functions.formulas import uses

    return uses(texts, {name})


def _controller(path: str | os.PathLike, told: Mapping[str, Any]) -> str:
    """The file that is named, or one of its name beside this one."""
    wanted, folder = Path(str(told.get("model_dir", ""))), Path(path).parent
    for one in (folder / wanted, folder / wanted.name):
        if wanted.name and one.is_file():
            return os.fspath(one)
    raise InputError(
        "The controller is the file that `model_dir` names, or one of its name beside the file of "
        f"the loop; `controller=` gives another. Received: `{wanted}`, which is not there."
    )


def _scaled(scale: float, offset: float) -> Callable | None:
    if (scale, offset) == (1.0, 0.0):
        return None
    return lambda y: scale * (y - offset)


def _spec(
    told: Mapping[str, Any], states: Sequence[str], controls: Sequence[str], end: Fraction
) -> Temporal | None:
    """What is to hold; None where nothing is said."""
    each = {kind: _all(_texts(told, kind), states, controls) for kind in _KINDS}
    parts = [_KINDS[kind](found, float(end)) for kind, found in each.items() if found is not None]
    return reduce(lambda a, b: a & b, parts) if parts else None


_KINDS: Mapping[str, Callable[[Condition, float], Temporal]] = {
    "safe": lambda found, end: found.always(),
    "unsafe": lambda found, end: (~found).always(),
    "target": lambda found, end: found.at(end),
}


def _all(texts: Sequence[str], states: Sequence[str], controls: Sequence[str]) -> Condition | None:
    """Where every one of some formulas is at most 0."""
    from ...frontends.functions.formulas import evaluated, tree_of

    names = [*states, *controls]
    scope = {name: x[name] for name in states} | {name: u[name] for name in controls}
    found = [evaluated(tree_of(text, names, names), scope) <= 0 for text in texts]
    return reduce(lambda a, b: a & b, found) if found else None
