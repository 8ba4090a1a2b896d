"""Steps of training compiled in a third of the time, as XLA compiles everything else in tests.

`JaxTraining` asks for level 1 of XLA's optimization, because at level 0 the slope of a maximum
along an axis comes out wrong. Hundreds of small models are trained for a few steps each, and hardly
one of them takes a maximum: those that do, and all of them in `make check`, are compiled as users'
are.
"""

from typing import Any

from outrange.frontends.keras.training import jitted


QUICKEST = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


def share() -> None:
    """Let steps of models without maxima be compiled at level 0."""
    shipped, plain = jitted.quick_options, jitted.JaxTraining._jit

    def compiled(training: jitted.JaxTraining, function: Any) -> Any:
        chosen = shipped if takes_maxima(training.model) else lambda: QUICKEST
        jitted.quick_options = chosen  # type: ignore
        try:
            return plain(training, function)
        finally:
            jitted.quick_options = shipped

    jitted.JaxTraining._jit = compiled  # type: ignore


def takes_maxima(model: Any) -> bool:
    """Whether any layer may: those of Keras say so in their names, others may do anything."""
    parts = [*model._flatten_layers(), *getattr(model, "operations", ())]
    return any("max" in type(part).__name__.lower() or _is_of_users(part) for part in parts)


def _is_of_users(part: Any) -> bool:
    return not type(part).__module__.startswith("keras.")
