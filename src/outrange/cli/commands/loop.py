"""`outrange loop`: a controller and a plant together, step after step."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...answers.render.text import text
from ...core import Clock, InputError, OutOfTime
from ..exit_codes import EXACT, INTERRUPTED, OPEN, VIOLATED, fail
from ..options.boxes import BoxOptions, box_of
from ..options.models import load_model
from ..start_up import command_began, question_limit, reading


if TYPE_CHECKING:
    from ...answers.loops import Loop

PARTS = ("plant", "observe", "actuate")
"""Functions that a file of Python may define."""


def ask_loop(
    controller: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    plant: str | None,
    formulas: tuple[str, ...],
    steps: int | None,
    forever: bool,
    dt: str | None,
    specs: tuple[str, ...],
    disturbance: tuple[float, float] | None,
    varying: bool | None,
    parameters: tuple[float, float] | None,
    where: str | None,
    seconds: float,
    budget: float | None = None,
    tol: float | None,
    seed: int,
    picture: str | None,
    table: str | None,
    executor: str | None,
    as_json: bool,
    unsafe: bool,
) -> int:
    """Print the answer; its first line is one word. The exit code says what was decided.

    Args:
        controller: The model's file, or one of a whole loop (see `outrange.loop_file`).
        box: The initial states.
        echo: Prints on stdout.
        plant: A file of Python that defines `plant`, or a model.
        formulas: One a state, in place of a file.
        steps: How many.
        forever: All time, in the place of steps.
        dt: The period of a plant in continuous time.
        specs: What shall hold, all of them.
        disturbance: Its ends.
        varying: Whether it is another one at every step.
        parameters: Their ends.
        where: A condition on the initial states.
        seconds: Of wall time, for reading the files too.
        budget: Units of work in place of seconds.
        tol: See `outrange.closed_loop`.
        seed: Of the simulated trajectories.
        picture: A file to draw the states over time in.
        table: A file of comma-separated values to write the pipe to.
        executor: The address of Dask's scheduler, whose workers search.
        as_json: Print everything as JSON.
        unsafe: Run code stored in the model file.
    """
    clock = Clock(seconds, command_began())
    asked: dict[str, Any] = {
        "disturbance": disturbance, "varying": varying, "parameters": parameters, "where": where,
        "tol": tol, "seed": seed, "executor": executor,
    }  # fmt: skip
    if steps is not None or forever:
        asked["steps"] = steps
    if specs:
        asked["spec"] = "; ".join(specs)
    from ...api.loops.ask import closed_loop
    from ...api.loops.files import loop_file
    from ...api.recorded import as_asked

    if controller.endswith((".yaml", ".yml")):
        _check_alone(controller, plant, formulas, dt, box)
        asked = loop_file(controller) | asked
    else:
        _check_steps(steps, forever)
        try:
            with reading(controller, clock):
                network = load_model(controller, unsafe)
        except OutOfTime:
            late = "the time ran out before the model was read; give it more with --time"
            return fail(late, OPEN)
        asked |= _written(network, box, _plant(plant, formulas), formulas)
        asked |= {"dt": _period(dt)}
    found = closed_loop(**asked, **question_limit(clock, budget))
    answer: Loop = found if budget is not None else as_asked(found, time_limit=seconds)
    if table is not None:
        answer.csv(table)
    if picture is not None:
        _draw(answer, picture)
    word = {"REACHED": "reached"}.get(answer.status, answer.status.lower())
    if as_json:
        echo(json.dumps({"result": word, **answer.as_dict()}))
    else:
        echo(f"{word}\n{text(replace(answer.titled(), title=''))}")
    if answer.reason == "interrupted":
        return INTERRUPTED
    return {"VIOLATED": VIOLATED, "UNKNOWN": OPEN}.get(answer.status, EXACT)


def _written(
    network: Any, box: BoxOptions, parts: dict[str, Any], formulas: tuple[str, ...]
) -> dict[str, Any]:
    """Controller, plant and initial set, from the options."""
    from ...graph import Slot

    names = box.feature_names
    count = len(names or formulas) or network.graph.size
    slots = [Slot(name, (), column_of="x") for name in names or ()] or [Slot("x", (count,))]
    return {
        "controller": network, "initial": box_of(replace(box, names=None), slots),
        "states": names or [f"x{i + 1}" for i in range(count)], **parts,
    }  # fmt: skip


def _check_steps(steps: int | None, forever: bool) -> None:
    if (steps is None) != forever:
        raise InputError(
            "--steps says how many steps (with --dt: periods) the loop runs, or --forever that it "
            f"never ends. Received: {'both' if forever else 'neither'}."
        )


def _check_alone(path: str, *given: Any) -> None:
    """Refuse what a file of a loop says itself."""
    *parts, box = given
    if any(parts) or not box.is_empty:
        raise InputError(
            "A file of a loop says what plant, period and initial states are: leave --plant, "
            f"--next, --dt and the options of the set out. Received: `{path}` and some of them."
        )


def _period(dt: str | None) -> Fraction | None:
    """A number as it is written, or a fraction of two: `1/3`."""
    try:
        return None if dt is None else Fraction(dt)
    except (ValueError, ZeroDivisionError):
        raise InputError(
            f"--dt is a period of time, 0.05 or 1/20 say. Received: `--dt {dt}`."
        ) from None


def _plant(plant: str | None, formulas: tuple[str, ...]) -> dict[str, Any]:
    """The plant, and what a file of Python says beside it.

    Raises:
        InputError: There is none, or two.
    """
    if (plant is None) == (not formulas):
        raise InputError(
            "Say what the plant is, with --plant FILE.py (which defines `plant(x, u)`), --plant "
            "MODEL.onnx, or one --next FORMULA a state: --next 'x1 + 0.1*x2'. "
            f"Received: {'both' if formulas else 'none'}."
        )
    if plant is None:
        return {"plant": list(formulas)}
    if not plant.endswith(".py"):
        return {"plant": plant}
    try:
        found = runpy.run_path(plant)
    except OSError as error:
        raise InputError(
            f"The file of the plant cannot be read ({error.strerror}). Received: `{plant}`."
        ) from None
    except Exception as error:
        raise InputError(
            f"The file of the plant fails with {type(error).__name__}: {error}. "
            f"Received: `{plant}`."
        ) from error
    if not callable(found.get("plant")):
        raise InputError(
            "A file of a plant defines `plant`, a function of `(x, u)` that returns the next "
            f"state, and `observe` and `actuate` if need be. Received: `{plant}` without `plant`."
        )
    return {name: found[name] for name in PARTS if name in found}


def _draw(answer: Loop, picture: str) -> None:
    figure = answer.plot_times()[0].figure
    try:
        figure.savefig(picture)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The picture cannot be written there ({error}). Received: `{picture}`."
        ) from error
