"""Costs of numerical operations in counted time.

An operation is one multiply-add. Matrix products charge their operations; the rates here cover
other work. They were chosen so that a second of counted time takes about a second on one core.
Changing a rate affects how much a search achieves within a `budget`, never the soundness of an
answer.
"""

TERM = 4
"""Cost of a gathered or scattered term of a sparse sum, including its memory traffic."""

VALUE = 10
"""Cost of an entry of a value at a point, or of a coefficient in back-substitution."""

INTERVAL = 40
"""Cost of an entry of a value's interval."""

LINE = 400
"""Cost of an entry of a linear relaxation of a curve."""

BALL = 100
"""Cost of a product of two 64-bit numbers in ball arithmetic."""

COMPILED = 1 / 14
"""Cost of a product in the compiled back-substitution kernel, which computes eight at a time."""

ARRAY = 2000
"""Cost of a NumPy operation on arrays of any size, in addition to the cost of their entries."""

MODEL = 3e5
"""Cost of a product of Taylor models, in addition to its terms."""

PIVOT = 20
"""Cost of a coefficient in the small linear program of a leaf, or per iteration in a large one."""

SOLVER_CHECK = 4e5
"""Cost of a column of a mixed-integer program between two points where HiGHS can be interrupted."""
