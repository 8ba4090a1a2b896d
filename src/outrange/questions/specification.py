"""A property read from a file, beside a model."""

import numpy as np

from ..core import Box, InputError, Region, Specification
from ..graph import Graph


def matched(specification: Specification, graph: Graph) -> Specification:
    """The specification, if it has as many inputs and outputs as the model.

    Raises:
        InputError: It has not.
    """
    outputs = graph.value_size(graph.output)
    if (specification.inputs, specification.outputs) != (graph.size, outputs):
        raise InputError(
            f"The property must be about as many inputs and outputs as the model has: {graph.size} "
            f"and {outputs}. Received: `{specification.name}`, about {specification.inputs} and "
            f"{specification.outputs}."
        )
    return specification


def whole_space(graph: Graph) -> Region:
    """Every input: for a property that brings its own bounds."""
    ends = np.full(graph.size, np.inf)
    return Region(Box(-ends, ends))
