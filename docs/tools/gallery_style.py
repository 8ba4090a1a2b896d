"""Initial state of every example of the gallery: seeds, layer names, and figure style."""

import warnings
from typing import Any


def reset(gallery_conf: dict[str, Any], name: str) -> None:
    """Reset the state; sphinx-gallery calls this before each example."""
    import keras
    from matplotlib import pyplot

    # Advice of Keras that the answers on these pages give too.
    warnings.filterwarnings("ignore", module="keras")
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    pyplot.rcParams.update(
        {
            "figure.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "font.size": 10,
            "legend.frameon": False,
            "savefig.pad_inches": 0.1,
        }
    )
