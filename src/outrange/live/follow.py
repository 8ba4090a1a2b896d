"""Displays the progress of a call that takes a while."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar, cast

from ..core import ArgumentError, InputError, did_you_mean
from ..core.clock import read_wall_clock
from ..core.progress import Listener, Stage, current_listener, use_listener
from .line import LineScreen


if TYPE_CHECKING:
    from .frame import Frame


PATIENCE, EAGER = 2.0, 0.5
"""Seconds before progress appears in a terminal or notebook: with `progress=None`, which is the
default, and with `progress=True`."""

IN_A_SCRIPT = 30.0
"""Seconds before one line is printed if there is neither a terminal nor a notebook."""

EVERY = 0.5
"""Seconds between two frames. Drawing takes milliseconds, and users need no faster updates."""

Progress: TypeAlias = bool | Callable[..., object] | None
"""The argument `progress`: True or False, a function that receives the progress reports, or None to
show progress only if the call is slow."""

Ask = TypeVar("Ask", bound=Callable[..., Any])

SEED = "The random points of the search are fixed, and no proof depends on them: leave out `seed`."

LOADED = (
    "Load the model with `keras.models.load_model`, which has this argument, and pass the model."
)
"""Sentence about former arguments of `diagnose`."""

RECORD = "`outrange.Perturbation(eps, norm=..., clip=..., scale=...)`"

PERTURBATION = f"The perturbations are one record: pass `perturbation={RECORD[1:]}."
"""Sentence about the former arguments of `robustness`."""

RADIUS = f"The perturbations are one record: pass {RECORD} as `eps`."
"""Sentence about the former arguments of `robust_accuracy`."""

FORMER = {
    "bounds": "The input set is the argument `box`: pass `box=...`.",
    "check": "Certificates are always checked before they are written: leave out `check`.",
    "effort": "`time_limit` is the only limit in seconds: leave out `effort`, or pass a number, or "
    "`time_limit=math.inf` for no limit.",
    **{f"diagnose {name}": LOADED for name in ("custom_objects", "safe_mode")},
    "ControlLoop parameters": 'Unknown values are one dict: pass `unknown={{"p": (lo, hi)}}`.',
    "ControlLoop disturbance": 'Unknown values are one dict: pass `unknown={{"w": (lo, hi)}}`.',
    "ControlLoop varying": "A disturbance may change at every step: leave out `varying`, and pass "
    'a constant as `unknown={{"p": (lo, hi)}}`.',
    "ControlLoop choice": 'Unknown values are one dict: pass `unknown={{"c": [-1, 0, 1]}}`.',
    "ControlLoop mode": "The mode is the key of the controllers: pass "
    '`controller={{"phase": {{0: idle, 1: climb}}}}`.',
    "ControlLoop states": 'Pass the names of the states as `names=["angle", "speed"]`.',
    "ControlLoop controls": "Pass the names of the states and of the controls as a pair: "
    '`names=(["angle", "speed"], ["force"])`.',
    "ControlLoop where": "The condition is part of the initial set: pass "
    "`outrange.Union((lo, hi)) & (outrange.x[0] <= 1)` as `initial`.",
    **{
        f"compare {name}": f"The candidates are one dict: pass `candidates={{{{'{key}': [...]}}}}`."
        for name, key in (
            ("activations", "activation"),
            ("losses", "loss"),
            ("optimizers", "optimizer"),
        )
    },
    **{
        f"compare {name}": "The numbers of the training are one dict: pass "
        f"`training={{{{'{name}': ...}}}}`."
        for name in ("starts", "epochs", "batch_size", "seed")
    },
    "compare better": 'The direction belongs to the metric: pass `metric=(function, "lower")`.',
    "compare kind": "The type of `y` determines the kind of the targets: `y.astype(str)` are "
    "classes, and `y.astype(float)` are numbers.",
    "compare engine": "`compare` chooses the engine: leave out `engine`.",
    "diagnose steps": "The number of steps is now `train`: pass `train=0` to train nothing.",
    "diagnose try_fixes": 'Pass `train="fixes"` to try each fix on a copy.',
    "executor": "A `with` block chooses the workers: `with outrange.workers(executor): {call}`.",
    "layer": "A question about the values of a layer takes them as outputs: pass "
    "`outrange.load(model, layer=name)` as the model.",
    "keep": "Pass all properties as one list: `repair(model, [(property, box), ...])`.",
    "robustness label": "The class is the argument `property`, a number or a condition.",
    "robustness threshold": "Instead of a threshold, pass the condition that must stay true, such "
    "as `property=outrange.y[0] >= 0.3`.",
    "robustness data": "The argument `scale` takes the standard deviations themselves: pass "
    "`perturbation=outrange.Perturbation(scale=data.std(axis=0))`.",
    "robustness most": "The largest radius of interest is `eps` of the perturbation: pass "
    "`perturbation=outrange.Perturbation(eps)`.",
    **{f"robustness {name}": PERTURBATION for name in ("norm", "clip", "scale")},
    **{f"robust_accuracy {name}": RADIUS for name in ("norm", "clip", "scale")},
    "repair seed": SEED,
    "repair y": "Compute losses with Keras: `fixed.model.evaluate(x, y)`. Leave out `y`.",
    "repair domain": "The larger input set is now `x`: pass `x=outrange.Box(lo, hi)`.",
    "repair margin": "Pass a stricter property instead, such as `outrange.y[0] >= 0.001`.",
    "repair where": "The condition is part of the input set: pass `outrange.Union(box) & "
    "(outrange.x[0] <= 1)` as `box`.",
    "report clip": f"Perturbations are one record: pass {RECORD} as `eps`.",
    "report command": "A page from Python quotes the Python call: leave out `command`.",
    "report seed": SEED,
    "robustness seed": SEED,
    "robust_accuracy seed": SEED,
    "monotone seed": SEED,
    "gradient_range seed": SEED,
    "lipschitz seed": SEED,
    "resume": "A `with` block chooses the folder for states of searches: `with "
    "outrange.workers(executor, resume=folder): {call}`, or `outrange.workers(resume=folder)` to "
    "search in this process.",
}
"""Dict from a removed argument to a sentence that states what to do instead. If other functions
still have the argument, the key is the function followed by the argument. The placeholder `{call}`
stands for the call. The dict is kept until version 0.2.
"""


class Screen(Protocol):
    """A place where the frames of a live view are shown, such as a terminal or a notebook."""

    def show(self, frame: Frame) -> None: ...

    def close(self) -> None: ...


def screen() -> Callable[[], Screen] | None:
    """Return the `Screen` class for this notebook or terminal, or None if there is neither."""
    if "IPython" in sys.modules:
        from .notebook import NotebookScreen, in_notebook

        if in_notebook():
            return NotebookScreen
    if sys.stderr is not None and sys.stderr.isatty():
        from .terminal import TerminalScreen

        return TerminalScreen
    return None


class Display:
    """A progress listener that stores the latest reports and draws them in a thread.

    Args:
        title: Title of the call, for the headline.
        opened: Function that creates the `Screen`; None to show nothing.
        patience: Seconds before the `Screen` is created.
    """

    def __init__(
        self, title: str, opened: Callable[[], Screen] | None, patience: float = PATIENCE
    ) -> None:
        self._title, self._opened, self._patience = title, opened, patience
        self._news: dict[type, Any] = {}
        self._over = threading.Event()
        self._begin = read_wall_clock()
        self._thread: threading.Thread | None = None

    @property
    def shown(self) -> bool:
        """Whether the display has a `Screen` on which to show the progress."""
        return self._opened is not None

    def __call__(self, *news: Any) -> None:
        """Receive a report: a stage, a progress record, or two numbers that enclose the result."""
        report = news[0]
        if len(news) == 2:
            from .frame import Between

            report = Between(*map(float, news))
        if isinstance(report, Stage):
            before = self._news.get(Stage, Stage(""))
            stage = replace(report, text=before.text) if report.text is None else report
            self._news = {Stage: stage}
        else:
            self._news = {**self._news, type(report): report}

    def frame(self) -> Frame:
        """Return a frame built from the latest progress reports."""
        from .frame import frame

        return frame(self._title, read_wall_clock() - self._begin, self._news)

    def __enter__(self) -> Self:
        if self._opened is not None:
            # Copy the caller's context: a notebook uses it to find the current cell.
            run = copy_context().run
            self._thread = threading.Thread(
                target=run, args=(self._draw, self._opened), name="outrange-live", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _draw(self, opened: Callable[[], Screen]) -> None:
        if self._over.wait(self._patience):
            return
        screen = opened()
        try:
            while True:
                screen.show(self.frame())
                if self._over.wait(EVERY):
                    return
        finally:
            screen.close()


def progress_listener(progress: Progress) -> Callable[..., None] | None:
    """Return `progress` if it is a function, otherwise None.

    If there is a display, `with_progress` has already replaced True or None with the display, which
    is callable.
    """
    return progress if callable(progress) else None  # pyright: ignore[reportReturnType]


@contextmanager
def show_progress(title: str, progress: Progress) -> Iterator[Listener | None]:
    """Show the progress of the computations in the `with` block.

    Args:
        title: Title of the call, for the headline.
        progress: The argument `progress` of the call.

    Yields:
        The listener for progress reports, or None if there is none.

    Raises:
        InputError: `progress` is not one of the permitted values.
    """
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise InputError(
            "`progress` must be a function, True, False, or None (progress for long calls only). "
            f"Received: {progress!r}."
        )
    if progress is False or callable(progress):
        with use_listener(None):
            yield progress or None
        return
    around = current_listener()
    if around is not None:
        yield around
        return
    alone = threading.current_thread() is not threading.main_thread()
    opened = None if alone and progress is None else screen()
    patience = EAGER if progress else PATIENCE
    if opened is None:
        if alone or progress is not None:
            yield None
            return
        opened, patience = LineScreen, IN_A_SCRIPT
    with Display(title, opened, patience) as shown, use_listener(shown):
        yield shown


def with_progress(title: str, reports: bool = True) -> Callable[[Ask], Ask]:
    """Return a decorator that shows the progress of a long-running function.

    Args:
        title: Title of the function's calls, in a few words.
        reports: Whether the decorated function has an argument `progress`, a function that it calls
            with its progress reports. If False, only the computations inside it report progress,
            and the user's `progress` cannot be a function.
    """

    def wrap(ask: Ask) -> Ask:
        takes = signature(ask)

        @wraps(ask)
        def call(*args: Any, progress: Any = None, **options: Any) -> Any:
            try:
                takes.bind(*args, **options)
            except TypeError as error:
                raise argument_error(ask.__name__, takes, options, error) from None
            if not reports and callable(progress):
                raise InputError(
                    f"`progress` of `{ask.__name__}` must be True, False or None. Received: a "
                    "function."
                )
            with show_progress(title, progress) as hearer:
                if not reports:
                    return ask(*args, **options)
                return ask(*args, progress=hearer, **options)

        return cast(Ask, call)

    return wrap


def argument_error(
    function: str, takes: Signature, options: Mapping[str, Any], error: TypeError
) -> ArgumentError:
    """Return the error for a call with missing or unknown arguments.

    Its message lists the valid arguments. For a removed argument, it states what to do instead.

    Args:
        function: Name of the called function.
        takes: Signature of the function.
        options: Keyword arguments of the call.
        error: The exception that Python raised for the call.
    """
    names = list(takes.parameters)
    required = [name for name, p in takes.parameters.items() if p.default is Parameter.empty]
    unknown = [name for name in options if name not in names]
    for name in unknown:
        sentence = FORMER.get(f"{function} {name}", FORMER.get(name))
        if sentence is not None:
            sentence = sentence.format(call=f"{function}(...)")
            return ArgumentError(f"{sentence} Received: an argument {name!r}.")
    message = f"`{function}` takes {', '.join(required)}; and by name, optionally, "
    message += f"{', '.join(name for name in names if name not in required)}."
    if {"x", "y"} <= set(required) and ("data" in unknown or not unknown):
        message += " Inputs and targets are two arguments, `x` and `y`."
    elif unknown == ["where"] and "box" in names:
        message += " To restrict the input set by a condition, pass `set & (x[0] <= 1)` as `box`."
    elif unknown:
        message += did_you_mean(unknown[0], names)
    received = f"an argument {unknown[0]!r}" if unknown else f"{error}"
    return ArgumentError(f"{message} Received: {received}.")
