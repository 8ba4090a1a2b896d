"""The public function `explore`: sliders and proved ranges in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core import InputError, pip_install
from .arguments import loaded


if TYPE_CHECKING:
    from ..explorer.widget import ExplorerWidget


def explore(model: Any, box: Any = None, *, time_limit: float = 60.0) -> ExplorerWidget:
    """Explore a model in a notebook: drag the inputs, and the proved ranges follow.

    Sliders set the input set, bars show the range of every output, strips what each unit can do. A
    click on an end sets the inputs that attain it; a typed property is decided, and its
    counterexample is shown on the sliders. `outrange explore model.keras` opens the same page in a
    browser. Needs the package `anywidget` (`pip install anywidget`).

    Args:
        model: As for `outrange.output_range`.
        box: The input set to begin with, which the sliders span: as for `outrange.output_range`.
            None for [0, 1] for each input.
        time_limit: Seconds that the search for one set of ranges may take; a move of a slider ends
            it at once.

    Returns:
        A widget; the last line of a cell shows it. `close()` ends it.

    Raises:
        InputError: The box breaks a rule, anywidget is not installed, or the model has more inputs
            or outputs than can be drawn.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> widget = explore(keras.Sequential([keras.Input((2,)), layer]), (0, 1))
        >>> widget.close()

    Sound, complete, cost, reference: as `outrange.output_range`.
    """
    from ..explorer.exhibit import Exhibit

    exhibit = Exhibit.of(loaded(model, box), box, time_limit)
    try:
        from ..explorer.widget import ExplorerWidget
    except ModuleNotFoundError as error:
        raise InputError(
            f"`explore` needs the package anywidget: {pip_install('anywidget')}. "
            "`outrange explore model.keras` opens the same page in a browser. "
            f"Received: {error}."
        ) from None
    return ExplorerWidget(exhibit)
