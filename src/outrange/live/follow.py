"""Who shows what, and when: a display that begins once a call takes a while, and then is gone."""

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
from ..core.watch import Listener, Stage, listener, told_to
from .line import LineScreen


if TYPE_CHECKING:
    from .frame import Frame


PATIENCE, EAGER = 2.0, 0.5
"""Seconds before anything is shown by itself, and where it was asked for."""

IN_A_SCRIPT = 30.0
"""Seconds before a script, which has no screen, prints a line."""

EVERY = 0.5
"""Seconds between two frames: drawing takes milliseconds, and nobody reads faster."""

Progress: TypeAlias = bool | Callable[..., object] | None
"""True, False, None (where it takes long, and somebody looks), or a function."""

Ask = TypeVar("Ask", bound=Callable[..., Any])


class Screen(Protocol):
    """Where frames are shown."""

    def show(self, frame: Frame) -> None: ...

    def close(self) -> None: ...


def screen() -> Callable[[], Screen] | None:
    """What opens the screen that somebody looks at: a notebook, a terminal; None without one."""
    if "IPython" in sys.modules:
        from .notebook import NotebookScreen, in_notebook

        if in_notebook():
            return NotebookScreen
    if sys.stderr is not None and sys.stderr.isatty():
        from .terminal import TerminalScreen

        return TerminalScreen
    return None


class Display:
    """Keeps what was told last; a thread of its own shows it, so that nobody waits for a screen.

    Args:
        title: What was asked.
        opened: Opens the screen; None to show nothing.
        patience: Seconds before it is opened.
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
        """Whether there is a screen."""
        return self._opened is not None

    def __call__(self, *news: Any) -> None:
        """Tell what is under way: a stage, a progress, or the two ends of a bracket."""
        told = news[0]
        if len(news) == 2:
            from .frame import Between

            told = Between(*map(float, news))
        if isinstance(told, Stage):
            before = self._news.get(Stage, Stage(""))
            self._news = {Stage: replace(told, text=before.text) if told.text is None else told}
        else:
            self._news = {**self._news, type(told): told}

    def frame(self) -> Frame:
        """What there is to show now."""
        from .frame import frame

        return frame(self._title, read_wall_clock() - self._begin, self._news)

    def __enter__(self) -> Self:
        if self._opened is not None:
            # In the context of the caller: a notebook asks it which cell this is.
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
        found = opened()
        try:
            while True:
                found.show(self.frame())
                if self._over.wait(EVERY):
                    return
        finally:
            found.close()


def heard(progress: Progress) -> Callable[..., None] | None:
    """What a question below calls: `followed` has put a function in the place of True and None."""
    return progress if callable(progress) else None  # pyright: ignore[reportReturnType]


@contextmanager
def following(title: str, progress: Progress) -> Iterator[Listener | None]:
    """Show what is done inside, as the caller wants it.

    Args:
        title: What was asked.
        progress: As users pass it.

    Returns:
        What hears of the progress; None if nobody does.

    Raises:
        InputError: `progress` is none of these.
    """
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise InputError(
            "`progress` must be a function, True or False; None shows it where a call takes long. "
            f"Received: {progress!r}."
        )
    if progress is False or callable(progress):
        with told_to(None):
            yield progress or None
        return
    around = listener()
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
    with Display(title, opened, patience) as shown, told_to(shown):
        yield shown


def followed(title: str, hears: bool = True) -> Callable[[Ask], Ask]:
    """A decorator: the question is shown under a title while it takes long.

    Args:
        title: What is asked, in a few words.
        hears: Whether the question calls a function with its progress; else what is below it is
            watched, and a function cannot be passed.
    """

    def wrap(ask: Ask) -> Ask:
        takes = signature(ask)

        @wraps(ask)
        def call(*args: Any, progress: Any = None, **options: Any) -> Any:
            try:
                takes.bind(*args, **options)
            except TypeError as error:
                raise wrong_arguments(ask.__name__, takes, options, error) from None
            if not hears and callable(progress):
                raise InputError(
                    f"`progress` of `{ask.__name__}` is True, False or None. Received: a function."
                )
            with following(title, progress) as hearer:
                if not hears:
                    return ask(*args, **options)
                return ask(*args, progress=hearer, **options)

        return cast(Ask, call)

    return wrap


def wrong_arguments(
    name: str, takes: Signature, options: Mapping[str, Any], error: TypeError
) -> ArgumentError:
    """Return the error of a call with an argument too many or too few: it lists those there are."""
    known = list(takes.parameters)
    needed = [one for one, of in takes.parameters.items() if of.default is Parameter.empty]
    unknown = [one for one in options if one not in known]
    told = f"`{name}` takes {', '.join(needed)}; and by name, if wanted, "
    told += f"{', '.join(one for one in known if one not in needed)}."
    if {"x", "y"} <= set(needed) and ("data" in unknown or not unknown):
        told += " Inputs and targets are two arguments, `x` and `y`."
    elif unknown:
        told += did_you_mean(unknown[0], known)
    came = f"an argument {unknown[0]!r}" if unknown else f"{error}"
    return ArgumentError(f"{told} Received: {came}.")
