"""Parts of a program that require a model without persistent state: graphs, and runs on rows."""

from typing import Any

from .measure import Measurement, first_line
from .parts import parts
from .randomness import more_than_losses


def _stateful(model: Any) -> str:
    """Return a clause that reports a stateful layer, or `""` if there is none."""
    names = [o.name for o in model._flatten_layers() if getattr(o, "stateful", False)]
    return f"layer `{names[0]}` is stateful, and continues from the previous batch" if names else ""


def lasting_parts(k: Any, model: Any, *recorded: Any) -> tuple[Any, Any, list[str]]:
    """Return the result of `parts`, without graphs for a stateful model.

    A graph has a fixed state, whereas the state of a stateful model changes.
    """
    stateful = _stateful(model)
    return (None, None, [f"ranges: {stateful}"]) if stateful else parts(k, model, *recorded)


def run_fields(k: Any, model: Any, struct: Any, x: Any, measurement: Measurement) -> dict[str, Any]:
    """Return the fields `input_dtypes`, `more_than_losses` and `not_run` of the program."""
    return {
        "input_dtypes": tuple(str(t.dtype) for t in k.tree.flatten(struct)),
        "more_than_losses": more_than_losses(k, model),
        "not_run": _reason_not_run(k, model, x, measurement),
    }


def _reason_not_run(k: Any, model: Any, x: Any, measurement: Measurement) -> str:
    """Return why the model cannot be run on the rows of `x`, or `""`.

    The reason is a stateful layer, or an error of a model that is declared for another number of
    rows.
    """
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
