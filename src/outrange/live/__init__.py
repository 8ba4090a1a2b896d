"""Live view of long computations, in a terminal or in a notebook."""

from .follow import (
    Display as Display,
    Progress as Progress,
    progress_listener as progress_listener,
    show_progress as show_progress,
    with_progress as with_progress,
)
