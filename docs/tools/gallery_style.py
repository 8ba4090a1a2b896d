"""What every case of the gallery starts from: seeds, names of layers, and the look of figures."""

import warnings
from typing import Any


def reset(gallery_conf: dict[str, Any], name: str) -> None:
    """Start a case of the gallery afresh; sphinx-gallery calls this before each."""
    import keras
    from matplotlib import pyplot

    # Of its own advice, which the answers on these pages give too.
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
