"""Lowering of framework code, recorded by the framework's own tracer, to values of a builder.

The package of each framework converts a recording to `TracedStep`s and has a table of rules. All
frameworks share the records that rules receive, and the building blocks of rules.
"""

from .call import TracedCall as TracedCall, TracedStep as TracedStep
from .program import (
    TracedProgram as TracedProgram,
    lower as lower,
    random_numbers as random_numbers,
)
