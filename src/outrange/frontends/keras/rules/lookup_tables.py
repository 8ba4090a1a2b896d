"""Rule for layers that map integers to integers; a layer is run on a range of integers."""

from collections.abc import Callable

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites import logic
from ....graph.integer_inference import is_integer_valued
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, is_value
from ..refuse import TABULATED


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)

MOST = 2**20
"""Largest number of integers on which a layer is run."""


MODES = ("int", "one_hot", "multi_hot", "count")


@rule(*TABULATED)
def _lookup(c: KerasCall) -> Operand:
    x = c.x
    if not is_value(x) or not is_integer_valued(c.builder, x):
        raise UnsupportedError(
            f"{type(c.op).__name__} of numbers that might not be integers is not supported: give "
            'the model an input with `dtype="int32"`'
        )
    mode = c.op.output_mode
    if mode not in MODES or (mode != "int" and getattr(c.op, "mask_token", None) is not None):
        raise UnsupportedError(
            f"{type(c.op).__name__} with `output_mode={mode!r}` (or with a mask in this mode) is "
            "not supported yet"
        )
    first, last, endless = _limits(c)
    if last - first >= MOST:
        raise UnsupportedError(
            f"{type(c.op).__name__} of integers from {first} to {last} is not supported, because "
            f"it needs a table of more than {MOST} rows"
        )
    config = {**c.op.get_config(), "output_mode": "int", "dtype": "int64"}
    plain = type(c.op).from_config({k: v for k, v in config.items() if k != "name"})
    numbers = np.arange(first, last + 1)
    table = np.asarray(c.keras.ops.convert_to_numpy(plain(numbers.reshape(-1, 1)))).ravel()
    index = logic.look_up_integer(c.builder, table.astype(np.float64), x, first, endless=endless)
    return _encode(c, index, mode, c.shapes[0])


def _limits(c: KerasCall) -> tuple[int, int, bool]:
    """Return the first and last integers of the table, and whether it covers all other integers.

    With one out-of-vocabulary index, all integers that are not keys have the same result. The table
    then starts one integer before the smallest key and ends one integer after the largest. Its
    first row also represents all smaller integers, and its last row all larger ones.

    A layer that hashes integers or has several out-of-vocabulary indices has a table from 0 to
    `MOST - 1`, which covers no other integers. Without out-of-vocabulary indices, the table covers
    the keys only.

    Raises:
        UnsupportedError: The layer is inverted, or it has no out-of-vocabulary index and its keys
            are not consecutive.
    """
    if type(c.op).__name__ == "Hashing":
        return 0, MOST - 1, False
    keys = [int(key) for key in c.op.get_vocabulary(include_special_tokens=False)]
    if c.op.invert:
        raise UnsupportedError("IntegerLookup with `invert=True` is not supported")
    if c.op.mask_token is not None:
        keys.append(int(c.op.mask_token))
    if c.op.num_oov_indices > 1:
        return 0, MOST - 1, False
    if c.op.num_oov_indices == 0:
        if max(keys) - min(keys) + 1 != len(set(keys)):
            raise UnsupportedError(
                "IntegerLookup with `num_oov_indices=0` is not supported, because it fails for "
                "integers between its keys"
            )
        return min(keys), max(keys), False
    return min(keys) - 1, max(keys) + 1, True


def _encode(c: KerasCall, index: Operand, mode: str, shape: tuple[int, ...]) -> Operand:
    """Encode the looked-up integers as the layer's output mode requires."""
    if mode == "int":
        return c.builder.reshape(index, shape)
    hot = logic.one_hot(c.builder, index, shape[-1])
    if mode != "one_hot":
        how = "max" if mode == "multi_hot" else "sum"
        hot = c.builder.reduce(how, hot, len(hot.shape) - 2)
    return c.builder.reshape(hot, shape)
