"""Costs of numerical operations in counted time.

An operation is one multiply-add. Matrix products charge their operations; the rates here cover
other work. They were chosen so that a second of counted time takes about a second on one core.
Changing a rate affects how much a search achieves within a `budget`, never the soundness of an
answer.
"""

TERM = 4
"""Operations charged per gathered or scattered term of a sparse sum, including memory traffic."""

VALUE = 10
"""Operations charged per entry of a value at a point, or per coefficient in back-substitution."""

INTERVAL = 40
"""Operations charged per entry of a value's interval."""

LINE = 400
"""Operations charged per entry of a linear relaxation of a curve."""

BALL = 100
"""Operations charged per product of two 64-bit numbers in ball arithmetic."""

COMPILED = 1 / 14
"""Operations charged per product in the compiled kernel, which computes eight products at a
time."""

ARRAY = 2000
"""Operations charged per call of NumPy, in addition to the operations on array entries."""

MODEL = 3e5
"""Operations charged per product of Taylor models, in addition to its terms."""

PIVOT = 20
"""Operations charged per coefficient of a linear program: once for the linear program at a leaf of
the input-split search, and once per iteration of HiGHS."""

SOLVER_CHECK = 4e5
"""Operations charged per column of a mixed-integer program at each interrupt check of HiGHS."""
