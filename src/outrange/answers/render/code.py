"""Python code that runs a model on a counterexample, ready to paste."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


MOST_NUMBERS = 10_000


def witness_code(x: np.ndarray | Mapping[str, np.ndarray], call: str) -> str:
    """Return Python code that builds an input and runs a model on it.

    Args:
        x: The input without its batch axis; a mapping by name for several inputs.
        call: The last line of the code, which uses `x`.

    Returns:
        Several lines; every number reproduces its float32 exactly. For an input of more than
        `MOST_NUMBERS` numbers, a remark that it is too large.

    Example:
        >>> print(witness_code(np.array([0.5, 0.1]), "model(x)"))
        import numpy as np
        x = np.array([[0.5, 0.1]], dtype=np.float32)
        model(x)
    """
    parts = x if isinstance(x, Mapping) else {"": x}
    if sum(np.size(part) for part in parts.values()) > MOST_NUMBERS:
        return "(the input is too large to print; it is in the verdict of outrange.verify)"
    needs = "import numpy as np\n" + ("import outrange\n" if "outrange." in call else "")
    if not isinstance(x, Mapping):
        return f"{needs}x = {_array(x)}\n{call}"
    entries = "".join(f"    {name!r}: {_array(part)},\n" for name, part in parts.items())
    return f"{needs}x = {{\n{entries}}}\n{call}"


def _array(values: np.ndarray) -> str:
    return f"np.array({_text(np.asarray(values)[None])}, dtype=np.float32)"


def _text(values: np.ndarray) -> str:
    if values.ndim == 0:
        return _number(float(values))
    return f"[{', '.join(_text(part) for part in values)}]"


def _number(value: float) -> str:
    """Return digits that reproduce the float32, even when they are read as float64 first."""
    with np.errstate(over="ignore"):
        single = np.float32(value)
    short = repr(float(str(single)))
    return short if np.float32(float(short)) == single else repr(float(single))
