"""VNN-LIB files: reader of specifications, reader and writer of counterexamples."""

from .counterexamples import (
    read_counterexample as read_counterexample,
    write_counterexample as write_counterexample,
)
from .read import read_vnnlib as read_vnnlib
