"""VNN-LIB files: `read_vnnlib` reads one into a `Specification`; witnesses are written for it."""

from .read import read_vnnlib as read_vnnlib
from .written import (
    read_counterexample as read_counterexample,
    write_counterexample as write_counterexample,
)
