"""The answer of `outrange.recommend`."""

from dataclasses import dataclass
from typing import Any

from .answer import Answer
from .render.document import Code, Document, Entry, EntryList, Paragraph


@dataclass(frozen=True)
class Choice:
    """One recommendation with its reason.

    Args:
        what: Subject of the choice, such as `"loss"`.
        value: Recommended value, in Keras notation.
        reason: Properties of the data that determine the choice.
    """

    what: str
    value: str
    reason: str


@dataclass(frozen=True)
class Advice(Answer):
    """Recommended last layer, loss, optimizer and scaling for a data set; `print` adds the reasons.

    Args:
        kind: Kind of the targets, such as `"binary"`.
        meaning: The kind, as text.
        sure: Whether the data rule out every other kind.
        other: The other kind that the data permit, which `kind=` can select; empty if `sure`.
        units: Number of units of the last layer.
        activation: Activation of the last layer.
        loss: Loss to pass to `Model.compile`.
        optimizer: Name of the optimizer.
        learning_rate: Learning rate of the optimizer.
        metric: Metric to watch during training.
        targets: Transformed targets as an expression in `y`; `"y"` if they need no transformation.
        inputs: Code of the layer that transforms the inputs; `""` if none is needed.
        choices: Recommendations with their reasons.
        warnings: Sentences about unusual properties of the data.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
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
        """The choices as Keras code, with one hidden layer as a placeholder for the user's own."""
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
        """Return one dict per choice with its reason."""
        return [{"what": c.what, "value": c.value, "reason": c.reason} for c in self.choices]

    def document(self) -> Document:
        """Return a document with the choices, the warnings, and Keras code for a model."""
        other = f'The data also permit kind="{self.other}"; pass `kind=` to choose.'
        doubt = [] if self.sure else [other]
        return Document(
            f"The targets are {self.meaning}.",
            "",
            (
                EntryList([Entry(c.what, c.value, [c.reason]) for c in self.choices]),
                Paragraph("\n".join((*doubt, *self.warnings))),
                Code(self.code),
            ),
        )
