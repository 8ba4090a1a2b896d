"""The scope of an expression: a model's inputs and outputs as arrays of variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core import InputError, did_you_mean
from ...graph.graph import merge_columns
from .forms import AffineForm, object_array


if TYPE_CHECKING:
    from ...graph import Slot
    from .nonlinear.terms import Terms

WORDS = {"x": "input", "y": "output", "layer": "layer"}


class Scope:
    """Numbering of variables: first the entries of all inputs, then the entries of all outputs.

    Args:
        inputs: The model's inputs; input entry `i` is variable `i`.
        outputs: The model's outputs; output entry `j` is variable `total inputs + j`.
        places: `(inputs + outputs + hidden values,)`: index of the variable for each entry, if
            several networks are numbered together; None for the indices stated above.
        network: Name of the model among several networks; empty if there is only one.
        terms: The nonlinear terms, to which conditions may add new terms; None for linear
            conditions.
        layers: Hidden values, numbered after the outputs.
    """

    def __init__(
        self,
        inputs: Sequence[Slot],
        outputs: Sequence[Slot],
        places: np.ndarray | None = None,
        network: str = "",
        terms: Terms | None = None,
        layers: Sequence[Slot] = (),
    ) -> None:
        self.terms = terms
        self.slots = {"x": tuple(inputs), "y": tuple(outputs), "layer": tuple(layers)}
        self.network = network
        self._places = places
        self._known: dict[tuple[str, str], np.ndarray] = {}

    @property
    def is_joint(self) -> bool:
        """Whether the variables are numbered together with those of other networks."""
        return self._places is not None

    def variables(self, kind: str, name: str | None) -> np.ndarray:
        """Return the variables of one input or output, as forms in an array of its shape.

        Raises:
            InputError: No input or output has this name, or there are several and no name is given.
        """
        slot = self.slot(kind, name)
        if (kind, slot.name) not in self._known:
            before = {"x": (), "y": ("x",), "layer": ("x", "y")}[kind]
            start = sum(slot.size for part in before for slot in self.slots[part])
            for other in () if name is None else self.slots[kind]:
                if other is slot:
                    break
                start += other.size
            places = range(start, start + slot.size)
            if self._places is not None:
                places = self._places[start : start + slot.size].tolist()
            items = [AffineForm({i: 1}, 0) for i in places]
            self._known[kind, slot.name] = object_array(items, slot.shape)
        return self._known[kind, slot.name]

    def slot(self, kind: str, name: str | None) -> Slot:
        """Return the input or output called `name`, or the only one if `name` is None."""
        if kind not in self.slots:
            raise InputError(
                "`u` is the control of a closed loop (`outrange.closed_loop`); the output of a "
                f"model is `y`. Received: `{self._text(kind, name)}`."
            )
        slots, word = self.slots[kind], WORDS[kind]
        if not slots:
            raise InputError(
                "A condition on the set of inputs must use only `x`; move conditions on the "
                f"{word}s to the property. Received: `{self._text(kind, name)}`."
            )
        if name is None:
            whole = merge_columns(slots)
            if len(whole) == 1:
                return whole[0]
            raise InputError(
                f"This model has {len(slots)} {word}s, {_list(slots)}: select one by its name, "
                f"`{self._text(kind, slots[0].name)}`. "
                f"Received: `{self._text(kind, None)}` without a name."
            )
        for slot in slots:
            if slot.name == name:
                return slot
        hint = did_you_mean(name, [s.name for s in slots])
        raise InputError(
            f"The model has no {word} with this name; it has {_list(slots)}.{hint} "
            f"Received: `{self._text(kind, name)}`."
        )

    def _text(self, kind: str, name: str | None) -> str:
        return variable_text(kind, name, self.network)

    def place(self, kind: str, name: str | None) -> str:
        """Describe an input or output: ``Output `left` has shape (3,) (no batch axis)``."""
        slot = self.slot(kind, name)
        return f"{WORDS[kind].capitalize()} `{slot.name}` has shape {slot.shape} (no batch axis)"


def variable_text(kind: str, name: str | None, network: str = "") -> str:
    """Return a variable as the user writes it: `y`, `y["left"]`, `layer("a")`, or `f.y`."""
    whole = f"{network}.{kind}" if network else kind
    if kind == "layer":
        return f'{whole}("{name}")'
    return whole if name is None else f'{whole}["{name}"]'


def _list(slots: Sequence[Slot]) -> str:
    shown = ", ".join(f"`{slot.name}` {slot.shape}" for slot in slots[:12])
    return shown + (f" and {len(slots) - 12} more" if len(slots) > 12 else "")
