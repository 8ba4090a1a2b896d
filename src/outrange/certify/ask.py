"""Certificates of answers: what is refused before the search, and what is written after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..answers.answer import Answer
from ..core import VERSION, Clock, InputError, OutOfTime, UnsupportedError, deadline
from ..core.progress import Stage, report_progress
from .missing import NoCertificateError


if TYPE_CHECKING:
    from ..answers.monotone import Monotone
    from ..answers.optimum import Optimum
    from ..answers.range import Range
    from ..core import Atom, Box, Formula, Region
    from ..graph import Graph
    from .certificates import Subject


SEARCH_SHARE = 0.2
"""Of a time limit, the part that the search may take where a certificate is wanted: an exact check
takes ten times as long as the search, or more."""

LEAST_TIME = 1e-3
"""Seconds of a search whose time went by before it began."""

Found = TypeVar("Found", bound=Answer)


def certifiable(network: Any, arithmetic: str = "real", graph: Graph | None = None) -> Subject:
    """The network in exact numbers; refused before the search, where it is not covered.

    Args:
        network: As it was read: a `Network`.
        arithmetic: What the network computes in.
        graph: What was made of it, if the question is about that.

    Raises:
        InputError: Certificates do not cover it; the message names what.
    """
    if arithmetic != "real":
        raise InputError(
            "A certificate is about real arithmetic. Received: "
            f"arithmetic={arithmetic!r} and a certificate."
        )
    try:
        from .certificates import subject
    except ModuleNotFoundError as missing:
        if missing.name is None or not missing.name.startswith("outrange_check"):
            raise
        raise UnsupportedError(
            "Certificates need the checker: `pip install outrange-check` (in a checkout of "
            "outrange: `pip install ./checker`)."
        ) from None
    if graph is not None:
        return subject(graph, None)
    known = network.source.sha256 if network.file is not None and network.source else None
    return subject(network.graph, network.file, known)


def one_box(regions: list[Region]) -> Box:
    """The only box of an input set.

    Raises:
        InputError: It is no box.
    """
    if len(regions) != 1 or not regions[0].is_box or regions[0].integer.any():
        raise InputError(
            "A certificate covers one box of real inputs: no ball, no union, no integers. Pass a "
            "box, or for a table `outrange.data_box(frame, whole=False)` (`--reals`). "
            "Received: another set."
        )
    return regions[0].box


def check_slopes(pairs: Sequence[tuple[int, int]], box: Box) -> None:
    """Refuse slopes by inputs that are fixed, before the search.

    Raises:
        InputError: One is: no two inputs of the set differ in it.
    """
    fixed = sorted({by for _, by in pairs if box.lo[by] == box.hi[by]})
    if fixed:
        raise InputError(
            "A certificate of slopes is about inputs that vary. Received: a set in which "
            f"x[{fixed[0]}] is fixed; name the others by `inputs=`."
        )


def check_writable(path: str | os.PathLike) -> None:
    """Refuse a place where no certificate can be written, before the search.

    Raises:
        InputError: Its folder does not exist, or takes no files; or a file is there that is no
            certificate, such as the model's own.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"`certificate` is the path of a file. Received: {path!r}.")
    folder = Path(path).resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(path).is_dir():
        raise InputError(
            "`certificate` is a file in a folder that exists and can be written to. "
            f"Received: {os.fspath(path)!r}."
        )
    if Path(path).exists() and not _may_be_replaced(Path(path)):
        raise InputError(
            "`certificate` is a new file, or a certificate that is replaced. Received: "
            f"{os.fspath(path)!r}, a file of another kind, which would be lost; choose another "
            "name, or remove it."
        )


def _may_be_replaced(path: Path) -> bool:
    """Whether a file is empty, or a certificate, whole or damaged, by its first member's name."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(64)
    return not head or (head[:4] == b"PK\3\4" and head[30:40] == b"claim.json")


def finished(
    answer: Found, clock: Clock, certificate: str | os.PathLike, write: Callable[[Found], Found]
) -> Found:
    """The answer with its certificate; where that is stopped before, without, and says why."""
    report_progress(Stage("writing and checking the certificate"))
    try:
        with deadline(None if clock.limit == float("inf") else clock.left):
            return write(answer)
    except OutOfTime:
        why = (
            "the time was over; a fifth of a time limit is the search's, the rest is for the proof"
        )
    except NoCertificateError as missing:
        why = str(missing)
    except KeyboardInterrupt:  # what was found is not lost with its proof
        why = "it was interrupted while the proof was made and checked"
    return replace(
        answer, certificate=f"No certificate was written to {os.fspath(certificate)}: {why}."
    )


def notes(question: str, words: str) -> dict[str, Any]:
    """What a certificate says beside what is certified."""
    return {"made by": f"outrange {VERSION}", "question": question, "in words": words}


@dataclass(frozen=True, eq=False)
class Certifier:
    """A certificate that is wanted: of which network, where to, and whether to check it at once.

    Args:
        about: The network in exact numbers.
        path: The file.
        check: Whether to run the checker.
        clock: Of the whole question.
        question: The function that was called.
    """

    about: Subject
    path: str | os.PathLike
    check: bool
    clock: Clock
    question: str

    @classmethod
    def of(
        cls, path: str | os.PathLike | None, check: bool, clock: Clock, question: str,
        network: Any, arithmetic: str = "real", graph: Graph | None = None,
    ) -> Certifier | None:  # fmt: skip
        """None if none is wanted; see `certifiable`."""
        if path is None:
            return None
        check_writable(path)
        return cls(certifiable(network, arithmetic, graph), path, check, clock, question)

    def check_covered(self, unsafe: Formula, regions: Sequence[Region]) -> None:
        """Refuse a property or an input set that no certificate is written of."""
        from .verdicts import check_covered

        check_covered(self.about.network.inputs, unsafe, regions)

    def range(self, answer: Range, box: Box, rows: Any) -> Range:
        """The range with its certificate."""
        from .ranges import certified_range

        told = notes(self.question, answer.statement)
        return finished(
            answer, self.clock, self.path,
            lambda found: certified_range(
                self.path, self.about, found, box, rows, self.check, told
            ),
        )  # fmt: skip

    def verdict(
        self, answer: Found, unsafe: Formula, regions: Sequence[Region], words: str
    ) -> Found:
        """An answer that says that a property holds, with its certificate."""
        from .verdicts import certified_verdict

        told = notes(self.question, words)
        return finished(
            answer, self.clock, self.path,
            lambda found: certified_verdict(
                self.path, self.about, found, unsafe, regions, self.check, told
            ),
        )  # fmt: skip

    def optimum(self, answer: Optimum, form: Atom, box: Box) -> Optimum:
        """The optimum with the certificate of its proved end."""
        from .optima import certified_optimum

        told = notes(self.question, answer.objective)
        return finished(
            answer, self.clock, self.path,
            lambda found: certified_optimum(
                self.path, self.about, found, form, box, self.check, told
            ),
        )  # fmt: skip

    def monotone(self, answer: Monotone, pairs: Sequence[tuple[int, int]], box: Box) -> Monotone:
        """The trends that are proved with their certificate."""
        from .trends import certified_monotone

        told = notes(self.question, repr(answer))
        return finished(
            answer, self.clock, self.path,
            lambda found: certified_monotone(
                self.path, self.about, found, pairs, box, self.check, told
            ),
        )  # fmt: skip

    def slopes(self, answer: Range, pairs: Sequence[tuple[int, int]], box: Box) -> Range:
        """The range of derivatives with its certificate."""
        from .trends import certified_slopes

        told = notes(self.question, answer.statement)
        return finished(
            answer, self.clock, self.path,
            lambda found: certified_slopes(
                self.path, self.about, found, pairs, box, self.check, told
            ),
        )  # fmt: skip


def search_time(certifier: Certifier | None, clock: Clock, left: float | None) -> float | None:
    """Seconds for the search: all that is left, or a part of it."""
    if certifier is None or clock.limit == float("inf"):
        return left
    return max(LEAST_TIME, SEARCH_SHARE * clock.left)
