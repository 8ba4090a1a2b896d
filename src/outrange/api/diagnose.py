"""`outrange.diagnose`, and its form for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import InputError
from .recorded import question


if TYPE_CHECKING:
    from ..answers.diagnosis import Diagnosis


@question("Diagnosis", hears=False)
def diagnose(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    ignore: Iterable[str] = (),
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    validation_split: float = 0.0,
    history: Any = None,
    try_fixes: bool = False,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    progress: bool | None = None,
) -> Diagnosis:
    """Diagnose why a model does not learn, with a proof where there is one.

    The model, its compiled loss and its optimizer are read as the operations that the backend
    runs; every rule checks them together with the data. A finding is PROVED (a bound, or an exact
    fact of the program's structure), MEASURED (observed in a short measurement) or SUSPECTED (a
    rule of thumb). The model is not changed: what is trained for a few steps is a copy, or the
    model itself where Keras has no way to copy it, which then gets everything back.

    Args:
        model: A built Keras model, compiled or not, or the path of a `.keras` or `.h5` file.
        x: The data it is trained on: an array `(n, *input shape)`, or arrays in the structure that
            the model takes.
        y: The targets, `(n, ...)`, or an array an output in the model's structure; without them
            only the model itself is looked at.
        ignore: Codes of rules to leave out, `["OR014"]`.
        steps: Steps of one training of a copy, 0 for none. By default 200, or what is planned up to
            600, for a few seconds; and a large model (2 million weights, 60 layers) is then not run
            at all, only read.
        epochs: How many epochs `fit` is to run on these rows: with them a floor of the loss for so
            many steps is looked for.
        batch_size: Rows of a batch, 32 if it is None as in `fit`.
        validation_split: The share of the last rows that `fit` keeps from training: they are
            compared with the others, and everything else is asked of the others.
        history: What `fit` returned, or a dict of lists, one number an epoch, after a training that
            went badly.
        try_fixes: Whether fixes that can be made mechanically are made on a copy, which is trained
            for a few steps beside a copy without them; findings say what that did to the loss. It
            takes about as long as everything else again for each of them.
        custom_objects: See `outrange.load`.
        safe_mode: See `outrange.load`.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        A `Diagnosis`; `print` it, or `raise_on("proved")`.

    Raises:
        InputError: Data and model do not fit, or a code is unknown.
        ModelError: The model is not built or cannot be read.

    Example:
        >>> import keras, numpy as np
        >>> x = np.arange(1.0, 8.0)[:, None]
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")])
        >>> model.compile("sgd", "mse")
        >>> diagnose(model, x, 2 * x + 1).codes
        ('OR001',)

    Sound: a PROVED finding is true of the set that its `holds_for` names.
    Complete: no; a model without findings may still not learn.
    Cost: a few passes over the data, one gradient, and a few training steps on a copy.

    Reference: Nikanjam, Ben Braiek, Morovati, Khomh, *Automatic fault detection for deep learning
    programs using graph transformations* (NeuraLint), TOSEM 2021; Zhang, Zhai, Ma, Shen,
    *AutoTrainer: an automatic DNN training problem detection and repair system*, ICSE 2021.
    """
    from ..diagnosis import diagnose as ask
    from ..diagnosis.plan import cut_rows, history_of, plan_of, split_rows
    from ..frontends.keras.api import keras
    from ..frontends.keras.names import named_inputs, named_targets, takes_rows
    from ..frontends.keras.training.measure import losses_unbuilt
    from ..frontends.keras.training.program import read_compiled, read_program
    from ..frontends.keras.training.randomness import chance_kept
    from ..frontends.load import source_of
    from ..questions.inputs.columns import column_names
    from ..train.expected import expected

    plan, logged = plan_of(epochs, batch_size), history_of(history)
    model = read_compiled(model, custom_objects=custom_objects, safe_mode=safe_mode)
    columns = column_names(x) or ()
    inputs, flat_x = _arrays(named_inputs(model, x), "x", takes_rows(model))
    targets, flat_y = None, None
    if y is not None:
        targets, flat_y = _arrays(named_targets(model, y), "y")
    count = len(flat_x[0]) if flat_x and flat_x[0].ndim else 0
    for array in (*flat_x, *(flat_y or ())):
        if array.ndim == 0 or len(array) != count or not count:
            raise InputError(
                "`x` and `y` need the same number of rows, at least one. "
                f"Received: shapes {[a.shape for a in (*flat_x, *(flat_y or ()))]}."
            )
    kept, held_out = split_rows(count, validation_split), None
    if kept < count:
        held_out = [a[kept:] for a in flat_x], [a[kept:] for a in flat_y or ()]
        inputs, targets = cut_rows(inputs, kept), cut_rows(targets, kept)
        flat_x, flat_y = [a[:kept] for a in flat_x], flat_y and [a[:kept] for a in flat_y]
    with chance_kept(keras()), losses_unbuilt(model):
        program = read_program(model, inputs, targets)
        program = replace(program, dead_start=partial(expected, model, inputs))
        found = ask(
            program, flat_x, flat_y, (inputs, targets), ignore=ignore, steps=steps, names=columns,
            plan=plan, history=logged, held_out=held_out, try_fixes=try_fixes,
        )  # fmt: skip
    source = source_of(model, found.model)
    return found if source is None else replace(found, sources=(source,))


def _arrays(data: Any, name: str, in_rows: bool = False) -> tuple[Any, list[np.ndarray]]:
    """The data with arrays at its leaves, and those arrays in a list.

    Args:
        data: Of a model, or its targets.
        name: What it is called in messages.
        in_rows: Whether numbers in a row are rows of one number each, as `fit` takes them.
    """

    def array(part: Any) -> np.ndarray:
        found = _array(part, name)
        return found[:, None] if in_rows and found.ndim == 1 else found

    if isinstance(data, Mapping):
        struct = {key: array(part) for key, part in data.items()}
        return struct, [struct[key] for key in sorted(struct)]
    if isinstance(data, tuple) or (isinstance(data, list) and data and hasattr(data[0], "shape")):
        parts = [array(part) for part in data]
        return type(data)(parts), parts
    only = array(data)
    return only, [only]


_NUMBER = (int, float, np.number)


def _array(data: Any, name: str) -> np.ndarray:
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    try:
        array = np.asarray(data)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        hint = "collect what a data set or generator yields into arrays first"
        if array.dtype == object and array.ndim and all(isinstance(v, _NUMBER) for v in array.flat):
            hint = 'its entries are numbers of several kinds: `.astype("float32")` makes it one'
        raise InputError(
            f"`{name}` must hold numbers, in an array; {hint}. "
            f"Received: {type(data).__name__} of dtype {array.dtype}."
        )
    return array


def assert_no_findings(
    model: Any, x: Any, y: Any = None, *, level: str = "measured", **options: Any
) -> Diagnosis:
    """Fail a test if a diagnosis finds something.

    Args:
        model: As for `outrange.diagnose`.
        x: As for `outrange.diagnose`.
        y: As for `outrange.diagnose`.
        level: The least level that fails the test: `"proved"`, `"measured"` or `"suspected"`.
        **options: The others of `outrange.diagnose`.

    Returns:
        The `Diagnosis`, with nothing of that level in it.

    Raises:
        AssertionError: There is a finding; the message shows it, with its fix.
        InputError, ModelError: As for `outrange.diagnose`.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)], name="line")
        >>> model.compile("sgd", "mse")
        >>> x = np.arange(4.0)[:, None]
        >>> assert_no_findings(model, x, 2 * x, level="proved")
        Diagnosis('line', 0 PROVED, 0 MEASURED, 0 SUSPECTED)

    Sound, complete, cost, reference: as `outrange.diagnose`.
    """
    __tracebackhide__ = True
    return diagnose(model, x, y, **options).raise_on(level)
