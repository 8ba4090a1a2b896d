"""OR009: a stack of layers that composes to one affine map."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...graph import Node
from ...ops import Affine, Rearrange
from ...program import Layer, PartialGraph, Program, RecordedStep
from ..changes import replaced_with
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register


ENOUGH = 0.9
"""An affine model suffices if ridge regression or a short training run removes more than this
fraction of the best constant's error. The finding is then a note."""


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
    """Without an activation between them, layers compose to one affine map. The network is then no
    more expressive than a single Dense layer. With a sigmoid or softmax at the end, it is a
    logistic regression. The rule checks that the graph up to the last activation has only affine
    operations and at least two layers with weights. The finding is PROVED for all weights, because
    it follows from the graph alone. It is only a note if a hidden layer is narrower than both the
    input and the output, because a low-rank map may be intended. It is also only a note if a linear
    model fits nearly all of your data, either on held-out rows or in a short training run. If only
    some successive layers of a nonlinear network have no activation between them, the finding is
    SUSPECTED. It is MEASURED if copies of the model with a relu between these layers reach a much
    lower loss in the same number of steps, in every training run.""",
    Example(lambda k: _digits(k, None), lambda k: _digits(k, "relu")),
    Example(
        lambda k: _stretch(k, None), lambda k: _stretch(k, "relu"), level=Level.SUSPECTED
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report layers that together compute a single affine map.

    An output is reported if two or more layers up to its last activation compose to an affine map.
    If there is no output of this kind, successive layers without a nonlinearity between them are
    reported.
    """
    findings = list(_check_outputs(rule, case))
    yield from findings or _find_stretches(rule, case)


def _check_outputs(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report outputs that are affine in the inputs, apart from their last activation.

    An output that depends on fewer than two layers with trainable kernels is not reported.
    """
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
        layers = _layers_with_weights(program, behind, part)
        if len(layers) < 2:
            continue
        ends = [int(np.prod(program.inputs[0])), int(np.prod(program.outputs[i][1]))]
        between = [int(np.prod(layer.shape)) for layer in layers[:-1]]
        narrow = min(between) < min(ends)
        last = f" followed by a {head.activation}" if head.logits is not None else ""
        enough = not narrow and _suffices(case)
        more = (
            " (of low rank)" if narrow else "; for your data, one layer is enough" if enough else ""
        )
        yield rule.finding(
            Level.PROVED, layers[0].path,
            f"{_name_layers([layer.path for layer in layers])} have no activation between them: "
            f"together they are one affine map{last}, which is no more expressive than one "
            f"layer{more}.",
            'activation="relu" in every layer but the last', note=narrow or enough,
            cost={"layers": len(layers)}, holds_for="all weights and all inputs",
        )  # fmt: skip


def _name_layers(paths: list[str]) -> str:
    """Return a phrase with the number of different layers and the names of the first four.

    A recurrent layer is called at every time step, so its path occurs several times. If all paths
    are equal, the phrase states the number of calls of that layer.
    """
    named = list(dict.fromkeys(paths))
    if len(named) == 1:
        return f"the {len(paths)} calls of layer {named[0]!r}"
    return f"the {len(named)} layers {', '.join(map(repr, named[:4]))}"


def _suffices(case: DiagnosisContext) -> bool:
    """Return whether ridge regression or a short training run removes most of the error.

    It must remove more than `ENOUGH` of the error of the best constant prediction.
    """
    signal = case.trials.signal
    if signal is not None and signal.linear > ENOUGH:
        return True
    run = case.trials.run()
    ratio = None if run is None else case.trials.ratio(run)
    return ratio is not None and ratio < 1.0 - ENOUGH


def _find_stretches(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report successive layers without a nonlinearity between them."""
    pairs = stretches(case.program)
    first = list(dict.fromkeys(a for a, _ in pairs))
    if not first:
        return
    named = list(dict.fromkeys(name for pair in pairs for name in pair))
    gained = case.trials.gain(replaced_with(first))
    text = (
        f"there is no activation between {' and '.join(map(repr, named[:4]))}: together these "
        "layers are one affine map."
    )
    if gained is not None:
        behind = f"with a relu after {' and '.join(map(repr, first[:3]))}"
        text += f" {case.trials.describe_gain(gained, behind)}"
    yield rule.finding(
        Level.SUSPECTED if gained is None else Level.MEASURED, first[0], text,
        'activation="relu"   # in the first layer that is named',
        title="layers without an activation between them", cost={"layers": len(named)},
        holds_for="" if gained is None
        else "training from the stored weights",
    )  # fmt: skip


def stretches(program: Program) -> list[tuple[str, str]]:
    """Return pairs of paths of successive layers without a nonlinearity between them.

    Max pooling is not regarded as a nonlinearity here. A pair is omitted if its first layer is a
    bottleneck: it has fewer units than inputs, and fewer units than the second layer. Layers that
    are called several times are omitted, too.
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
    pairs = []
    for tensor, step in products.items():
        follower = _follower(program, readers, tensor)
        if follower is None or follower.gives[0] not in products or step.layer == follower.layer:
            continue
        kernel, behind = (program.weights[s.weights[0]].shape for s in (step, follower))
        narrow = kernel[-1] < min(int(np.prod(kernel[:-1])), behind[-1])
        if not narrow and used[step.weights[0]] == used[follower.weights[0]] == 1:
            pairs.append((step.layer, follower.layer))
    return pairs


STRAIGHT = frozenset({"Add", "Reshape", "ConvertToTensor", "Cast", "MaxPool", "AveragePool"})


def _follower(
    program: Program, readers: dict[int, list[RecordedStep]], tensor: int
) -> RecordedStep | None:
    """Return the first step after a tensor that does more than add a bias, reshape, cast or pool.

    Returns None unless exactly one step reads the tensor, and exactly one reads each intermediate
    result.
    """
    while True:
        following = readers.get(tensor, [])
        if len(following) != 1 or tensor in program.output_tensors:
            return None
        step = following[0]
        if step.kind not in STRAIGHT or len(step.reads) != 1:
            return step
        tensor = step.gives[0]


def _reads_unknown(part: PartialGraph, nodes: Sequence[Node]) -> bool:
    """Return whether any of the nodes reads a graph input that is not an input of the model."""
    if part.written.size == part.data:
        return False
    for node in nodes:
        for value in node.inputs:
            if value:
                continue
            if not isinstance(node.op, Rearrange) or node.op.index.max(initial=-1) >= part.data:
                return True
    return False


def _layers_with_weights(
    program: Program, behind: Iterable[int], part: PartialGraph
) -> list[Layer]:
    """Return the layer calls with a trainable kernel that an output depends on.

    A call is omitted if it neither depends on another of these calls nor feeds one.

    Args:
        behind: Indices of the graph values that the output depends on.
    """
    kernels = {w.layer for w in program.weights if w.trainable and len(w.shape) >= 2}
    layers = []
    for layer in program.layers:
        inner = layer.path.split("/")[-1]
        place = part.places.get(layer.after)
        if inner in kernels and place is not None and place in behind:
            layers.append(layer)
    before = {id(layer): part.written.ancestors(part.places[layer.after]) for layer in layers}

    def stands_on(one: Layer, other: Layer) -> bool:
        return one is not other and part.places[other.after] in before[id(one)]

    return [
        layer for layer in layers
        if any(stands_on(layer, other) or stands_on(other, layer) for other in layers)
    ]  # fmt: skip
