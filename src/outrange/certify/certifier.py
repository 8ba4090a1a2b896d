"""Requests for certificates, which are checked before the search and fulfilled after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..answers.answer import Answer
from ..core import VERSION, Clock, InputError, OutOfTime, UnsupportedError, deadline
from ..core.progress import Stage, report_progress
from .errors import NoCertificateError


if TYPE_CHECKING:
    from ..answers.monotone import Monotone
    from ..answers.optimum import Optimum
    from ..answers.range import Range
    from ..core import Atom, Box, Formula, Region
    from ..graph import Graph
    from .certificates import Subject


SEARCH_SHARE = 0.2
"""Fraction of the time limit that the search may use if a certificate is requested. The proof and
its exact check usually take much longer than the search."""

LEAST_TIME = 1e-3
"""Time limit, in seconds, for a search that would start after the deadline."""

A = TypeVar("A", bound=Answer)


def exact_subject(network: Any, arithmetic: str = "real", graph: Graph | None = None) -> Subject:
    """Return the `Subject` of a network, or reject the network before the search starts.

    Args:
        network: The network, as loaded.
        arithmetic: The arithmetic of the question.
        graph: The graph that the question is about, if it differs from `network.graph`.

    Raises:
        InputError: Certificates do not cover the network; the message gives the reason.
        UnsupportedError: The `outrange-check` package is not installed.
    """
    if arithmetic != "real":
        raise InputError(
            "A certificate needs real arithmetic. Received: "
            f"arithmetic={arithmetic!r} and a certificate."
        )
    try:
        from .certificates import read_subject
    except ModuleNotFoundError as missing:
        if missing.name is None or not missing.name.startswith("outrange_check"):
            raise
        raise UnsupportedError(
            "Certificates need the checker, which is a separate package: run "
            "`pip install ./checker` in a checkout of outrange."
        ) from None
    if graph is not None:
        return read_subject(graph, None)
    file_sha256 = network.source.sha256 if network.file is not None and network.source else None
    return read_subject(network.graph, network.file, file_sha256)


def one_box(regions: list[Region]) -> Box:
    """Return the only box of an input set.

    Raises:
        InputError: The set is not a single box of real inputs.
    """
    if len(regions) != 1 or not regions[0].is_box or regions[0].integer.any():
        raise InputError(
            "A certificate covers one box of real inputs. Pass a box; for a table, pass "
            "`outrange.data_box(frame, whole=False)` (`--no-whole`). "
            "Received: a ball, a union, or a set with integers or conditions."
        )
    return regions[0].box


def check_slopes(pairs: Sequence[tuple[int, int]], box: Box) -> None:
    """Reject derivatives with respect to inputs that the box fixes.

    Raises:
        InputError: The box has width 0 in an input of differentiation.
    """
    fixed = sorted({by for _, by in pairs if box.lo[by] == box.hi[by]})
    if fixed:
        raise InputError(
            "A certificate of slopes needs inputs that vary. Received: a set in which "
            f"x[{fixed[0]}] is fixed. Select the varying inputs with `inputs=`."
        )


def check_writable(path: str | os.PathLike) -> None:
    """Reject a path to which no certificate can be written.

    Raises:
        InputError: `path` is not the path of a file, the folder does not exist or is not writable,
            or there is a file at the path that is not a certificate, such as the model.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"`certificate` must be the path of a file. Received: {path!r}.")
    folder = Path(path).resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(path).is_dir():
        raise InputError(
            "`certificate` must be a file in a folder that exists and can be written to. "
            f"Received: {os.fspath(path)!r}."
        )
    if Path(path).exists() and not _may_be_replaced(Path(path)):
        raise InputError(
            "`certificate` must be a new file, or a certificate to replace. Received: "
            f"{os.fspath(path)!r}, a file of another kind, which would be lost; choose another "
            "name, or remove it."
        )


def _may_be_replaced(path: Path) -> bool:
    """Return whether a file is empty or begins like a certificate, possibly a damaged one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(64)
    return not head or (head[:4] == b"PK\3\4" and head[30:40] == b"claim.json")


def attach_certificate(
    answer: A, clock: Clock, certificate: str | os.PathLike, write: Callable[[A], A]
) -> A:
    """Return `write(answer)`; if that fails, return the answer with the reason for the failure."""
    report_progress(Stage("writing and checking the certificate"))
    try:
        with deadline(None if clock.limit == float("inf") else clock.left):
            return write(answer)
    except OutOfTime:
        why = "the time limit ended the proof; pass a larger `time_limit`"
    except NoCertificateError as missing:
        why = str(missing)
    except KeyboardInterrupt:  # the answer outlives its proof
        why = "interrupted while the proof was being written and checked"
    return replace(
        answer, certificate=f"No certificate was written to {os.fspath(certificate)}: {why}."
    )


def make_notes(question: str, words: str) -> dict[str, Any]:
    """Return notes for a certificate file, which the certificate does not prove."""
    return {"made by": f"outrange {VERSION}", "question": question, "in words": words}


@dataclass(frozen=True, eq=False)
class Certifier:
    """A request for a certificate: the network and the file to write.

    Args:
        about: The network in exact numbers.
        path: The file to write.
        clock: The clock of the whole question.
        question: Name of the public function.
    """

    about: Subject
    path: str | os.PathLike
    clock: Clock
    question: str

    @classmethod
    def of(
        cls, path: str | os.PathLike | None, clock: Clock, question: str, network: Any,
        arithmetic: str = "real", graph: Graph | None = None,
    ) -> Certifier | None:  # fmt: skip
        """Return a certifier that writes to `path`, or None if `path` is None.

        The other arguments are those of the class and of `exact_subject`.
        """
        if path is None:
            return None
        check_writable(path)
        return cls(exact_subject(network, arithmetic, graph), path, clock, question)

    def check_covered(self, unsafe: Formula, regions: Sequence[Region]) -> None:
        """Reject a property or an input set that certificates do not cover."""
        from .verdicts import check_covered

        network = self.about.network
        check_covered(network.inputs, len(network.outputs), unsafe, regions)

    def range(self, answer: Range, box: Box, rows: Any) -> Range:
        """Certify a range; return it with a note on its certificate."""
        from .ranges import certify_range

        certificate_notes = make_notes(self.question, answer.statement)
        return attach_certificate(
            answer, self.clock, self.path,
            lambda final: certify_range(
                self.path, self.about, final, box, rows, certificate_notes
            ),
        )  # fmt: skip

    def verdict(self, answer: A, unsafe: Formula, regions: Sequence[Region], words: str) -> A:
        """Certify that a property holds; return the answer with a note on its certificate."""
        from .verdicts import certify_verdict

        certificate_notes = make_notes(self.question, words)
        return attach_certificate(
            answer, self.clock, self.path,
            lambda final: certify_verdict(
                self.path, self.about, final, unsafe, regions, certificate_notes
            ),
        )  # fmt: skip

    def optimum(self, answer: Optimum, form: Atom, box: Box) -> Optimum:
        """Certify the proved bound of an optimum; return it with a note on its certificate."""
        from .optima import certify_optimum

        certificate_notes = make_notes(self.question, answer.objective)
        return attach_certificate(
            answer, self.clock, self.path,
            lambda final: certify_optimum(
                self.path, self.about, final, form, box, certificate_notes
            ),
        )  # fmt: skip

    def monotone(self, answer: Monotone, pairs: Sequence[tuple[int, int]], box: Box) -> Monotone:
        """Certify all proved trends; return the answer with a note on its certificate."""
        from .trends import certify_monotone

        certificate_notes = make_notes(self.question, repr(answer))
        return attach_certificate(
            answer, self.clock, self.path,
            lambda final: certify_monotone(
                self.path, self.about, final, pairs, box, certificate_notes
            ),
        )  # fmt: skip

    def slopes(self, answer: Range, pairs: Sequence[tuple[int, int]], box: Box) -> Range:
        """Certify a range of derivatives; return it with a note on its certificate."""
        from .trends import certify_slopes

        certificate_notes = make_notes(self.question, answer.statement)
        return attach_certificate(
            answer, self.clock, self.path,
            lambda final: certify_slopes(
                self.path, self.about, final, pairs, box, certificate_notes
            ),
        )  # fmt: skip


def search_time(certifier: Certifier | None, clock: Clock, left: float | None) -> float | None:
    """Return the time limit of the search, in seconds.

    The limit is `left` if no certificate is requested or if the question has no time limit.
    Otherwise it is the fraction `SEARCH_SHARE` of the remaining time, and at least `LEAST_TIME`.
    """
    if certifier is None or clock.limit == float("inf"):
        return left
    return max(LEAST_TIME, SEARCH_SHARE * clock.left)
