"""Provenance of answers: the hashes of their models, and the input set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ...answers.answer import Answer
from ...answers.render.text import entry_names
from ...answers.tables.domain import MOST_NAMED
from ...core import Box, InputDomain, ModelSource, PropertySource, Provenance, Region, no_deadline
from ...core.formula import TRUE
from ..conditions.integer_cases import integer_cases
from .fingerprints import graph_source
from .named_arrays import input_slots


if TYPE_CHECKING:
    from ...graph import Slot
    from .network import NetworkLike


Kind = TypeVar("Kind", bound=Answer)


def add_provenance(
    answer: Kind,
    *networks: NetworkLike,
    regions: Sequence[Region] | None = None,
    property: PropertySource | None = None,
) -> Kind:
    """Add the input set, and the hashes of the models and the property, to an answer.

    Args:
        answer: An answer without sources.
        *networks: The models; the input set is described by the input names of the first.
        regions: The input set; None to keep the input set that the answer records.
        property: The property, if the question has one.
    """
    sources = tuple(source for network in networks for source in model_sources(network))
    over = answer.over
    if regions is not None:
        slots, index = input_slots(networks[0])
        over = input_domain(slots, regions, index=index)
    provenance = answer.provenance if property is None else Provenance(property=property)
    return replace(answer, sources=sources, over=over, provenance=provenance)


def model_sources(network: NetworkLike) -> list[ModelSource]:
    """Return the name and hash of a model, or of each distinct model of which it is composed."""
    parts = [part for _, part in getattr(network, "parts", ())] or [network]
    sources = (
        getattr(part, "source", None) or graph_source(part.name, part.graph) for part in parts
    )
    return list(dict.fromkeys(sources))


def input_domain(
    slots: Sequence[Slot],
    regions: Sequence[Region] | Box,
    cut: bool = False,
    index: np.ndarray | None = None,
) -> InputDomain | None:
    """Convert an input set to the record stored in answers; return None for an unknown set.

    Args:
        slots: The inputs of the model.
        regions: A union of regions, or one box; empty if the set is unknown.
        cut: Whether conditions other than the conditions of the regions restrict the set.
        index: Position of each entry of `slots` in the flat input of the regions; None if they
            agree. See `input_slots`.
    """
    if isinstance(regions, Box):
        regions = [Region(regions)]
    if not regions:
        return None
    names = tuple(entry_names({slot.name: slot.shape for slot in slots}))
    everything = slice(None) if index is None else index
    lo = np.min([region.box.lo for region in regions], axis=0)[everything]
    hi = np.max([region.box.hi for region in regions], axis=0)[everything]
    with no_deadline():
        cases = integer_cases(regions)
    combined = len(cases) > len(regions)
    regions = cases if combined else regions
    cuts = [f"{len(cases):,} combinations of categories"] * combined
    cuts += [f"a union of {len(regions):,} sets"] * (len(regions) > 1 and not combined)
    orders = {distance.order for region in regions for distance in region.distances}
    cuts += [f"in an L{order} ball" for order in sorted(orders)]
    whole = np.flatnonzero(np.any([region.integer for region in regions], axis=0)[everything])
    if whole.size:
        shown = (
            ", ".join(names[i] for i in whole) if whole.size <= MOST_NAMED else f"{whole.size:,}"
        )
        cuts.append(f"integers: {shown if whole.size < len(names) else 'all'}")
    cuts += ["cut by conditions"] * (cut or any(region.condition != TRUE for region in regions))
    return InputDomain(names, lo, hi, tuple(cuts))
