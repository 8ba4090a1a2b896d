"""The content of the explorer: a network, its names, and the initial sliders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.render.text import entry_names
from ..core import Box, InputError, Region
from ..questions.common.network import LayeredNetwork
from ..questions.evidence.evaluate import entries
from ..questions.inputs.columns import is_frame
from ..questions.inputs.parse_box import input_box, whole_entries
from ..questions.inputs.sets import Mixed
from ..questions.inputs.sets.regions import regions
from ..questions.inputs.sets.table import frame_set, integers_and_groups
from ..questions.sample_range import sampled_set
from ..reports.plain.reader import Category
from ..search.common.domain_boxes import DomainBoxes


if TYPE_CHECKING:
    from ..graph import Slot
    from ..questions.common.network import LayerLike


MOST_INPUTS, MOST_OUTPUTS = 20_000, 1_000
"""Maximum numbers of inputs and outputs that a browser can update during a drag."""

MOST_UNITS = 512
"""Maximum number of units drawn per layer; the counts include all units."""

LARGE = 1 << 17
"""Number of entries of a graph's values above which interval bounds precede linear bounds."""

DEFAULT = (0.0, 1.0)
"""Default range of an input."""


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A network and its initial input set.

    Args:
        network: The network to explore.
        box: Bounding box of the initial input set, from which `tracks` derives the slider tracks.
        given: Whether the user chose the initial input set.
        seconds: Time limit of the search for the ranges of one input set.
        integer: `(inputs,)` bool, True for inputs that are integers.
        groups: One-hot groups of the inputs.
        partial: Flat indices of each group of inputs, at most one of which is 1.
    """

    network: LayeredNetwork
    box: Box
    given: bool
    seconds: float
    integer: np.ndarray
    groups: tuple[Category, ...] = ()
    partial: tuple[np.ndarray, ...] = ()

    @classmethod
    def of(cls, network: LayeredNetwork, box: Any, seconds: float) -> Exhibit:
        """Build the exhibit of a network.

        Args:
            network: The network to explore.
            box: The input set, as for `outrange.output_range`. None uses `default_box`.
            seconds: Time limit of the search for the ranges of one input set.

        Raises:
            InputError: The box or `seconds` is invalid, or the model has too many inputs or outputs
                to draw.
        """
        graph = network.graph
        for what, count, most in (
            ("inputs", graph.size, MOST_INPUTS),
            ("outputs", graph.value_size(graph.output), MOST_OUTPUTS),
        ):
            if count > most:
                raise InputError(
                    f"The explorer shows models with up to {most:,} {what}; use "
                    f"`outrange.output_range` for larger ones. Received: {count:,} {what}."
                )
        if not 0 < seconds < np.inf:
            raise InputError(
                f"`time_limit` must be a positive number of seconds. Received: {seconds!r}."
            )
        slots, integer, groups, partial = graph.inputs, whole_entries(graph.inputs), (), []
        inputs = frame_set(box) if is_frame(box) else box
        if isinstance(inputs, Mixed):
            parts = regions(slots, inputs)
            chosen = Box(
                np.min([part.box.lo for part in parts], axis=0),
                np.max([part.box.hi for part in parts], axis=0),
            )
            integer = integer | np.any([part.integer for part in parts], axis=0)
            labels = entry_labels(slots)
            _, members, partial = integers_and_groups(slots, inputs)
            groups = tuple(Category.of([labels[i] for i in g], tuple(g.tolist())) for g in members)
        else:
            chosen = default_box(slots) if inputs is None else input_box(slots, inputs)
        is_chosen = box is not None
        return cls(network, chosen, is_chosen, float(seconds), integer, groups, tuple(partial))

    def input_set(self, box: Box) -> Box | Mixed:
        """Return the inputs of a box that satisfy the integer and one-hot constraints.

        If the box fixes every input with such a constraint, the result is `box` itself.

        Args:
            box: The box that the sliders show.
        """
        at = [*np.flatnonzero(self.integer).tolist(), *(i for g in self.groups for i in g.members)]
        return box if (box.lo == box.hi)[at].all() else self._with_integers(box)

    def boxes(self, box: Box) -> DomainBoxes:
        """Return boxes whose union is `input_set(box)`, or `box` if that would require too many."""
        return sampled_set(self.network.graph.inputs, self.input_set(box))[1]

    def regions(self, box: Box) -> list[Region]:
        """Return regions whose union is the set of inputs in a box that satisfy the constraints."""
        return regions(self.network.graph.inputs, self._with_integers(box))

    def _with_integers(self, box: Box) -> Mixed:
        groups = [list(group.members) for group in self.groups]
        # The sliders can demand several 1s of a group. Such a box is shown without the constraint.
        partial = [group for group in self.partial if box.lo[group].sum() <= 1]
        integers = np.flatnonzero(self.integer)
        return Mixed(box, integers=integers, one_hot=groups, at_most_one=partial)

    @property
    def is_large(self) -> bool:
        """Whether the graph has more than `LARGE` entries: interval bounds are then shown first."""
        return entries(self.network.graph) > LARGE

    def hello(self) -> dict[str, Any]:
        """Return the first message to a page: names, slider tracks, and layers."""
        graph = self.network.graph
        low, high = tracks(graph.inputs, self.box)
        return {
            "say": "hello",
            "model": self.network.name,
            "inputs": entry_labels(graph.inputs),
            "x": expressions("x", graph.inputs),
            "whole": self.integer.tolist(),
            "groups": [asdict(group) for group in self.groups],
            "lo": self.box.lo.tolist(),
            "hi": self.box.hi.tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
            "given": self.given,
            "outputs": entry_labels(graph.outputs),
            "y": expressions("y", graph.outputs),
            "layers": [
                {
                    "name": layer.path,
                    "kind": layer.kind,
                    "units": int(np.prod(layer.shape, dtype=np.int64)),
                    "activation": layer.before is not None,
                    "output": self._is_output(layer),
                }
                for layer in self.network.layers
            ],
            "parameters": sum(layer.parameters for layer in self.network.layers),
            "seconds": self.seconds,
        }

    def _is_output(self, layer: LayerLike) -> bool:
        """Return whether a layer's values are outputs, whose ranges are shown anyway."""
        graph = self.network.graph
        names = {slot.name for slot in graph.outputs}
        return layer.before is None and (layer.after == graph.output or layer.path in names)


def entry_labels(slots: Sequence[Slot]) -> list[str]:
    """Return the label of each entry of inputs or outputs.

    The only entry of an input or output is labeled with the name alone.
    """
    return entry_names({slot.name: () if slot.size == 1 else slot.shape for slot in slots})


def expressions(letter: str, slots: Sequence[Slot]) -> list[str]:
    """Return the expression for each entry in a property: `x[2]`, or `x["speed"]` by input name.

    Args:
        letter: `"x"` for inputs, `"y"` for outputs.
        slots: The inputs or the outputs.
    """
    if len(slots) == 1:
        return entry_names({letter: slots[0].shape})
    shapes = {slot.name: () if slot.size == 1 else slot.shape for slot in slots}
    return entry_names({f'{letter}["{name}"]': shape for name, shape in shapes.items()})


def default_box(slots: Sequence[Slot]) -> Box:
    """Return the box of `DEFAULT` for every input.

    If an input has finite limits that do not contain `DEFAULT`, these limits are used instead.
    Otherwise `DEFAULT` is clipped to the limits of the input.
    """
    ends = []
    for slot in slots:
        low, high = slot.limits
        inside = low <= DEFAULT[0] and high >= DEFAULT[1]
        chosen = DEFAULT if inside or not np.isfinite([low, high]).all() else slot.limits
        ends.append(np.tile(np.clip(chosen, low, high), (slot.size, 1)))
    both = np.concatenate(ends)
    return input_box(slots, Box(both[:, 0], both[:, 1]))


def tracks(slots: Sequence[Slot], box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest value of each slider's track, `(inputs,)` each.

    They are the bounds of the box. The track of a fixed input extends beyond its value, within the
    limits of the input.
    """
    room = np.where(box.hi > box.lo, 0.0, np.maximum(1.0, np.abs(box.lo)))
    limits = np.concatenate([np.tile(slot.limits, (slot.size, 1)) for slot in slots])
    low, high = np.maximum(box.lo - room, limits[:, 0]), np.minimum(box.hi + room, limits[:, 1])
    return low, np.maximum(high, low)
