"""Random initial weights, drawn from the layers' own initializers."""

from typing import Any

import numpy as np

from ...frontends.keras.api import is_keras_class, keras


CENTERED = ("VarianceScaling", "RandomNormal", "TruncatedNormal", "RandomUniform")
"""Initializers that draw independent numbers from a continuous distribution; see `is_centered`."""


class Initializers:
    """The initializers of a model's weights.

    Keras names an initializer after its weight: `kernel_initializer` creates `kernel`. If an
    initializer has a seed, each draw uses a copy with a new seed, even if the user fixed the seed.

    Args:
        model: A built Keras model.
    """

    def __init__(self, model: Any) -> None:
        self.k = keras()
        self.makers: list[tuple[Any, Any, dict[str, Any] | None]] = []
        self.kept: list[str] = []
        for layer in model._flatten_layers():
            for variable in layer._trainable_variables:
                maker = initializer_of(layer, variable)
                if maker is None:
                    self.kept.append(variable.path)
                    continue
                config = maker.get_config()
                seeded = "seed" in config
                self.makers.append((variable, maker, config if seeded else None))

    def draw(self, rng: np.random.Generator) -> list[tuple[Any, Any]]:
        """Draw new initial values, and return pairs of a variable and its new value.

        The variables themselves are unchanged. Variables without a known initializer are omitted.
        """
        values = []
        for variable, maker, config in self.makers:
            if config is not None:
                maker = type(maker).from_config({**config, "seed": int(rng.integers(2**31))})
            value = maker(variable.shape, dtype=variable.dtype)
            values.append((variable, self.k.ops.convert_to_tensor(value, dtype=variable.dtype)))
        return values


def initializer_of(layer: Any, variable: Any) -> Any:
    """Return the initializer of a weight, or None if the layer has no such initializer."""
    maker = getattr(layer, f"{variable.name}_initializer", None)
    return maker if hasattr(maker, "get_config") and callable(maker) else None


def is_centered(initializer: Any) -> bool:
    """Return whether an initializer is known to draw centered, independent numbers.

    The numbers must have a continuous distribution that is symmetric about 0.

    The result is True for Keras's Glorot, He and LeCun initializers, which are variance scalings.
    It is False for orthogonal matrices, whose entries are not independent, and for constants. It is
    also False for every class that a user has defined, even a subclass of a Keras initializer,
    because it may override the distribution.
    """
    if not is_keras_own(initializer):
        return False
    names = [kind.__name__ for kind in type(initializer).__mro__]
    kind = next((name for name in CENTERED if name in names), None)
    config = initializer.get_config()
    if kind == "RandomUniform":
        return config["minval"] == -config["maxval"] and config["maxval"] > 0
    if kind in ("RandomNormal", "TruncatedNormal"):
        return config["mean"] == 0.0 and config["stddev"] > 0
    return kind == "VarianceScaling"


def is_zero(initializer: Any) -> bool:
    """Return whether an initializer is Keras's own `Zeros`."""
    return type(initializer).__name__ == "Zeros" and is_keras_own(initializer)


def is_fixed(initializer: Any) -> bool:
    """Return whether an initializer is Keras's own and creates the same numbers every time."""
    return is_keras_own(initializer) and "seed" not in initializer.get_config()


def is_keras_own(thing: Any) -> bool:
    """Return whether the class of an initializer or a layer is Keras's own, not a user's."""
    return is_keras_class(type(thing))
