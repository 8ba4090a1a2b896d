"""What can be run row by row, and what holds at every batch: not a state that goes on."""

from typing import Any

from .measure import Measurement, first_line
from .parts import parts
from .randomness import more_than_losses


def _stateful(model: Any) -> str:
    """Which layer begins with what the batch before has left, as a sentence; `""` if none."""
    names = [o.name for o in model._flatten_layers() if getattr(o, "stateful", False)]
    return f"layer `{names[0]}` is stateful, and goes on from the batch before" if names else ""


def lasting_parts(k: Any, model: Any, *recorded: Any) -> tuple[Any, Any, list[str]]:
    """Graphs of the model, see `parts`; none that would hold for the state at hand alone."""
    stateful = _stateful(model)
    return (None, None, [f"ranges: {stateful}"]) if stateful else parts(k, model, *recorded)


def when_run(k: Any, model: Any, struct: Any, x: Any, measurement: Measurement) -> dict[str, Any]:
    """What the program says of running the model, and training it."""
    return {
        "input_dtypes": tuple(str(t.dtype) for t in k.tree.flatten(struct)),
        "more_than_losses": more_than_losses(k, model),
        "not_run": _not_run(k, model, x, measurement),
    }


def _not_run(k: Any, model: Any, x: Any, measurement: Measurement) -> str:
    """Why the model is not run on rows as they come, or `""`."""
    stateful = _stateful(model)
    if stateful:
        return stateful
    sizes = {t.shape[0] for t in k.tree.flatten(getattr(model, "inputs", None) or [])} - {None}
    if not sizes or sizes == {len(k.tree.flatten(x)[0])}:
        return ""
    try:
        measurement.predict(x)
    except Exception as error:
        return f"the model takes {min(sizes)} rows at a time ({first_line(error)})"
    return ""
