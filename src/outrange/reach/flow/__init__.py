"""Plants in continuous time: pipes of loops, verified step by step, and questions about them."""

from .cover import Cover, decide_by_splits
from .loop import Decide, PipeDecision, flow_pipe
from .pipe import Failure, FlowPipe, Segment
from .rows import Measures, Rows


__all__ = (
    "Cover", "Decide", "Failure", "FlowPipe", "Measures", "PipeDecision", "Rows", "Segment",
    "decide_by_splits", "flow_pipe",
)  # fmt: skip
