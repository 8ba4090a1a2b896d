"""How far float32 may be from the real values of a graph, over boxes."""

from .analysis import (
    Float32Plan as Float32Plan,
    Strays as Strays,
    overflowing as overflowing,
    stray_over as stray_over,
    stray_within as stray_within,
    with_rows as with_rows,
)
from .values import TINY as TINY, flushed as flushed, settled as settled
