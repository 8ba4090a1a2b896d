"""Flowpipes of closed loops in continuous time, proved step by step, and decisions about them."""

from .controllers import SampledControl
from .cover import Cover, decide_by_splits
from .linear_claims import AllOf, AnyOf, Measures, Rows, Window
from .loop import flow_pipe
from .pipe import Decide, Failure, FlowPipe, PipeDecision, Segment


__all__ = (
    "AllOf", "AnyOf", "Cover", "Decide", "Failure", "FlowPipe", "Measures", "PipeDecision", "Rows",
    "SampledControl", "Segment", "Window", "decide_by_splits", "flow_pipe",
)  # fmt: skip
