"""OR018: numbers that a 16-bit float cannot hold."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import share, short


LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
"""The largest finite number of each 16-bit format."""


def _large(keras: ModuleType, dtype: str | None) -> ModelAndData:
    x = np.random.default_rng(0).uniform(0, 50, (32, 8)).astype("float32")
    weights = keras.initializers.RandomUniform
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(
                4,
                "relu",
                dtype=dtype,
                kernel_initializer=weights(400, 600, seed=1),
                name="wide",
            ),
            keras.layers.Dense(1, kernel_initializer=weights(1e-6, 3e-6, seed=2)),
        ]
    )
    return model, x, x.sum(axis=1, keepdims=True)


@register(
    "OR018", "numbers do not fit a 16-bit float",
    """A layer that computes in float16 holds nothing beyond 65504, and nothing but 0 below 6e-8.
    The model is read as if it computed in float32, and what its layers return is enclosed at each
    row. PROVED if a value is larger than the format's largest number at some row: there the layer
    returns infinity. Scale the inputs, or use bfloat16, or keep the layer in float32.""",
    Example(lambda k: _large(k, "float16"), lambda k: _large(k, "float32")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Compare enclosures with the format of each layer."""
    for layer in case.program.layers:
        limit = LARGEST.get(layer.dtype)
        if limit is None:
            continue
        for tensor in (layer.before, layer.after):
            rows = case.rows_of(tensor)
            # Half a step beyond the largest number, rounding still goes back to it.
            over = None if rows is None else np.maximum(rows.lo, -rows.hi) > limit * (1 + 2.0**-9)
            if rows is None or over is None or not over.any():
                continue
            count = int(over.any(axis=1).sum())
            yield rule.found(
                Level.PROVED, layer.path,
                f"computes in {layer.dtype}, which ends at {short(limit)}; at "
                f"{share(count, len(over))} rows it must hold up to "
                f"{short(float(np.maximum(rows.lo, -rows.hi).max()))}, and holds infinity.",
                'dtype="float32" for this layer   or   scale its inputs',
                interval=(float(rows.lo.min()), float(rows.hi.max())), cost={"rows": count},
                holds_for=f"the stored weights and {case.these_rows}",
            )  # fmt: skip
            break
