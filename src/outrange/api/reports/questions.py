"""The questions of a report, asked section by section, each within a part of the time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers.range import Range
from ...core import (
    Bounds,
    Clock,
    ContradictionError,
    InputError,
    ModelError,
    OutOfTime,
    Region,
    deadline,
)
from ...core.clock import read_clock
from ...core.errors import RelaxedSetWarning
from ...core.progress import Stage, report_progress
from ...questions.inputs.columns import is_frame
from ...questions.inputs.perturbation import Perturbation
from ...questions.inputs.sets import Mixed
from ...questions.inputs.sets.regions import regions
from ...questions.inputs.sets.table import frame_set
from ...reports.answered import answered_section, stop_reason, unanswered_section
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
from .code import CodeText, box_code, code, mixed_code, report_code, setup_code, width_code
from .data import NotApplicableError, check_units, class_numbers, first_rows, widths
from .names import apply_names, checked_outputs, names_of
from .table import table_box, whole_and_groups


if TYPE_CHECKING:
    from ...answers.summary import Summary
    from ...frontends.network import Network


WEIGHTS = {
    "ranges": 8, "properties": 8, "robustness": 4, "layers": 1, "monotonicity": 3, "slopes": 2,
    "diagnosis": 2,
}  # fmt: skip
"""Weights that divide the remaining time, in the order of the questions; unused time goes to later
ones."""

AGAIN = 20
"""Weight reserved for a second search for ranges, which runs last if the first one leaves gaps. The
second search gets all the remaining time."""

RANGE_TOL = 1e-4
"""Relative tolerance of ranges: the page shows four digits."""

MOST_PAIRS = 256
"""Maximum number of pairs of an output and an input for slopes and for monotonicity."""

LARGER = (
    "This section covers every number between the bounds of each input, including fractional "
    "values of integer inputs and mixtures of categories. So its proofs also hold for the smaller "
    "input set of this page."
)

NO_EXAMPLE = "Some directions are undecided: there is neither a proof nor a counterexample."

NO_ORDER = "the values of a category have no order, so a direction has no meaning."

ROUGH = "Only the range of the output layer is that of the outputs; the others are rough."
"""Note on the ranges of layers over a larger set than that of the outputs."""

SLOPE_TOL = 1e-2
"""Relative tolerance of slopes; smooth networks converge slowly below it."""

MOST_EACH = 10.0
"""Maximum number of seconds for the robustness of one data row."""

SMALL_SHARE = 0.01
"""Default robustness radius, as a fraction of the width of each input's range over the data."""


@dataclass
class Questions:
    """The questions of a report about one model; `outrange.report` explains most fields."""

    model: Any
    network: Network
    box: Any
    clock: Clock
    data: Any = None
    properties: Sequence[Any] = ()
    eps: float | None = None
    clip: tuple[float, float] | None = None
    samples: int = 100
    names: Sequence[str] | None = None
    units: Units = None
    output_names: Sequence[str] | None = None
    title: str | None = None
    model_name: str = ""
    safe_mode: bool = True
    standard: str | None = None
    interrupted: bool = field(init=False, default=False)
    reader: Reader = field(init=False)
    _nameless: Network = field(init=False)
    _regions: list[Region] = field(init=False)
    _set_sentence: str = field(init=False, default="")
    _sections: dict[str, Section] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if is_frame(self.box):  # Warn once for all questions.
            self.box = frame_set(self.box)
        self.x, self.y = self.data if isinstance(self.data, tuple) else (self.data, None)
        if self.box is None and self.x is None:
            raise InputError(
                "A report needs an input set: pass `box`, such as `(0, 1)`, or `data`. "
                "Received: neither."
            )
        self._from_columns = self.names is None
        self.names = names_of(self.names, self.x, self.box, self.network.graph.size)
        self._nameless, slots = self.network, self.network.graph.inputs
        graph, names = self.network.graph, self.output_names
        if isinstance(names, str):
            self.output_names = names = [names]
        checked = checked_outputs(names, graph.outputs, self.y)
        outputs = output_names(graph.outputs, checked, self.network.layers)
        check_units(self.units or {}, self.names or (), (*slots, *graph.outputs), outputs)
        self.network = apply_names(self.network, self.names, self.box)
        if isinstance(self.properties, str | os.PathLike):
            self.properties = [self.properties]
        self._from_data = self.box is None
        named = self.network.graph
        whole, groups, partial = whole_and_groups(self.x, self.names, self.box, named.inputs)
        if self.box is None:
            self.box = table_box(self.x, whole, groups, partial)
            self._set_sentence = "Every input lies in its range over the data."
        self._regions = regions(named.inputs, self.box)
        self.reader = reader_of(
            graph, named, self._regions, self.names, self.units, outputs, whole, groups
        )
        self._claims = claims(self.network, self.properties, self.box, self.clock)

    def sections(self, command: str) -> list[Section]:
        """Return all sections of the report, in the order of the page.

        Args:
            command: Command or code that repeats this report.
        """
        asks = dict(self._asks())
        keys = [key for key in WEIGHTS if key in asks]
        for key in keys:
            self._sections[key] = self._ask(key, asks[key], keys)
        first = self._sections.get("ranges")
        is_open = first is not None and first.cut and not self.interrupted
        if first is not None and is_open and self.clock.left > first.seconds:
            again = self._ask("ranges", self._ranges, [])
            self._sections["ranges"] = again if again.gap <= first.gap else first
        model = model_section(self._nameless, self.network.source, self.reader, self.model_name)
        domain = domain_section(self._regions, self.reader, self._set_sentence)
        setup = setup_code(self.model, (self.x, self.y))
        named = f", names={code(self.names)}" if self.network is not self._nameless else ""
        setup.append(f"network = outrange.load(model{named})")
        head = [
            replace(model, call="\n".join(setup)),
            replace(domain, call=self._box_code()),
        ]
        order = [key for key in TITLES if key in self._sections]
        parts = [*head, *(self._sections[key] for key in order)]
        if self.standard is not None:
            parts.append(arithmetic_section(self._known_range()))
        setting = [("Time limit", f"{self.clock.limit:g} s")]
        return [*parts, uncovered_section(), reproduce_section(parts, command, setting)]

    def call(self) -> str:
        """Return Python code that repeats this report."""
        options = {
            "properties": [CodeText(claim) for claim in self._claims] or None,
            "eps": self.eps if self.clip is None else self._perturbation(),
            "samples": None if self.x is None else self.samples,
            "names": None if self._from_columns else self.names,
            "units": self.units or None,
            "output_names": self.output_names,
            "title": self.title,
            "standard": self.standard,
            "time_limit": self.clock.limit,
        }
        box = None if self._from_data else self.box
        return report_code(self.model, box, (self.x, self.y), options)

    def _perturbation(self) -> CodeText:
        """Return code for the radius and the bounds on perturbed entries."""
        return CodeText(f"outrange.Perturbation({code(self.eps)}, clip={code(self.clip)})")

    def _ask(self, key: str, ask: Callable[[float], Section], keys: list[str]) -> Section:
        """Return the section `key`; `ask` computes it in its share of the time left for `keys`."""
        if self.interrupted:
            return unanswered_section(key, "The report was interrupted before this section.")
        seconds = self.clock.left
        if keys:  # Without keys, the section gets all the remaining time.
            rest, first = keys[keys.index(key) :], self._sections.get("ranges")
            again = AGAIN if "ranges" in keys and (first is None or first.cut) else 0
            seconds *= WEIGHTS[key] / (sum(WEIGHTS[k] for k in rest) + again)
        if seconds <= 0:
            return unanswered_section(
                key, "The time limit of the report was reached before this section."
            )
        begin = read_clock()
        report_progress(Stage(TITLES[key][0]))
        try:
            section = ask(seconds)
        except NotApplicableError as error:
            return unanswered_section(key, str(error), cut=False)
        except ContradictionError:
            raise
        except OutOfTime:
            return unanswered_section(
                key, f"Nothing was decided within the {seconds:.1f} s of this section."
            )
        except KeyboardInterrupt:
            self.interrupted = True
            return unanswered_section(key, "The report was interrupted during this section.")
        except (InputError, ModelError) as error:
            return unanswered_section(
                key, f"The question does not apply to this model: {error}", cut=False
            )
        self.interrupted |= any(stop_reason(answer) == "interrupted" for answer in section.answers)
        return replace(section, seconds=read_clock() - begin)

    @property
    def _is_box(self) -> bool:
        return len(self._regions) == 1 and self._regions[0].is_box

    @property
    def _ends(self) -> Bounds:
        """Lower and upper bounds of the box around the input set."""
        lo = np.min([region.box.lo for region in self._regions], axis=0)
        return lo, np.max([region.box.hi for region in self._regions], axis=0)

    @property
    def _hull(self) -> Any:
        """The input set, or the box around it, for questions that accept only boxes."""
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
        """Return code that creates the input set, and the box around it if the two differ."""
        if self._from_data and isinstance(self.box, Mixed):
            line = f"box = outrange.Mixed(outrange.data_box(data_x), {mixed_code(self.box)})"
        else:
            line = box_code(self.box, self._from_data)
        is_hull = isinstance(self.box, Mixed)
        return line if not is_hull else f"{line}\n{box_code(self._hull, False, 'hull')}"

    def _asks(self) -> Iterator[tuple[str, Callable[[float], Section]]]:
        """Yield the key and the function of each section of this report."""
        yield "ranges", self._ranges
        if self.properties:
            yield "properties", self._properties
        if self.y is not None:
            yield "robustness", self._robustness
        if not self.reader.is_image:  # A direction or a slope of each pixel means little.
            yield "monotonicity", self._monotonicity
            yield "slopes", self._slopes
        if self.standard is None:
            return  # The other sections are for specialists.
        yield "layers", self._layers
        if self.x is not None:
            yield "diagnosis", self._diagnosis

    def _ranges(self, seconds: float) -> Section:
        from ..ranges import output_range

        answer = output_range(self.network, self.box, tol=RANGE_TOL, time_limit=seconds)
        call = f"outrange.output_range(network, box, tol={RANGE_TOL:g}, time_limit={seconds:.1f})"
        return answered_section("ranges", [answer], call, reader=self.reader)

    def _known_range(self) -> Range | None:
        """Return the range of the outputs, or None if it was not computed."""
        answer = next(iter(self._sections["ranges"].answers), None)
        return answer if isinstance(answer, Range) else None

    def _layers(self, seconds: float) -> Section:
        from ..ranges import summary

        clock = Clock(seconds)
        with deadline(seconds):
            ranges = self._known_range() if self._is_box else None
            rough = summary(self.network, self._hull, known=ranges)
        answer = self._with_output_range(rough)
        # If time ran out, some bounds come from interval arithmetic, which is proved but wider.
        call = f"outrange.summary(network, {self._set})"
        note = self._larger if answer is rough else f"{self._larger} {ROUGH}".strip()
        return answered_section(
            "layers", [answer], call, note, late=clock.left <= 0, reader=self.reader
        )

    def _with_output_range(self, answer: Summary) -> Summary:
        """Narrow the range of the output layer to the known range of the outputs."""
        ranges, last = self._known_range(), answer.layers[-1:]
        layers = self.network.layers[-1:]
        if ranges is None or self._is_box or not last or last[0].name != layers[0].path:
            return answer
        if layers[0].after != self.network.graph.output or ranges.lo.size != last[0].after[0].size:
            return answer
        shape = last[0].after[0].shape
        lo = np.maximum(last[0].after[0], np.reshape(ranges.lo, shape))
        hi = np.minimum(last[0].after[1], np.reshape(ranges.hi, shape))
        return replace(answer, layers=(*answer.layers[:-1], replace(last[0], after=(lo, hi))))

    def _properties(self, seconds: float) -> Section:
        from ..properties import verify

        clock, verdicts, calls = Clock(seconds), [], []
        items = zip(self.properties, self._claims, strict=True)
        for i, (property, claim) in enumerate(items):
            limit = max(clock.left, 0.0) / (len(self.properties) - i)
            verdict = verify(self.network, property, self.box, time_limit=max(limit, 1e-3))
            verdicts.append(verdict)
            calls.append(f"outrange.verify(network, {claim}, box, time_limit={limit:.1f})")
            if verdict.reason == "interrupted":
                break
        return answered_section("properties", verdicts, "\n".join(calls), reader=self.reader)

    def _robustness(self, seconds: float) -> Section:
        from ..robustness import robust_accuracy

        graph = self.network.graph
        labels = class_numbers(self.y, graph.value_size(graph.output))
        rows = first_rows(self.x, count := min(len(labels), self.samples))
        scale = widths(self.x) if self.eps is None else None
        eps = SMALL_SHARE if self.eps is None else float(self.eps)
        each = min(MOST_EACH, max(1.0, 3 * seconds / count))
        clock = Clock(seconds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RelaxedSetWarning)  # The note on the page says so.
            answer = robust_accuracy(
                self.network, rows, labels[:count], Perturbation(eps, clip=self.clip, scale=scale),
                each=each, time_limit=seconds,
            )  # fmt: skip
        self.interrupted |= not answer.complete and clock.left > 0  # the only other reason
        most = f"{eps:.6g}" if scale is None else f"{eps:.0%} of its width over the data"
        note = f"The first {count:,} of {len(labels):,} rows; inputs perturbed by up to {most}. "
        note = f"{note}{self._larger}".strip()
        of_width = "" if scale is None else f", scale={width_code(self.x)}"
        call = (
            f"outrange.robust_accuracy(network, data_x[:{count}], data_y[:{count}], "
            f"outrange.Perturbation({eps!r}, clip={code(self.clip)}{of_width}), each={each:.3g}, "
            f"time_limit={seconds:.1f})"
        )
        return answered_section("robustness", [answer], call, note, reader=self.reader)

    def _slopes(self, seconds: float) -> Section:
        from ..slopes import gradient_range

        inputs = self._check_pairs("slopes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RelaxedSetWarning)  # The note on the page says so.
            answer = gradient_range(
                self.network, self._hull, inputs=inputs, tol=SLOPE_TOL, time_limit=seconds
            )
        call = (
            f"outrange.gradient_range(network, {self._set}, inputs={code(inputs)}, "
            f"tol={SLOPE_TOL:g}, time_limit={seconds:.1f})"
        )
        return answered_section("slopes", [answer], call, self._larger, reader=self.reader)

    def _check_pairs(self, word: str) -> list[int]:
        """Return the flat indices of the inputs that are not in a one-hot group.

        Raises:
            NotApplicableError: There are too many pairs of an output and an input for the page.
        """
        graph, inputs = self.network.graph, self.reader.numbers
        pairs = len(inputs) * graph.value_size(graph.output)
        if pairs > MOST_PAIRS:
            raise NotApplicableError(
                f"A report covers {word} of up to {MOST_PAIRS} pairs of an output and an input; "
                f"this model has {pairs:,}."
            )
        return inputs

    @property
    def _set(self) -> str:
        """Variable in the page's code that holds the set for questions that accept only boxes."""
        return "hull" if isinstance(self.box, Mixed) else "box"

    @property
    def _larger(self) -> str:
        """A note saying that answers refer to the box around the set, or "" if the set is a box."""
        return LARGER if isinstance(self.box, Mixed) else ""

    def _monotonicity(self, seconds: float) -> Section:
        from ..slopes import monotone

        inputs = [self.reader.entries[i] for i in self._check_pairs("monotonicity")]
        inside = bool(self.reader.groups)
        which = inputs if inside else None
        with warnings.catch_warnings():
            # Proofs cover all real values of integer inputs, and examples have integers.
            warnings.simplefilter("ignore", RelaxedSetWarning)
            answer = monotone(self.network, self.box, inputs=which, time_limit=seconds)
        some = f"inputs={code(inputs)}, " if inside else ""
        call = f"outrange.monotone(network, box, {some}time_limit={seconds:.1f})"
        names = ", ".join(group.name for group in self.reader.groups)
        note = f"{names}: {NO_ORDER}" if inside else ""
        section = answered_section("monotonicity", [answer], call, note, reader=self.reader)
        is_open = any(trend.direction == "unknown" for trend in answer.trends)
        return replace(section, cut=section.cut or NO_EXAMPLE) if is_open else section

    def _diagnosis(self, seconds: float) -> Section:
        from ...frontends.keras.training.program import read_compiled
        from ..diagnose import diagnose

        is_file = isinstance(self.model, str | os.PathLike)
        suffix = os.path.splitext(os.fspath(self.model))[1].lower() if is_file else ""
        if self.network.origin != "keras" or (is_file and suffix not in (".keras", ".h5")):
            raise NotApplicableError("A diagnosis needs a Keras model, and this model is not one.")
        if self.model is self.network:
            raise NotApplicableError("A diagnosis needs the model or its file, not a `Network`.")
        clock = Clock(seconds)
        with deadline(seconds):
            model = read_compiled(self.model, self.safe_mode)
            answer = diagnose(model, self.x, self.y)
        call = f"outrange.diagnose(model, data_x{'' if self.y is None else ', data_y'})"
        return answered_section(
            "diagnosis", [answer], call, late=clock.left <= 0, reader=self.reader
        )
