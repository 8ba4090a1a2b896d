"""`outrange loop`: verifies the closed loop of a controller and a plant."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...answers.render.text import text
from ...core import Clock, InputError, OutOfTime
from ..exit_codes import EXACT, INTERRUPTED, OPEN, VIOLATED, fail
from ..options.boxes import BoxOptions, box_of
from ..options.models import load_model
from ..options.workers import command_workers
from ..start_up import choose_seconds, command_began, question_limit, reading


if TYPE_CHECKING:
    from ...answers.loops import Loop
    from ...api.loops.control_loop import ControlLoop
    from ...frontends.network import Network

PARTS = ("plant", "observe", "actuate")
"""Names of the functions that a plant file may define."""


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
    parameters: tuple[float, float] | None,
    where: str | None,
    seconds: float | None,
    budget: float | None = None,
    tol: float | None,
    seed: int,
    picture: str | None,
    table: str | None,
    executor: str | None,
    form: str,
    safe_mode: bool,
) -> int:
    """Verify a closed loop and print the answer, first as a single word; return the exit code.

    Args:
        controller: File of the controller, or of a whole loop (see `outrange.read_loop_file`).
        box: Options of the set of initial states.
        plant: A Python file that defines `plant`, or a model.
        formulas: One formula per state, instead of `plant`.
        forever: Whether to prove the specification for all time, instead of `steps`.
        dt: Period of a plant in continuous time.
        specs: Specifications, all of which must hold.
        disturbance: Range of the disturbance.
        parameters: Range of the parameters.
        where: Condition on the initial states.
        seconds: Limit of wall-clock time, including the time to read the files; None for
            `DEFAULT_SECONDS`.
        budget: Limit in units of work, instead of `seconds`.
        tol: Gap to reach; see `outrange.closed_loop`.
        seed: Seed of the simulated trajectories.
        picture: File for a figure of the states over time.
        table: CSV file for the bounds on the states.
        executor: Address of a Dask scheduler whose workers search.
        form: Output format, `"text"` or `"json"`.
        safe_mode: Whether to refuse code stored in the model file.
    """
    seconds = choose_seconds(seconds, budget)
    clock = Clock(seconds, command_began())
    from ...api.decorators import with_arguments
    from ...api.loops.ask import closed_loop
    from ...api.loops.files import read_loop_file
    from ...questions.inputs.sets import Union
    from ...questions.language.parser import read_condition

    spec = "; ".join(specs) or None
    if controller.endswith((".yaml", ".yml")):
        _check_alone(controller, plant, formulas, dt, box)
        loop, steps_of_file, spec_of_file = read_loop_file(controller)
        steps = steps_of_file if steps is None and not forever else steps
        spec = spec_of_file if spec is None else spec
    else:
        _check_steps(steps, forever)
        try:
            with reading(controller, clock):
                network = load_model(controller, safe_mode)
        except OutOfTime:
            late = "time ran out before the model was read; increase --time-limit"
            return fail(late, OPEN)
        loop = _loop(network, box, _plant(plant, formulas), formulas, _period(dt))
    unknown = {"w": disturbance, "p": parameters}
    loop = replace(
        loop,
        unknown={key: ends for key, ends in unknown.items() if ends is not None},
        initial=loop.initial if where is None else Union(loop.initial) & read_condition(where),
    )
    with command_workers(executor, budget=budget):
        result = closed_loop(
            loop, steps, spec, tol=tol, seed=seed, **question_limit(clock, seconds, budget)
        )
    answer: Loop = result if budget is not None else with_arguments(result, time_limit=seconds)
    if table is not None:
        answer.csv(table)
    if picture is not None:
        _draw(answer, picture)
    word = {"REACHED": "reached"}.get(answer.status, answer.status.lower())
    if form == "json":
        echo(json.dumps({"result": word, **answer.as_dict()}))
    else:
        echo(f"{word}\n{text(replace(answer.annotated_document(), title=''))}")
    if answer.reason == "interrupted":
        return INTERRUPTED
    return {"VIOLATED": VIOLATED, "UNKNOWN": OPEN}.get(answer.status, EXACT)


def _loop(
    network: Network,
    box: BoxOptions,
    functions: Mapping[str, Any],
    formulas: tuple[str, ...],
    dt: Fraction | None,
) -> ControlLoop:
    """Return the loop of a controller and a plant, without disturbance and parameters.

    Args:
        network: The controller, a network from the state to the control.
        box: Options of the set of initial states.
        functions: The plant and the other functions of the loop, by argument name.
        formulas: One formula per state, or none.
        dt: Period of a plant in continuous time.
    """
    from ...api.loops.control_loop import ControlLoop
    from ...graph import Slot

    names = box.feature_names
    count = len(names or formulas) or network.graph.size
    slots = [Slot(name, (), column_of="x") for name in names or ()] or [Slot("x", (count,))]
    return ControlLoop(
        network,
        functions["plant"],
        box_of(replace(box, names=None), slots),
        dt=dt,
        observe=functions.get("observe"),
        actuate=functions.get("actuate"),
        names=names or [f"x{i + 1}" for i in range(count)],
    )


def _check_steps(steps: int | None, forever: bool) -> None:
    if (steps is None) != forever:
        raise InputError(
            "Pass either --steps N, the number of steps (with --dt: periods), or --forever, for "
            f"all time. Received: {'both' if forever else 'neither'}."
        )


def _check_alone(path: str, *options: Any) -> None:
    """Check that no option sets what a loop file sets: plant, period and initial states."""
    *parts, box = options
    if any(parts) or not box.is_empty:
        raise InputError(
            "A loop file sets the plant, the period and the initial states: omit --plant, --next, "
            "--dt and the options for the input set. "
            f"Received: `{path}` and at least one of these options."
        )


def _period(dt: str | None) -> Fraction | None:
    """Return the exact value of `dt`, a decimal number or a fraction such as `1/3`, or None."""
    try:
        return None if dt is None else Fraction(dt)
    except (ValueError, ZeroDivisionError):
        raise InputError(
            f"--dt must be a period of time such as 0.05 or 1/20. Received: `--dt {dt}`."
        ) from None


def _plant(plant: str | None, formulas: tuple[str, ...]) -> dict[str, Any]:
    """Return the plant, and the other loop functions in its Python file, by argument name.

    Raises:
        InputError: The options specify no plant, or two, or the Python file is unreadable, raises
            an exception or defines no `plant`.
    """
    if (plant is None) == (not formulas):
        raise InputError(
            "Define the plant with --plant FILE.py (which defines `plant(x, u)`), --plant "
            "MODEL.onnx, or one --next FORMULA per state: --next 'x1 + 0.1*x2'. "
            f"Received: {'both' if formulas else 'none'}."
        )
    if plant is None:
        return {"plant": list(formulas)}
    if not plant.endswith(".py"):
        return {"plant": plant}
    try:
        namespace = runpy.run_path(plant)
    except OSError as error:
        raise InputError(
            f"The plant file cannot be read ({error.strerror}). Received: `{plant}`."
        ) from None
    except Exception as error:
        raise InputError(
            f"The plant file raises {type(error).__name__}: {error}. Received: `{plant}`."
        ) from error
    if not callable(namespace.get("plant")):
        raise InputError(
            "A plant file must define `plant`, a function of `(x, u)` that returns the next state, "
            f"and optionally `observe` and `actuate`. Received: `{plant}` without `plant`."
        )
    return {name: namespace[name] for name in PARTS if name in namespace}


def _draw(answer: Loop, picture: str) -> None:
    figure = answer.plot_times()[0].figure
    try:
        figure.savefig(picture)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The figure cannot be written ({error}). Received: `{picture}`."
        ) from error
