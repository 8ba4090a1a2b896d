"""What the explorer shows: a network, its names, and where the sliders begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers.render.text import entry_names
from ..core import Box, InputError
from ..questions.common.network import LayeredNetwork
from ..questions.evidence.evaluate import entries
from ..questions.inputs.parse_box import input_box, whole_entries


if TYPE_CHECKING:
    from ..graph import Slot
    from ..questions.common.network import LayerLike


MOST_INPUTS, MOST_OUTPUTS = 20_000, 1_000
"""Numbers that a browser moves about while a slider is dragged."""

MOST_UNITS = 512
"""Units of a layer that are drawn; all are counted."""

LARGE = 1 << 17
"""Entries in all values of a graph from which on intervals come before linear bounds."""

DEFAULT = (0.0, 1.0)
"""The input set where none is given."""


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A network and the input set that its page begins with.

    Args:
        network: The model.
        box: The input set that the sliders show first, and that their tracks span.
        given: Whether the user chose it.
        seconds: What the search for one set of ranges may take.
    """

    network: LayeredNetwork
    box: Box
    given: bool
    seconds: float

    @classmethod
    def of(cls, network: LayeredNetwork, box: Any, seconds: float) -> Exhibit:
        """The exhibit of a network.

        Args:
            network: The model.
            box: As for `outrange.output_range`; None for `DEFAULT`, within each input's limits.
            seconds: What the search for one set of ranges may take.

        Raises:
            InputError: The box is none, or the model has too many inputs or outputs to be drawn.
        """
        graph = network.graph
        for what, count, most in (
            ("inputs", graph.size, MOST_INPUTS),
            ("outputs", graph.value_size(graph.output), MOST_OUTPUTS),
        ):
            if count > most:
                raise InputError(
                    f"The explorer shows models of up to {most:,} {what}; ask "
                    f"`outrange.output_range` about larger ones. Received: {count:,} {what}."
                )
        if not 0 < seconds < np.inf:
            raise InputError(
                f"`time_limit` is a positive number of seconds. Received: {seconds!r}."
            )
        chosen = default_box(graph.inputs) if box is None else input_box(graph.inputs, box)
        return cls(network, chosen, box is not None, float(seconds))

    @property
    def is_large(self) -> bool:
        """Whether linear bounds take longer than a drag should wait."""
        return entries(self.network.graph) > LARGE

    def hello(self) -> dict[str, Any]:
        """The first message of a page: names, tracks, and the layers it will hear of."""
        graph = self.network.graph
        low, high = tracks(graph.inputs, self.box)
        return {
            "say": "hello",
            "model": self.network.name,
            "inputs": entry_labels(graph.inputs),
            "x": expressions("x", graph.inputs),
            "whole": whole_entries(graph.inputs).tolist(),
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
        """Whether a layer's values are outputs, whose ranges are shown anyway."""
        graph = self.network.graph
        names = {slot.name for slot in graph.outputs}
        return layer.before is None and (layer.after == graph.output or layer.path in names)


def entry_labels(slots: Sequence[Slot]) -> list[str]:
    """What each entry is called; the only one of an input or output by its name alone."""
    return entry_names({slot.name: () if slot.size == 1 else slot.shape for slot in slots})


def expressions(letter: str, slots: Sequence[Slot]) -> list[str]:
    """How each entry is written in a property: `x[2]`, or `x["speed"]` of several inputs.

    Args:
        letter: `"x"` or `"y"`.
        slots: The inputs or the outputs.
    """
    if len(slots) == 1:
        return entry_names({letter: slots[0].shape})
    shapes = {slot.name: () if slot.size == 1 else slot.shape for slot in slots}
    return entry_names({f'{letter}["{name}"]': shape for name, shape in shapes.items()})


def default_box(slots: Sequence[Slot]) -> Box:
    """`DEFAULT` for every input, or the limits of one that cannot take it all."""
    ends = []
    for slot in slots:
        low, high = slot.limits
        inside = low <= DEFAULT[0] and high >= DEFAULT[1]
        chosen = DEFAULT if inside or not np.isfinite([low, high]).all() else slot.limits
        ends.append(np.tile(np.clip(chosen, low, high), (slot.size, 1)))
    both = np.concatenate(ends)
    return input_box(slots, Box(both[:, 0], both[:, 1]))


def tracks(slots: Sequence[Slot], box: Box) -> tuple[np.ndarray, np.ndarray]:
    """`(low, high)` of each slider: the box, and around a fixed input as far as its size."""
    room = np.where(box.hi > box.lo, 0.0, np.maximum(1.0, np.abs(box.lo)))
    limits = np.concatenate([np.tile(slot.limits, (slot.size, 1)) for slot in slots])
    low, high = np.maximum(box.lo - room, limits[:, 0]), np.minimum(box.hi + room, limits[:, 1])
    return low, np.maximum(high, low)
