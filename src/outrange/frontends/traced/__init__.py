"""Code written for a backend: what its own tracer recorded, read into the same builder.

Each framework's folder turns a recording into `TracedStep`s and has a table of rules; what a rule
may say of a step is the same for all of them and is here.
"""

from .call import TracedCall as TracedCall, TracedStep as TracedStep
from .program import (
    TracedProgram as TracedProgram,
    lower as lower,
    random_numbers as random_numbers,
)
