"""OR038: batch normalization over a single number."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import format_steps, names


def _normalized_model(keras: ModuleType) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(name="normalized"),
            keras.layers.ReLU(),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, x, x[:, :1] - x[:, 1:2]


@register(
    "OR038", "batch normalization over a single number",
    """In training, BatchNormalization computes the mean and the variance of each feature over the
    rows of the batch and, in sequences and images, over the positions. The mean of a single number
    is that number, and its variance is 0. A layer that has only one number per feature therefore
    returns its beta for every row, and no gradient passes to the layers before it. At inference the
    layer uses its moving statistics and returns other values. The finding is PROVED for all
    weights, from the shapes and the batch size (`batch_size=`, or data with a single row). It is a
    note if only the last batch of an epoch has one row. Use larger batches, LayerNormalization, or
    no normalization.""",
    Example(
        _normalized_model, _normalized_model,
        options={"epochs": 3, "batch_size": 1}, twin_options={"epochs": 3, "batch_size": 16},
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report batch normalizations whose batch statistics are computed from a single number."""
    program = case.program
    batch = 1 if case.rows == 1 else case.batch_size
    if batch is None or program.batch_statistics is None or not program.losses:
        return
    batch = min(batch, case.rows)
    last = case.rows % batch
    if (batch > 1 and last != 1) or not case.batch_normalized:
        return
    single = {name for name, count in program.batch_statistics().items() if count == 1}
    paths = [
        layer.path for layer in program.layers
        if layer.kind == "BatchNormalization" and layer.path.split("/")[-1] in single
    ]  # fmt: skip
    paths = list(dict.fromkeys(paths))
    if not paths:
        return
    more = f" The same holds for {names(paths[1:])}." if len(paths) > 1 else ""
    if batch == 1:
        yield rule.finding(
            Level.PROVED, paths[0],
            "in training with batches of one row, this layer normalizes single numbers, so it "
            "returns its beta for every row, up to rounding: no gradient passes to the layers "
            f"before it, and at inference it returns other values.{more}",
            "batch_size=32   # or LayerNormalization in place of BatchNormalization",
            cost={"layers": len(paths)},
            holds_for="all weights and all inputs, in training with batches of one row",
        )  # fmt: skip
        return
    steps = -(-case.rows // batch)
    yield rule.finding(
        Level.SUSPECTED, paths[0],
        f"the last batch of an epoch has one row ({case.rows:,} rows in batches of {batch:,}), so "
        f"in one of {format_steps(steps)} this layer returns its beta for any input.{more}",
        f"x, y = x[:{case.rows - 1}], y[:{case.rows - 1}]   # or another batch_size",
        note=True,
    )  # fmt: skip
