"""OR009: a stack of layers that is one affine map."""

from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...graph import Node
from ...ops import Affine, Rearrange
from ...program import Layer, PartialGraph, Program
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register


def _digits(keras: ModuleType, activation: str | None) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (64, 8)).astype("float32")
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, 64)]
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation),
            keras.layers.Dense(16, activation),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model, x, y


@register(
    "OR009", "the layers collapse into a single linear one",
    """Without an activation between them, layers compose to one affine map: the network can do no
    more than a single Dense layer (with the last activation, logistic regression). The graph up to
    the last activation, as written, is checked to hold affine operations only, with two or more
    layers of weights in it. PROVED is an exact fact of the graph, for all weights. Where a layer
    between is narrower than input and output, the stack is a low-rank map, perhaps on purpose: a
    note.""",
    Example(lambda k: _digits(k, None), lambda k: _digits(k, "relu")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Walk the graph back from the last activation."""
    program = case.program
    part = program.whole
    if part is None:
        return
    for i, head in enumerate(program.heads):
        tensor = head.logits if head.logits is not None else program.output_tensors[i]
        if tensor not in part.places:
            continue
        behind = part.written.behind(part.places[tensor])
        nodes = [part.written.nodes[v - 1] for v in behind if v]
        if not all(isinstance(node.op, Affine | Rearrange) for node in nodes):
            continue
        if _reads_unknown(part, nodes):
            continue
        layers = _weighted(program, behind, part)
        if len(layers) < 2:
            continue
        ends = [int(np.prod(program.inputs[0])), int(np.prod(program.outputs[i][1]))]
        between = [int(np.prod(layer.shape)) for layer in layers[:-1]]
        narrow = min(between) < min(ends)
        last = f" and its {head.activation}" if head.logits is not None else ""
        yield rule.found(
            Level.PROVED, layers[0].path,
            f"the {len(layers)} layers {', '.join(repr(layer.path) for layer in layers[:4])} have "
            "no activation "
            f"between them: together they are one affine map{last}, and cannot do more than one "
            "layer" + (" (of low rank)." if narrow else "."),
            'activation="relu" in every layer but the last', note=narrow,
            cost={"layers": len(layers)}, holds_for="all weights and all inputs",
        )  # fmt: skip


def _reads_unknown(part: PartialGraph, nodes: Sequence[Node]) -> bool:
    """Whether a node reads past the model's own inputs."""
    if part.written.size == part.data:
        return False
    for node in nodes:
        for value in node.inputs:
            if value:
                continue
            if not isinstance(node.op, Rearrange) or node.op.index.max(initial=-1) >= part.data:
                return True
    return False


def _weighted(program: Program, behind: Iterable[int], part: PartialGraph) -> list[Layer]:
    """The layers with a kernel on the way, of which one stands on another."""
    kernels = {w.layer for w in program.weights if w.trainable and len(w.shape) >= 2}
    found = []
    for layer in program.layers:
        inner = layer.path.split("/")[-1]
        place = part.places.get(layer.after)
        if inner in kernels and place is not None and place in behind:
            found.append(layer)
    before = {id(layer): part.written.behind(part.places[layer.after]) for layer in found}

    def stands_on(one: Layer, other: Layer) -> bool:
        return one is not other and part.places[other.after] in before[id(one)]

    return [
        layer for layer in found
        if any(stands_on(layer, other) or stands_on(other, layer) for other in found)
    ]  # fmt: skip
