"""The computation graph, which every front-end builds and every abstract domain analyzes."""

from .builder import Builder as Builder
from .composites.convolution import convolve as convolve, convolve_transposed as convolve_transposed
from .composites.softmax import (
    is_minus_infinity as is_minus_infinity,
    log_softmax as log_softmax,
    log_sum_exp as log_sum_exp,
    over_axes as over_axes,
    softmax as softmax,
    softmax_of_filled as softmax_of_filled,
)
from .graph import Graph as Graph, Node as Node, Ranking as Ranking, Slot as Slot
from .values import Operand as Operand, Value as Value
