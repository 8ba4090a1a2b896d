"""The answer to "what should the last layer, loss and optimizer be?"."""

from dataclasses import dataclass
from textwrap import fill
from typing import Any

from .render.jsonable import jsonable


WIDTH = 96


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
class Advice:
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

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        record = jsonable(vars(self)) | {"choices": [jsonable(vars(c)) for c in self.choices]}
        return {
            "format": "outrange.advice",
            "version": 1,
            **record,
            "code": self.code,
            "warnings": list(self.warnings),
        }

    def __repr__(self) -> str:
        return (
            f"Advice({self.kind}: Dense({self.units}, {self.activation!r}), loss={self.loss!r}, "
            f"{self.optimizer}({self.learning_rate:g}))"
        )

    def notes(self) -> list[str]:
        """What to know beside the choices."""
        doubt = [] if self.sure else [f'Another reading of the targets: kind="{self.other}".']
        return [*doubt, *self.warnings]

    def __str__(self) -> str:
        width = max(len(c.what) for c in self.choices)
        indent = " " * (width + 2)
        lines = [f"The targets are {self.meaning}.", ""]
        for c in self.choices:
            because = fill(c.reason, WIDTH, initial_indent=indent, subsequent_indent=indent)
            lines += [f"{c.what.ljust(width)}  {c.value}", because]
        notes = [fill(note, WIDTH) for note in self.notes()]
        return "\n".join([*lines, "", *notes, *([""] if notes else []), self.code])

    def _repr_html_(self) -> str:
        from html import escape

        from .render.html import html_table

        rows = [[c.what, c.value, c.reason] for c in self.choices]
        caption = f"The targets are {self.meaning}."
        shown = html_table(["choice", "take", "because"], rows, caption, " ".join(self.notes()))
        return f"{shown}<pre>{escape(self.code)}</pre>"
