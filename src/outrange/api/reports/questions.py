"""What a report asks: one section after the other, each with its share of the time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...answers.range import Range
from ...answers.render.text import entry_names
from ...core import Clock, ContradictionError, InputError, ModelError, OutOfTime, Region, deadline
from ...core.clock import read_clock
from ...core.watch import Stage, tell
from ...questions.inputs.data import data_box
from ...questions.inputs.sets.regions import regions
from ...reports.answered import answered, stopped, unasked
from ...reports.context import (
    arithmetic_section,
    model_section,
    reproduce_section,
    uncovered_section,
)  # fmt: skip
from ...reports.domain import domain_section
from ...reports.section import Section
from ...reports.units import units_of
from ...reports.words import TITLES
from .claims import claims
from .code import Written, box_code, code, report_code, setup_code, width_code
from .data import NotAskedError, check_units, class_numbers, first_rows, widths
from .names import named_throughout, names_of


if TYPE_CHECKING:
    from ...frontends.network import Network


WEIGHTS = {
    "ranges": 4, "layers": 1, "properties": 3, "robustness": 3, "slopes": 2, "monotonicity": 2,
    "diagnosis": 2,
}  # fmt: skip
"""Shares of the time that is left, in the order of asking; what one leaves over, others get."""

MOST_INPUTS, MOST_PAIRS = 64, 256
"""Slopes are asked of models of up to so many inputs, directions of so many pairs."""

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
    units: Mapping[str, str] | None = None
    safe_mode: bool = True
    interrupted: bool = field(init=False, default=False)
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
        check_units(self.units or {}, self.names or (), slots)
        self.network = named_throughout(self.network, self.names, self.box)
        if isinstance(self.properties, str | os.PathLike):
            self.properties = [self.properties]
        self._from_data = self.box is None
        if self.box is None:
            self.box = data_box(self.x)
            self._told = "The range of the data, input by input."
        self._regions = regions(self.network.graph.inputs, self.box)
        self._claims = claims(self.network, self.properties, self.box, self.clock)

    def sections(self, command: str, standard: str | None) -> list[Section]:
        """Everything, in the order of the page.

        Args:
            command: What makes this report.
            standard: Whose headings the page has.
        """
        asks = dict(self._asks())
        for key in WEIGHTS:
            if key in asks:
                self._found[key] = self._ask(key, asks[key], [k for k in WEIGHTS if k in asks])
        model = model_section(self._nameless, self.network.source)
        domain = domain_section(
            self._nameless.graph.inputs, self._regions, self.names, self.units, self._told
        )
        setup = setup_code(self.model, (self.x, self.y))
        named = f", names={code(self.names)}" if self.network is not self._nameless else ""
        setup.append(f"network = outrange.load(model{named})")
        head = [
            replace(model, call="\n".join(setup)),
            replace(domain, call=box_code(self.box, self._from_data)),
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
        rest = keys[keys.index(key) :]
        seconds = self.clock.left * WEIGHTS[key] / sum(WEIGHTS[k] for k in rest)
        if seconds <= 0:
            return unasked(key, "The time was over before this was asked; what would help: more.")
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
        return replace(section, seconds=read_clock() - begin, units=self._units())

    def _units(self) -> dict[str, str]:
        """The units of the inputs by the names that the sections have."""
        unit = units_of(self._nameless.graph.inputs, self.names, self.units)
        names = entry_names({slot.name: slot.shape for slot in self.network.graph.inputs})
        return {name: one for name, one in zip(names, unit, strict=True) if one}

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

        answer = output_range(self.network, self.box, time_limit=seconds)
        call = f"outrange.output_range(network, box, time_limit={seconds:.1f})"
        return answered("ranges", [answer], call)

    def _known(self) -> Range | None:
        """The range of the outputs, if it was answered."""
        found = next(iter(self._found["ranges"].answers), None)
        return found if isinstance(found, Range) else None

    def _layers(self, seconds: float) -> Section:
        from ..ranges import summary

        clock = Clock(seconds)
        with deadline(seconds):
            answer = summary(self.network, self.box, known=self._known())
        # What the time was too short for has ends from intervals: proved, and wider.
        call = "outrange.summary(network, box)"
        return answered("layers", [answer], call, late=clock.left <= 0)

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
        return answered("properties", verdicts, "\n".join(calls))

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
        return answered("robustness", [answer], call, note)

    def _slopes(self, seconds: float) -> Section:
        from ..slopes import lipschitz

        size = self.network.graph.size
        if size > MOST_INPUTS:
            raise NotAskedError(
                f"Slopes are asked here of models of up to {MOST_INPUTS} inputs; this one has "
                f"{size:,}. `outrange.lipschitz` takes any."
            )
        answer = lipschitz(self.network, self.box, tol=SLOPE_TOL, time_limit=seconds)
        call = f"outrange.lipschitz(network, box, tol={SLOPE_TOL:g}, time_limit={seconds:.1f})"
        return answered("slopes", [answer], call)

    def _monotonicity(self, seconds: float) -> Section:
        from ..slopes import monotone

        graph = self.network.graph
        pairs = graph.size * graph.value_size(graph.output)
        if pairs > MOST_PAIRS:
            raise NotAskedError(
                f"Directions are asked here of up to {MOST_PAIRS} pairs of output and input; this "
                f"model has {pairs:,}. `outrange.monotone` takes some (`inputs=`, `outputs=`)."
            )
        answer = monotone(self.network, self.box, time_limit=seconds, seed=self.seed)
        call = f"outrange.monotone(network, box, seed={self.seed}, time_limit={seconds:.1f})"
        return answered("monotonicity", [answer], call)

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
        return answered("diagnosis", [answer], call, late=clock.left <= 0)
