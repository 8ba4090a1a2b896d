"""Bounds on the deviation of float32 inference from the real values of a graph, over boxes."""

from .analysis import (
    Deviations as Deviations,
    Float32Plan as Float32Plan,
    bound_deviations as bound_deviations,
    bound_deviations_within as bound_deviations_within,
    describe_overflow as describe_overflow,
    plan_of_rows as plan_of_rows,
)
from .values import TINY as TINY, flush_error as flush_error, replace_pointwise as replace_pointwise
