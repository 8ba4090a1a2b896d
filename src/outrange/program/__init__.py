"""A training program as plain records: a model, its loss, its optimizer, and how to run them.

Front-ends write these records, and the diagnosis reads them; neither depends on the other.
"""

from .measurements import Measured as Measured, Rehearsal as Rehearsal
from .optimizers import Optimizer as Optimizer, Stepping as Stepping
from .products import KernelProduct as KernelProduct
from .records import (
    Head as Head,
    Layer as Layer,
    Loss as Loss,
    Metric as Metric,
    PartialGraph as PartialGraph,
    Program as Program,
    RecordedStep as RecordedStep,
    Weight as Weight,
)
from .repairs import ModelChange as ModelChange
