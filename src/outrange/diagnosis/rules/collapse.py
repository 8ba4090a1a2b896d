"""OR009: a stack of layers that is one affine map."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...graph import Node
from ...ops import Affine, Rearrange
from ...program import Layer, PartialGraph, Program, RecordedStep
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register


ENOUGH = 0.9
"""Share of what the best constant leaves open that counts as nearly all."""


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


def _stretch(keras: ModuleType, activation: str | None) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (64, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(12, "tanh"),
            keras.layers.Dense(12, activation),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model, x, x[:, :1] * x[:, 1:2]


@register(
    "OR009", "the layers collapse into a single linear one",
    """Without an activation between them, layers compose to one affine map: the network can do no
    more than a single Dense layer (with the last activation, logistic regression). The graph up to
    the last activation, as written, is checked to hold affine operations only, with two or more
    layers of weights in it. PROVED is an exact fact of the graph, for all weights. Where a layer
    between is narrower than input and output, the stack is a low-rank map, perhaps on purpose: a
    note; and so it is where a linear model gets nearly all of your data right, held-out rows or
    those of a short training. A stretch inside a network that bends elsewhere is only SUSPECTED,
    and MEASURED where copies get much further in the same steps with a relu in it, in each of the
    trainings.""",
    Example(lambda k: _digits(k, None), lambda k: _digits(k, "relu")),
    Example(
        lambda k: _stretch(k, None), lambda k: _stretch(k, "relu"), level=Level.SUSPECTED
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Walk the graph back from the last activation; then look for stretches inside."""
    found = list(_whole(rule, case))
    yield from found or _inside(rule, case)


def _whole(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """The network up to its last activations."""
    program = case.program
    part = program.whole
    if part is None:
        return
    for i, head in enumerate(program.heads):
        tensor = head.logits if head.logits is not None else program.output_tensors[i]
        if tensor not in part.places:
            continue
        behind = part.written.ancestors(part.places[tensor])
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
        enough = not narrow and _suffices(case)
        more = " (of low rank)" if narrow else "; on your data that is enough" if enough else ""
        yield rule.found(
            Level.PROVED, layers[0].path,
            f"{_called([layer.path for layer in layers])} have no activation between them: "
            f"together they are one affine map{last}, and cannot do more than one layer{more}.",
            'activation="relu" in every layer but the last', note=narrow or enough,
            cost={"layers": len(layers)}, holds_for="all weights and all inputs",
        )  # fmt: skip


def _called(paths: list[str]) -> str:
    """The layers of some calls, each named once: a recurrent one is called at every step."""
    named = list(dict.fromkeys(paths))
    if len(named) == 1:
        return f"the {len(paths)} calls of layer {named[0]!r}"
    return f"the {len(named)} layers {', '.join(map(repr, named[:4]))}"


def _suffices(case: DiagnosisContext) -> bool:
    """Whether a linear model gets nearly all right: a ridge, or the network itself."""
    seen = case.trials.signal
    if seen is not None and seen.linear > ENOUGH:
        return True
    run = case.trials.run()
    ratio = None if run is None else case.trials.ratio(run)
    return ratio is not None and ratio < 1.0 - ENOUGH


def _inside(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Layers of weights that follow each other with nothing bent between them."""
    pairs = stretches(case.program)
    first = list(dict.fromkeys(a for a, _ in pairs))
    if not first:
        return
    named = list(dict.fromkeys(name for pair in pairs for name in pair))
    gained = case.trials.gain(Change(bent=tuple(path.split("/")[-1] for path in first)))
    text = f"nothing bends between {' and '.join(map(repr, named[:4]))}: they are one linear map."
    if gained is not None:
        behind = f"with a relu behind {' and '.join(map(repr, first[:3]))}"
        text += f" {case.trials.said(gained, behind)}"
    yield rule.found(
        Level.SUSPECTED if gained is None else Level.MEASURED, first[0], text,
        'activation="relu"   # of the first of them', title="layers without an activation between",
        cost={"layers": len(named)}, holds_for="" if gained is None
        else "trainings from the stored weights",
    )  # fmt: skip


def stretches(program: Program) -> list[tuple[str, str]]:
    """Pairs of layers of weights with nothing bent between them, bottlenecks left out.

    A maximum over places is not counted as bent; a layer that is unrolled or shared is left out.
    """
    readers: dict[int, list[RecordedStep]] = {}
    for step in program.steps:
        for t in step.reads:
            readers.setdefault(t, []).append(step)
    products = {
        step.gives[0]: step for step in program.steps
        if step.kind in ("Matmul", "Conv") and step.inside and len(step.weights) == 1
        and len(step.reads) == 1 and len(program.weights[step.weights[0]].shape) >= 2
    }  # fmt: skip
    used = Counter(step.weights[0] for step in products.values())
    found = []
    for tensor, step in products.items():
        follower = _follower(program, readers, tensor)
        if follower is None or follower.gives[0] not in products or step.layer == follower.layer:
            continue
        kernel, behind = (program.weights[s.weights[0]].shape for s in (step, follower))
        narrow = kernel[-1] < min(int(np.prod(kernel[:-1])), behind[-1])
        if not narrow and used[step.weights[0]] == used[follower.weights[0]] == 1:
            found.append((step.layer, follower.layer))
    return found


STRAIGHT = frozenset({"Add", "Reshape", "ConvertToTensor", "Cast", "MaxPool", "AveragePool"})


def _follower(
    program: Program, readers: dict[int, list[RecordedStep]], tensor: int
) -> RecordedStep | None:
    """What first reads a tensor behind biases, shapes and pooling; None if several do."""
    while True:
        following = readers.get(tensor, [])
        if len(following) != 1 or tensor in program.output_tensors:
            return None
        step = following[0]
        if step.kind not in STRAIGHT or len(step.reads) != 1:
            return step
        tensor = step.gives[0]


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
    before = {id(layer): part.written.ancestors(part.places[layer.after]) for layer in found}

    def stands_on(one: Layer, other: Layer) -> bool:
        return one is not other and part.places[other.after] in before[id(one)]

    return [
        layer for layer in found
        if any(stands_on(layer, other) or stands_on(other, layer) for other in found)
    ]  # fmt: skip
