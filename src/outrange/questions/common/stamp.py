"""What an answer gets beside what was found: the hashes of its models, the box it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ...answers.answer import Answer
from ...answers.render.text import entry_names


if TYPE_CHECKING:
    from ...core import Region
    from .network import NetworkLike


Kind = TypeVar("Kind", bound=Answer)


def stamped(answer: Kind, *networks: NetworkLike) -> Kind:
    """The answer with the hashes of the models that it is about, where they have one."""
    known = (getattr(network, "source", None) for network in networks)
    return replace(answer, sources=tuple(source for source in known if source is not None))


def hull(network: NetworkLike, regions: Sequence[Region]) -> dict[str, Any]:
    """The smallest box around an input set, and the names of its inputs, for a `Verdict`."""
    if not regions:
        return {}
    lo = np.min([region.box.lo for region in regions], axis=0)
    hi = np.max([region.box.hi for region in regions], axis=0)
    names = entry_names({slot.name: slot.shape for slot in network.graph.inputs})
    return {"box": (lo, hi), "names": tuple(names)}
