"""The public function `explore`: sliders and proved ranges in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core import InputError, pip_install
from .arguments import load_network


if TYPE_CHECKING:
    from ..explorer.widget import ExplorerWidget


def explore(model: Any, box: Any = None, *, time_limit: float = 60.0) -> ExplorerWidget:
    """Explore a model in a notebook: drag the inputs, and the proved ranges update.

    Sliders set the input set. Bars show the range of every output, and strips show the ranges of
    units (the first 512 of a layer). Click an end of a bar to see the input that attains
    it. Type a property to verify it; a counterexample appears on the sliders. `outrange explore
    model.keras` opens the same page in a browser. The function requires the `anywidget` package
    (`pip install anywidget`).

    Args:
        model: As for `outrange.output_range`.
        box: The initial input set, which the sliders span, as for `outrange.output_range`. None
            selects [0, 1] for each input, or the limits of the input if they are finite and do not
            contain [0, 1].
        time_limit: Limit in seconds for one search for ranges; moving a slider ends the search
            immediately.

    Returns:
        A widget. Make it the last line of a cell to show it; `close()` removes it.

    Raises:
        InputError: The box or `time_limit` is invalid, anywidget is not installed, or the model has
            too many inputs or outputs to draw.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> widget = explore(keras.Sequential([keras.Input((2,)), layer]), (0, 1))
        >>> widget.close()

    Sound, complete, cost, reference: as for `outrange.output_range`.
    """
    from ..explorer.exhibit import Exhibit

    exhibit = Exhibit.of(load_network(model, box), box, time_limit)
    try:
        from ..explorer.widget import ExplorerWidget
    except ModuleNotFoundError as error:
        raise InputError(
            f"`explore` needs the package anywidget: {pip_install('anywidget')}. "
            "`outrange explore model.keras` opens the same page in a browser. "
            f"Received: {error}."
        ) from None
    return ExplorerWidget(exhibit)
