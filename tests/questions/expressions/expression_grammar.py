"""Random conditions as Python source, evaluated by placeholders and by plain NumPy.

All numbers are small integers, so that float64 arithmetic on integer points is exact.
"""

import numpy as np

from outrange.core import And, Atom
from outrange.graph import Slot


INPUTS = (Slot("u", (4,)), Slot("w", ()))
OUTPUTS = (Slot("a", (4,)), Slot("b", (2, 4)))
SIZE = sum(slot.size for slot in (*INPUTS, *OUTPUTS))


class Grammar:
    """A generator of random scalars, vectors of four and conditions."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def pick(self, *options: str) -> str:
        """Return one of the options; an option that is a function is called."""
        return options[self.rng.integers(len(options))]

    def number(self) -> str:
        """Return a small integer, in parentheses if negative."""
        k = int(self.rng.integers(-3, 4))
        return f"({k})" if k < 0 else str(k)

    def vector(self, depth: int) -> str:
        """Return source for four entries."""
        k = self.rng.integers(-2, 2)
        if depth <= 0:
            return self.pick(
                'y["a"]', f'y["b"][{k}]', 'x["u"][::-1]', 'y["a"][[3, 0, 0, -1]]', 'x["u"]',
                'y["b"][:, 1:3].ravel()', 'y["b"].T[..., 0]', 'y["b"].reshape(4, 2)[:, 1]',
            )  # fmt: skip
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        return self.pick(
            f"({left} + {right})", f"({left} - {self.scalar(depth - 1)})", f"abs({left})",
            f"([1, -2, 0, 3] * {left})", f"np.minimum({left}, {right})", f"(-{left})",
            'y["b"].sum(axis=0)', 'y["b"].max(axis=0)', f"(np.array([2, 1, 1, 2]) * {left})",
            '(np.array([[1, 2]]) @ y["b"])[0]', f"({left} / 2)",
        )  # fmt: skip

    def scalar(self, depth: int) -> str:
        """Return source for one number."""
        i = self.rng.integers(-4, 4)
        if depth <= 0:
            return self.pick(
                f'y["a"][{i}]', f'y["b"][{i % 2}, {i}]', 'x["w"]', f'x["u"][{i}]', f'x["u"][{i}]'
            )
        left, right = self.scalar(depth - 1), self.scalar(depth - 1)
        row = self.vector(depth - 1)
        return self.pick(
            f"({left} + {right})", f"({left} - {right})", f"{self.number()} * {left}", f"-{left}",
            f"abs({left})", f"{row}.sum()", f"{row}.max()", f"{row}.min()", f"{row}.mean()",
            f"np.maximum({left}, {self.number()})", f"{row} @ [1, 0, -1, 2]", f"{left} / 4",
            f"({left} + {self.number()})", f"np.array([1, 1, 0, -1]) @ {row}", f"sum([{left}, 1])",
        )  # fmt: skip

    def condition(self, depth: int) -> str:
        """Return source for one truth value."""
        op = self.pick("<=", "<", ">=", ">", "==", "!=")
        if depth <= 0:
            deep, low = int(self.rng.integers(3)), int(self.rng.integers(2))
            left, right = self.scalar(deep), self.scalar(low)
            row, second = self.vector(low), self.vector(min(deep, 1))
            place = self.rng.integers(4)
            arg, arg2 = self.pick("argmax", "argmin"), self.pick("argmax", "argmin")
            return self.pick(
                f"({left} {op} {right})", f"({left} {op} {self.number()})",
                f"({self.number()} {op} {left})", f"({row} {op} {second}).all()",
                f"({row} {op} {self.number()}).any()", f"({row}.{arg}() {op} {place})",
                f"({row}.{arg}() {op} {second}[:3].{arg2}())",
                f'(y["b"].{arg}(axis=0) {op} [0, 1, 1, 0]).any()',
                f'(y["b"] {op} {row}).all(axis=1).any()',
            )  # fmt: skip
        left, right = self.condition(depth - 1), self.condition(depth - 1)
        return self.pick(
            f"({left} & {right})", f"({left} | {right})", f"(~{left})", f"implies({left}, {right})",
            f"({left} == {right})", f"({left} ^ {right})",
        )  # fmt: skip


def points(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw `(count, SIZE)` integers from a small range, so that ties occur."""
    reach = rng.integers(1, 5, (count, 1))
    return np.round(rng.uniform(-reach, reach, (count, SIZE)))


def split(v: np.ndarray) -> tuple[dict, dict]:
    """Return one point as named arrays `(x, y)`."""
    parts, start = [{}, {}], 0
    for side, slots in enumerate((INPUTS, OUTPUTS)):
        for slot in slots:
            parts[side][slot.name] = v[start : start + slot.size].reshape(slot.shape)[()]
            start += slot.size
    return parts[0], parts[1]


def evaluate_formula(source: str, x, y, implies) -> object:
    """Return whether a formula holds at each row of `v`, with strictness, by its definition."""
    return eval(source, {"np": np, "x": x, "y": y, "implies": implies})


def truth(formula, v: np.ndarray) -> np.ndarray:
    """Return whether a formula holds at each row of `v`, with strictness, by its definition."""
    if isinstance(formula, Atom):
        left = sum((c * v[:, i] for i, c in formula.terms), np.full(len(v), formula.offset))
        return left < 0 if formula.strict else left <= 0
    parts = [truth(part, v) for part in formula.parts]
    join = np.logical_and if isinstance(formula, And) else np.logical_or
    return join.reduce(parts) if parts else np.full(len(v), isinstance(formula, And))
