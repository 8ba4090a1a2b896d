"""The answer of `outrange.layer_bounds`: bounds and phases of all units, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import Warrant
from ...core.messages import count_noun
from ..answer import Answer, Cost
from ..render.diagrams import plot_strips
from ..render.document import Document, Paragraph
from ..render.text import cell_text
from ..summary import COLORS, hull
from ..tables.help import ENDED_EARLY, what_helps
from ..tables.layers import find_layer, label_layer, tabulate_layers
from .gurobi_ml import bound_gurobi_ml
from .match import ProvedNetwork
from .omlt import bound_omlt
from .pyscipopt_ml import bound_pyscipopt_ml
from .unit_bounds import PHASES, UnitBounds


ENDS = {
    "time": ENDED_EARLY,
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended part of the search; please report it",
}
"""Reasons, by status, why the search ended before all units were bounded to the tolerance."""


@dataclass(frozen=True, eq=False)
class LayerBounds(Answer):
    """Bounds of every unit before and after its activation, over an input set.

    `answer["dense_1"]` is the `UnitBounds` of a layer, and iteration runs over all layers. The
    bounds are rounded outward, and they are valid regardless of the status.

    Args:
        model: Name of the model.
        layers: One record per layer, in the order of the model.
        status: `"exact"` if every unit whose phase is not fixed is bounded to a relative tolerance
            of 1e-4; otherwise why the search ended early: `"time"`, `"memory"`, `"interrupted"` or
            `"error"`.
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        warrant: Evidence for the bounds (see `Warrant`).
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
    """

    model: str
    layers: tuple[UnitBounds, ...]
    status: str
    cost: Cost
    methods: tuple[str, ...] = ()
    warrant: Warrant = Warrant.FLOAT64_ROUNDED

    FORMAT = "outrange.layer_bounds"
    INDEX = ("layer",)

    def __getitem__(self, name: str) -> UnitBounds:
        return find_layer(self.layers, name)

    def __iter__(self) -> Iterator[UnitBounds]:
        return iter(self.layers)

    def total(self, phase: str) -> int:
        """Return the number of units of the whole model in a phase.

        Args:
            phase: `"active"`, `"inactive"` or `"unstable"`.

        Returns:
            The number of units; layers without an activation do not count.
        """
        return sum(layer.count(phase) or 0 for layer in self.layers)

    @property
    def _network(self) -> ProvedNetwork:
        return ProvedNetwork(self.model, self.box, self.layers)

    def to_gurobi_ml(self, predictor: Any) -> int:
        """Set the bounds of a network in a Gurobi model, embedded by gurobi-machinelearning.

        The method tightens the bounds of the variables `layer.mixing` and `layer.output`.

        Args:
            predictor: Result of `gurobi_ml.add_predictor_constr` for this network. The bounds of
                its input variables must lie in the box of this answer.

        Returns:
            The number of ReLU units whose phase is now fixed.

        Raises:
            InputError: The predictor embeds another network, or its inputs may leave the box.
        """
        return bound_gurobi_ml(self._network, predictor)

    def to_omlt(self, block: Any) -> int:
        """Set the bounds and the big-M values of a network in a Pyomo model, embedded by OMLT.

        The method tightens the bounds of the variables `zhat` and `z`. In a big-M formulation, it
        also sets the parameters `_big_m_lb_relu` and `_big_m_ub_relu`, and fixes the binary
        variables `q_relu` of stable units.

        Args:
            block: An `omlt.OmltBlock` whose formulation has been built from this network. The
                bounds of its inputs must lie in the box of this answer.

        Returns:
            The number of ReLU units whose phase is now fixed.

        Raises:
            InputError: The block contains another network, or its inputs may leave the box.
        """
        return bound_omlt(self._network, block)

    def to_pyscipopt_ml(self, predictor: Any) -> int:
        """Set the bounds of a network in a SCIP model, embedded by PySCIPOpt-ML.

        The method tightens the bounds of each layer's output and of its slack or binary variables,
        and the coefficients of its big-M rows.

        Args:
            predictor: Result of `pyscipopt_ml.add_predictor_constr` for this network, before the
                model is solved. The bounds of its input variables must lie in the box of this
                answer.

        Returns:
            The number of ReLU units whose phase is now fixed.

        Raises:
            InputError: The predictor embeds another network, or its inputs may leave the box.
        """
        return bound_pyscipopt_ml(self._network, predictor)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.total(phase)} {phase}" for phase in PHASES)
        return (
            f"LayerBounds({self.model!r}, {count_noun(len(self.layers), 'layer')}, "
            f"units: {counts}, {self.warrant.name})"
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per layer: name, class, size, calls, and numbers of units by phase."""
        return [
            {
                "layer": layer.name,
                "kind": layer.kind,
                "units": int(np.size(layer.post[0])),
                "calls": layer.calls,
                **{phase: layer.count(phase) for phase in PHASES},
            }
            for layer in self.layers
        ]

    def plot(self, ax: Any = None) -> Any:
        """Draw one bar per layer: fractions of units in each phase, and the layer's range as text.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        sizes = np.array([max(np.size(layer.post[0]), 1) for layer in self.layers])
        colors = {"active": COLORS["always_on"], "inactive": COLORS["dead"], "unstable": "#d5dff0"}
        shares = {
            phase: (np.array([layer.count(phase) or 0 for layer in self.layers]) / sizes, color)
            for phase, color in colors.items()
        }
        no_activation = np.array([layer.pre is None for layer in self.layers], np.float64)
        shares["no activation"] = (no_activation, "#f1f1f1")
        names = [
            f"{layer.name} ({layer.kind}), {size:,}"
            for layer, size in zip(self.layers, sizes, strict=True)
        ]
        counts = ", ".join(f"{self.total(phase):,} {phase}" for phase in PHASES)
        notes = [cell_text(hull(layer.post)) for layer in self.layers]
        title = f"Phases proved for every input of the set: {counts}"
        return plot_strips(title, names, shares, notes, ax)

    def document(self) -> Document:
        """Return a document with a table that has one row per layer."""
        head = ("Layer (type)", "Shape", "Before", "After", "Active", "Inactive", "Unstable")
        rows = [
            (
                label_layer(layer),
                str((None, *np.shape(layer.post[0]))),
                hull(layer.pre),
                hull(layer.post),
                *map(layer.count, PHASES),
            )
            for layer in self.layers
        ]
        notes = [
            "Ranges before and after the activation are proved outer bounds over all units of a "
            "layer. Active and inactive units are proved to stay on one linear piece of their "
            f"activation ({self.warrant.name}; {self.cost})."
        ]
        if self.status in ENDS:
            early = f"Not every range is exact to 0.01% ({ENDS[self.status]})."
            notes.append(f"{early} {what_helps(self.status)}")
        return Document(
            "Layer bounds",
            f'"{self.model}"',
            (tabulate_layers(head, rows, "llrrrrr"), *map(Paragraph, notes)),
        )
