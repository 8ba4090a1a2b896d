"""Pages about a model: `explore` opens sliders in a notebook, `report` writes a report."""

from typing import TYPE_CHECKING

from .lazy import attach


if TYPE_CHECKING:
    from .api.explore import explore as explore
    from .api.report import report as report

__getattr__, __dir__, __all__ = attach(
    __name__, {".api.explore": "explore", ".api.report": "report"}
)
