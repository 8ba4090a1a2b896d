"""Lowering of framework code, recorded by the framework's own tracer, to values of a builder.

Each framework's folder turns a recording into `TracedStep`s and has a table of rules. The record
of a step that rules receive, and the rules' building blocks, are shared by all frameworks.
"""

from .call import TracedCall as TracedCall, TracedStep as TracedStep
from .program import (
    TracedProgram as TracedProgram,
    lower as lower,
    random_numbers as random_numbers,
)
