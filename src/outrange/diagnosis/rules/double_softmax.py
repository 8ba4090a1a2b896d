"""OR008: a softmax of probabilities, or a softmax inside the network."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import replaced_with
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import at_least, at_most


def _stack(keras: ModuleType, twice: bool, hidden: str = "tanh") -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[x[:, :3].argmax(axis=1)]
    layers = [keras.Input((4,)), keras.layers.Dense(16, hidden)]
    layers += [keras.layers.Dense(3, "softmax", name="classes")]
    layers += [keras.layers.Softmax(name="again")] if twice else []
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    return model, x, y


@register(
    "OR008", "a softmax of a softmax, or a softmax inside the network",
    """A softmax whose inputs are K probabilities never gives a class a probability close to 1: its
    inputs lie in [0, 1], so its outputs lie between 1/(1 + (K-1)e) and e/(e + K-1) for all weights.
    The finding is PROVED, because it follows from this range. A softmax between two dense layers
    makes the outputs of a hidden layer add up to 1 and passes little gradient. Such a softmax is
    only SUSPECTED, because attention layers contain a softmax by design. It is MEASURED if copies
    of the model with a relu in its place reach a much lower loss, in every training run.""",
    Example(lambda k: _stack(k, True), lambda k: _stack(k, False)),
    Example(lambda k: _stack(k, False, "softmax"), lambda k: _stack(k, False),
            level=Level.SUSPECTED),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report outputs that are a softmax of probabilities, and softmaxes inside the network."""
    program = case.program
    for i, head in enumerate(program.heads):
        if head.activation == "softmax" and head.inner in ("softmax", "sigmoid") and head.width > 1:
            ends = case.free_ends(program.output_tensors[i])
            # The error of a softmax in float32 is below this many roundoffs.
            slack = (head.width + 16) * 2.0**-23
            most = float(ends[1].max()) * (1 + slack) if ends is not None else 1.0
            least = float(ends[0].min()) * (1 - slack) if ends is not None else 0.0
            yield rule.finding(
                Level.PROVED, head.layer,
                f"a softmax follows a {head.inner}: no class can get a probability above "
                f"{at_most(most)} or below {at_least(least)}, whatever the weights.",
                "one softmax: remove the last activation" if head.inner == "softmax"
                else f"one softmax: remove the {head.inner} before it", interval=(least, most),
                cost={"most": most},
                holds_for="all trainable weights, and all inputs within the range of your data",
            )  # fmt: skip
    yield from _inside(rule, case)


def _inside(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report softmaxes whose result enters a later layer with a kernel.

    To measure whether these softmaxes do harm, copies of the model are trained with a relu in place
    of each of them.
    """
    program = case.program
    makers = {t: step for step in program.steps for t in step.gives}
    readers: dict[str, str] = {}
    for step in program.steps:
        if step.kind not in ("Matmul", "Conv") or not step.weights or len(step.reads) != 1:
            continue
        maker = makers.get(step.reads[0])
        while maker is not None and maker.kind in PASSING and len(maker.reads) == 1:
            maker = makers.get(maker.reads[0])
        if maker is not None and maker.kind == "Softmax" and maker.layer != step.layer:
            readers.setdefault(maker.layer, step.layer)
    gained = case.trials.gain(replaced_with(readers)) if readers else None
    more = "" if gained is None else f" {case.trials.describe_gain(gained, 'with a relu instead')}"
    for layer, reader in readers.items():
        yield rule.finding(
            Level.SUSPECTED if gained is None else Level.MEASURED, layer,
            "the outputs of this hidden layer come from a softmax, so they add up to 1, and they "
            f"are the input of layer '{reader}'.{more}",
            'activation="relu"',
            holds_for="" if gained is None else "training from the stored weights",
        )  # fmt: skip


PASSING = ("Reshape", "MaxPool", "AveragePool")
"""Operations permitted between a softmax and the product or convolution that uses its result."""
