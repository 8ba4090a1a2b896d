"""Costs of numerical operations in counted time.

An operation is a multiplication with an addition. Matrix products charge their operations; the
rates here cover the rest. They were chosen so that a second of counted time takes about a second on
one core. A change of a rate changes how far a `budget` reaches, never the soundness of an answer.
"""

TERM = 4
"""A gathered or scattered term of a sparse sum, including its memory traffic."""

VALUE = 10
"""An entry of a value at a point, or a coefficient substituted back through a value."""

INTERVAL = 40
"""An entry of a value's interval."""

LINE = 400
"""An entry of a linear relaxation of a curve."""

BALL = 100
"""A product of two 64-bit numbers in ball arithmetic."""

COMPILED = 1 / 14
"""A product of back-substitution in the compiled kernel, which computes eight at a time."""

ARRAY = 2000
"""An operation of NumPy on arrays of any size, in addition to their entries."""

MODEL = 3e5
"""A product of Taylor models, in addition to its terms: some thirty array operations."""

PIVOT = 20
"""A coefficient of a small linear program of an exact leaf, or of a large one per iteration."""

SOLVER_CHECK = 4e5
"""A column of a mixed-integer program, between two moments at which HiGHS may be interrupted."""
