"""The answer of `outrange.recommend`."""

from dataclasses import dataclass
from typing import Any

from .answer import Answer
from .render.document import Code, Document, Entry, EntryList, Paragraph


@dataclass(frozen=True)
class Choice:
    """One choice, and why.

    Args:
        what: What is chosen, `"loss"`.
        value: As Keras takes it.
        reason: The facts of the data that decide it.
    """

    what: str
    value: str
    reason: str


@dataclass(frozen=True)
class Advice(Answer):
    """What fits the data; `print` it for the reasons, `code` to paste.

    Args:
        kind: What the targets are, `"binary"`.
        meaning: The same in words.
        sure: Whether the data leave no other reading.
        other: The other reading, as `kind=` takes it.
        units: Of the last layer.
        activation: Of the last layer.
        loss: As `Model.compile` takes it.
        optimizer: By name.
        learning_rate: For it.
        metric: To watch.
        targets: What to do to the targets, as an expression in `y`; `"y"` if nothing.
        inputs: What to do to the inputs: a layer, or `""` if nothing.
        choices: Each of these with its reason.
        warnings: What else is odd about the data.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.
    """

    kind: str
    meaning: str
    sure: bool
    other: str
    units: int
    activation: str
    loss: str
    optimizer: str
    learning_rate: float
    metric: str
    targets: str
    inputs: str
    choices: tuple[Choice, ...]
    warnings: tuple[str, ...] = ()

    FORMAT = "outrange.advice"
    INDEX = ("what",)
    DERIVED = ("code",)

    @property
    def code(self) -> str:
        """The choices as Keras code, with a hidden layer to replace by one's own."""
        adapted = "Normalization" in self.inputs
        lines = [f"y = {self.targets}"] if self.targets != "y" else []
        if adapted:
            lines += [f"scaling = {self.inputs}", "scaling.adapt(x)"]
        first = f"    {'scaling' if adapted else self.inputs},\n" if self.inputs else ""
        activation = "" if self.activation == "linear" else f', activation="{self.activation}"'
        return "\n".join(
            [
                *lines,
                "model = keras.Sequential([\n    keras.Input(x.shape[1:]),\n"
                + first
                + '    keras.layers.Flatten(),\n    keras.layers.Dense(32, activation="relu"),\n'
                + f"    keras.layers.Dense({self.units}{activation}),\n])",
                f"model.compile(keras.optimizers.{self.optimizer}({self.learning_rate:g}), "
                f'loss="{self.loss}", metrics=["{self.metric}"])',
            ]
        )

    def __repr__(self) -> str:
        return (
            f"Advice({self.kind}: Dense({self.units}, {self.activation!r}), loss={self.loss!r}, "
            f"{self.optimizer}({self.learning_rate:g}))"
        )

    def records(self) -> list[dict[str, Any]]:
        """One dict a choice, with its reason."""
        return [{"what": c.what, "value": c.value, "reason": c.reason} for c in self.choices]

    def document(self) -> Document:
        """The choices, what else to know, and the code."""
        doubt = [] if self.sure else [f'Another reading of the targets: kind="{self.other}".']
        return Document(
            f"The targets are {self.meaning}.",
            "",
            (
                EntryList([Entry(c.what, c.value, [c.reason]) for c in self.choices]),
                Paragraph("\n".join((*doubt, *self.warnings))),
                Code(self.code),
            ),
        )
