"""What a report asks: one section after the other, each with its share of the time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers.range import Range
from ...core import (
    Bounds,
    Box,
    Clock,
    ContradictionError,
    InputError,
    ModelError,
    OutOfTime,
    Region,
    deadline,
)
from ...core.clock import read_clock
from ...core.watch import Stage, tell
from ...questions.inputs.columns import columns, is_frame
from ...questions.inputs.sets import Mixed
from ...questions.inputs.sets.regions import regions
from ...reports.answered import answered, stopped, unasked
from ...reports.context import (
    arithmetic_section,
    model_section,
    reproduce_section,
    uncovered_section,
)  # fmt: skip
from ...reports.domain import domain_section
from ...reports.plain.reader import Reader
from ...reports.section import Section
from ...reports.units import Units, output_names, reader_of
from ...reports.words import TITLES
from .claims import claims
from .code import Written, box_code, code, report_code, setup_code, width_code
from .data import NotAskedError, check_units, class_numbers, first_rows, widths
from .examples import with_examples_inside
from .names import checked_outputs, named_throughout, names_of
from .table import table_box, whole_and_groups


if TYPE_CHECKING:
    from ...frontends.network import Network


WEIGHTS = {
    "ranges": 8, "properties": 8, "robustness": 4, "layers": 1, "monotonicity": 3, "slopes": 2,
    "diagnosis": 2,
}  # fmt: skip
"""Shares of the time that is left, in the order of asking; what one leaves over, others get."""

AGAIN = 20
"""The share of a second search for ranges that the first left open: it has all that is left."""

RANGE_TOL = 1e-4
"""Relative tolerance of ranges: the page shows four digits."""

MOST_INPUTS, MOST_PAIRS = 64, 256
"""Slopes are asked of models of up to so many inputs, directions of so many pairs."""

LARGER = (
    "Asked of every number between the ends of each input, a larger set that also has fractions of "
    "integers and mixtures of categories. What is proved there holds here too."
)

NO_EXAMPLE = (
    "Some directions are open: no proof is known, and no example among the inputs of this page."
)

NO_ORDER = "a category has no order, so no direction is asked of it."

SLOPE_TOL = 1e-2
"""Relative tolerance of Lipschitz constants: of smooth networks more takes long."""

MOST_EACH = 10.0
"""Seconds for one input of the data."""

SMALL_SHARE = 0.01
"""Radius of robustness where none is given, as a share of the width of each input in the data."""


@dataclass
class Questions:
    """Asks about one model over one input set; see `outrange.report` for the arguments."""

    model: Any
    network: Network
    box: Any
    clock: Clock
    data: Any = None
    properties: Sequence[Any] = ()
    eps: float | None = None
    clip: tuple[float, float] | None = None
    samples: int = 100
    seed: int = 0
    names: Sequence[str] | None = None
    units: Units = None
    output_names: Sequence[str] | None = None
    title: str | None = None
    safe_mode: bool = True
    interrupted: bool = field(init=False, default=False)
    reader: Reader = field(init=False)
    _nameless: Network = field(init=False)
    _regions: list[Region] = field(init=False)
    _told: str = field(init=False, default="")
    _found: dict[str, Section] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.x, self.y = self.data if isinstance(self.data, tuple) else (self.data, None)
        if self.box is None and self.x is None:
            raise InputError(
                "A report needs an input set: pass `box`, `(0, 1)` say, or `data`, for its range. "
                "Received: neither."
            )
        self._from_columns = self.names is None
        self.names = names_of(self.names, self.x, self.box, self.network.graph.size)
        self._nameless, slots = self.network, self.network.graph.inputs
        graph, given = self.network.graph, self.output_names
        if isinstance(given, str):
            self.output_names = given = [given]
        outputs = output_names(graph.outputs, checked_outputs(given, graph.outputs, self.y))
        check_units(self.units or {}, self.names or (), (*slots, *graph.outputs), outputs)
        self.network = named_throughout(self.network, self.names, self.box)
        if isinstance(self.properties, str | os.PathLike):
            self.properties = [self.properties]
        self._from_data = self.box is None
        named = self.network.graph
        whole, groups = whole_and_groups(self.x, self.names, self.box, named.inputs)
        if self.box is None:
            self.box = table_box(self.x, whole, groups)
            self._told = "Every input lies in the range that it has in the data."
        self._regions = regions(named.inputs, self.box)
        self.reader = reader_of(
            graph, named, self._regions, self.names, self.units, outputs, whole, groups
        )
        self._claims = claims(self.network, self.properties, self.box, self.clock)

    def sections(self, command: str, standard: str | None) -> list[Section]:
        """Everything, in the order of the page.

        Args:
            command: What makes this report.
            standard: Whose headings the page has.
        """
        asks = dict(self._asks())
        keys = [key for key in WEIGHTS if key in asks]
        for key in keys:
            self._found[key] = self._ask(key, asks[key], keys)
        first = self._found.get("ranges")
        is_open = first is not None and first.cut and not self.interrupted
        if first is not None and is_open and self.clock.left > first.seconds:
            self._found["ranges"] = self._better(first, self._ask("ranges", self._ranges, []))
        model = model_section(self._nameless, self.network.source)
        domain = domain_section(self._regions, self.reader, self._told)
        setup = setup_code(self.model, (self.x, self.y))
        named = f", names={code(self.names)}" if self.network is not self._nameless else ""
        setup.append(f"network = outrange.load(model{named})")
        head = [
            replace(model, call="\n".join(setup)),
            replace(domain, call=self._box_code()),
        ]
        order = [key for key in TITLES if key in self._found]
        parts = [*head, *(self._found[key] for key in order)]
        if standard is not None:
            parts.append(arithmetic_section(self._known()))
        setting = [("Seed", str(self.seed)), ("Time limit", f"{self.clock.limit:g} s")]
        return [*parts, uncovered_section(), reproduce_section(parts, command, setting)]

    def call(self, standard: str | None) -> str:
        """The lines of Python that make this report again.

        Args:
            standard: Whose headings the page has.
        """
        given = {
            "properties": [Written(claim) for claim in self._claims] or None,
            "eps": self.eps,
            "clip": self.clip,
            "samples": None if self.x is None else self.samples,
            "names": None if self._from_columns else self.names,
            "units": self.units or None,
            "output_names": self.output_names,
            "title": self.title,
            "standard": standard,
            "seed": self.seed,
            "time_limit": self.clock.limit,
        }
        box = None if self._from_data else self.box
        return report_code(self.model, box, (self.x, self.y), given)

    def _ask(self, key: str, ask: Callable[[float], Section], keys: list[str]) -> Section:
        """One section, within its share of the time left."""
        if self.interrupted:
            return unasked(key, "The report was interrupted before this was asked.")
        seconds = self.clock.left
        if keys:  # else it has all that is left
            rest, first = keys[keys.index(key) :], self._found.get("ranges")
            again = AGAIN if "ranges" in keys and (first is None or first.cut) else 0
            seconds *= WEIGHTS[key] / (sum(WEIGHTS[k] for k in rest) + again)
        if seconds <= 0:
            return unasked(key, "The time of the report was over before this was asked.")
        begin = read_clock()
        tell(Stage(TITLES[key][0]))
        try:
            section = ask(seconds)
        except NotAskedError as error:
            return unasked(key, str(error), cut=False)
        except ContradictionError:
            raise
        except OutOfTime:
            return unasked(key, f"Nothing was known within its share of the time, {seconds:.1f} s.")
        except KeyboardInterrupt:
            self.interrupted = True
            return unasked(key, "The report was interrupted before this was known.")
        except (InputError, ModelError) as error:
            return unasked(key, f"It cannot be asked of this model: {error}", cut=False)
        self.interrupted |= any(stopped(answer) == "interrupted" for answer in section.answers)
        return replace(section, seconds=read_clock() - begin)

    @property
    def _is_box(self) -> bool:
        return len(self._regions) == 1 and self._regions[0].is_box

    @property
    def _ends(self) -> Bounds:
        """The box around the input set."""
        lo = np.min([region.box.lo for region in self._regions], axis=0)
        return lo, np.max([region.box.hi for region in self._regions], axis=0)

    @property
    def _hull(self) -> Any:
        """The input set, or the box around it: of questions that take boxes alone."""
        if not isinstance(self.box, Mixed):
            return self.box
        (lo, hi), parts, start = self._ends, {}, 0
        for slot in self.network.graph.inputs:
            stop = start + slot.size
            ends = (part[start:stop].reshape(slot.shape) for part in (lo, hi))
            parts[slot.name] = tuple(end.item() if end.ndim == 0 else end for end in ends)
            start = stop
        return parts

    def _box_code(self) -> str:
        """The lines that make the input set, and the box around it where that is another."""
        if self._from_data and isinstance(self.box, Mixed):
            told = f"integers={code(self.box.integers)}, one_hot={code(self.box.one_hot)}"
            line = f"box = outrange.Mixed(outrange.data_box(data_x), {told})"
        else:
            line = box_code(self.box, self._from_data)
        is_hull = isinstance(self.box, Mixed)
        return line if not is_hull else f"{line}\n{box_code(self._hull, False, 'hull')}"

    def _asks(self) -> Iterator[tuple[str, Callable[[float], Section]]]:
        """The sections that this report has, and who asks them."""
        yield "ranges", self._ranges
        yield "layers", self._layers
        if self.properties:
            yield "properties", self._properties
        if self.y is not None:
            yield "robustness", self._robustness
        yield "slopes", self._slopes
        yield "monotonicity", self._monotonicity
        if self.x is not None:
            yield "diagnosis", self._diagnosis

    def _ranges(self, seconds: float) -> Section:
        from ..ranges import output_range

        answer = output_range(self.network, self.box, tol=RANGE_TOL, time_limit=seconds)
        call = f"outrange.output_range(network, box, tol={RANGE_TOL:g}, time_limit={seconds:.1f})"
        return answered("ranges", [answer], call, reader=self.reader)

    @staticmethod
    def _better(first: Section, second: Section) -> Section:
        """The one of two searches for ranges that knows more."""
        gaps = [
            float(np.max(answer.relative_gap, initial=0.0))
            for part in (first, second)
            for answer in part.answers
            if isinstance(answer, Range)
        ]
        if not second.answers:
            return first
        return second if gaps[-1] <= gaps[0] else first

    def _known(self) -> Range | None:
        """The range of the outputs, if it was answered."""
        found = next(iter(self._found["ranges"].answers), None)
        return found if isinstance(found, Range) else None

    def _layers(self, seconds: float) -> Section:
        from ..ranges import summary

        clock = Clock(seconds)
        with deadline(seconds):
            known = self._known() if self._is_box else None
            answer = summary(self.network, self._hull, known=known)
        # What the time was too short for has ends from intervals: proved, and wider.
        call = f"outrange.summary(network, {self._set})"
        return answered("layers", [answer], call, late=clock.left <= 0, reader=self.reader)

    def _properties(self, seconds: float) -> Section:
        from ..properties import verify

        clock, verdicts, calls = Clock(seconds), [], []
        for i, (asked, claim) in enumerate(zip(self.properties, self._claims, strict=True)):
            limit = max(clock.left, 0.0) / (len(self.properties) - i)
            verdict = verify(
                self.network, asked, self.box, time_limit=max(limit, 1e-3), seed=self.seed
            )
            verdicts.append(verdict)
            calls.append(
                f"outrange.verify(network, {claim}, box, seed={self.seed}, time_limit={limit:.1f})"
            )
            if verdict.reason == "interrupted":
                break
        return answered("properties", verdicts, "\n".join(calls), reader=self.reader)

    def _robustness(self, seconds: float) -> Section:
        from ..robustness import robust_accuracy

        labels = class_numbers(self.y)
        rows = first_rows(self.x, count := min(len(labels), self.samples))
        scale = widths(self.x) if self.eps is None else None
        eps = SMALL_SHARE if self.eps is None else float(self.eps)
        each = min(MOST_EACH, max(1.0, 3 * seconds / count))
        clock = Clock(seconds)
        answer = robust_accuracy(
            self.network, rows, labels[:count], eps, scale=scale, clip=self.clip, each=each,
            time_limit=seconds, seed=self.seed,
        )  # fmt: skip
        self.interrupted |= not answer.complete and clock.left > 0  # No other reason is left.
        most = f"{eps:.6g}" if scale is None else f"{eps:.0%} of its width in the data"
        note = f"The first {count:,} of {len(labels):,} rows, each input changed by at most {most}."
        of_width = "" if scale is None else f"scale={width_code(self.x)}, "
        call = (
            f"outrange.robust_accuracy(network, data_x[:{count}], data_y[:{count}], {eps!r}, "
            f"{of_width}clip={code(self.clip)}, each={each:.3g}, seed={self.seed}, "
            f"time_limit={seconds:.1f})"
        )
        return answered("robustness", [answer], call, note, reader=self.reader)

    def _slopes(self, seconds: float) -> Section:
        from ..slopes import lipschitz

        size = self.network.graph.size
        if size > MOST_INPUTS:
            raise NotAskedError(
                f"A report looks at this for models of up to {MOST_INPUTS} inputs; this one has "
                f"{size:,}."
            )
        answer = lipschitz(self.network, self._hull, tol=SLOPE_TOL, time_limit=seconds)
        call = (
            f"outrange.lipschitz(network, {self._set}, tol={SLOPE_TOL:g}, time_limit={seconds:.1f})"
        )
        return answered("slopes", [answer], call, self._larger, reader=self.reader)

    @property
    def _set(self) -> str:
        """What the code of the page calls the set of questions that take boxes alone."""
        return "hull" if isinstance(self.box, Mixed) else "box"

    @property
    def _larger(self) -> str:
        """A note of answers about the box around the set; empty where it is the set."""
        return LARGER if isinstance(self.box, Mixed) else ""

    def _monotonicity(self, seconds: float) -> Section:
        from ..slopes import monotone

        graph = self.network.graph
        inside = {i for group in self.reader.groups for i in group.members}
        inputs = [name for i, name in enumerate(self.reader.entries) if i not in inside]
        pairs = len(inputs) * graph.value_size(graph.output)
        if pairs > MOST_PAIRS:
            raise NotAskedError(
                f"A report looks at up to {MOST_PAIRS} pairs of an output and an input; this model "
                f"has {pairs:,}."
            )
        which = inputs if inside else None
        answer = monotone(
            self.network, self._hull, inputs=which, time_limit=seconds, seed=self.seed
        )
        some = f"inputs={code(inputs)}, " if inside else ""
        call = (
            f"outrange.monotone(network, {self._set}, {some}seed={self.seed}, "
            f"time_limit={seconds:.1f})"
        )
        note = f"{', '.join(one.name for one in self.reader.groups)}: {NO_ORDER}" if inside else ""
        if isinstance(self.box, Mixed):
            lo, hi = self._ends
            integer = self._regions[0].integer
            answer = with_examples_inside(
                answer, self.network, Box(lo, hi), integer, self._points(), self.reader
            )
        section = answered("monotonicity", [answer], call, note, reader=self.reader)
        is_open = any(trend.direction == "unknown" for trend in answer.trends)
        return replace(section, cut=section.cut or NO_EXAMPLE) if is_open else section

    def _points(self) -> np.ndarray:
        """Inputs of the set, `(n, inputs)`: rows of the data, and where the ends were seen."""
        found, known = np.zeros((0, self.network.graph.size)), self._known()
        if self._from_data:
            rows = columns(self.x) if is_frame(self.x) else self.x
            parts = rows.values() if isinstance(rows, Mapping) else [rows]
            found = np.concatenate([np.reshape(part, (len(part), -1)) for part in parts], axis=1)
        if known is None:
            return found
        for at in (known.at_lo, known.at_hi):
            parts = at.values() if isinstance(at, Mapping) else [at]
            flat = [np.reshape(part, (known.lo.size, -1)) for part in parts]
            seen = np.concatenate(flat, axis=1)
            found = np.concatenate([seen[np.isfinite(seen).all(axis=1)], found])
        return found

    def _diagnosis(self, seconds: float) -> Section:
        from ..diagnose import diagnose

        is_file = isinstance(self.model, str | os.PathLike)
        suffix = os.path.splitext(os.fspath(self.model))[1].lower() if is_file else ""
        if self.network.origin != "keras" or (is_file and suffix not in (".keras", ".h5")):
            raise NotAskedError("A diagnosis reads the training of a Keras model; this is another.")
        if self.model is self.network:
            raise NotAskedError("A diagnosis needs the Keras model itself, or its file.")
        clock = Clock(seconds)
        with deadline(seconds):
            answer = diagnose(self.model, self.x, self.y, safe_mode=self.safe_mode)
        call = f"outrange.diagnose(model, data_x{'' if self.y is None else ', data_y'})"
        return answered("diagnosis", [answer], call, late=clock.left <= 0, reader=self.reader)
