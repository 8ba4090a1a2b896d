"""Public functions that diagnose training: `diagnose`, and `assert_no_findings` for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import InputError
from .decorators import question


if TYPE_CHECKING:
    from ..answers.diagnosis import Diagnosis


@question("Diagnosis", reports=False)
def diagnose(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    ignore: Iterable[str] = (),
    train: int | str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    validation_split: float = 0.0,
    history: Any = None,
    progress: bool | None = None,
) -> Diagnosis:
    """Diagnose why a model does not learn, with proofs where possible.

    The model, its compiled loss and its optimizer are read as the operations that the backend runs,
    and rules check them together with the data. Each finding has a level: PROVED is a proved bound
    or an exact statement about the program, MEASURED was observed in a short measurement, and
    SUSPECTED is a rule of thumb. The model keeps its state: the training steps run on a copy. If
    Keras cannot copy the model, they run on the model itself, which is then restored.

    Args:
        model: A built Keras model, compiled or not, or the path of a `.keras` or `.h5` file. If the
            file contains code or classes of your own, load it with `keras.models.load_model`.
        x: Training inputs: an array `(n, *input shape)`, or arrays in the structure that the model
            accepts.
        y: Targets `(n, ...)`, or an array per output in the model's structure; None to check the
            model and the inputs only.
        ignore: Codes of rules to skip, such as `["OR014"]`.
        train: Number of training steps on a copy; 0 for none. The default is 200, or the planned
            number if it is larger, but at most 600, and training stops after a few seconds. By
            default, a large model (more than 2 million weights or more than 60 layers) is only
            read, not trained. `"fixes"` also applies each automatic fix to a copy, and trains it
            alongside a copy without the fix. Findings then say how the loss changed. Each fix takes
            about as long as the rest of the diagnosis.
        epochs: Planned number of epochs of `fit` on these rows. It determines a lower
            bound on the loss that these epochs can reach.
        batch_size: Planned number of rows per batch, only with `epochs`; None for 32, as in `fit`.
        validation_split: Fraction of the rows, at the end, that `fit` holds out for validation. One
            rule compares them with the training rows; all other rules use only the training rows.
        history: Result of a `fit` that went badly, or a dict of lists with one number per epoch.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `Diagnosis`; `print` it, or call `raise_on("proved")`.

    Raises:
        InputError: Data and model do not match, or a code is unknown.
        ModelError: The model is not built or cannot be read.

    Example:
        >>> import keras, numpy as np
        >>> x = np.arange(1.0, 8.0)[:, None]
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")])
        >>> model.compile("sgd", "mse")
        >>> diagnose(model, x, 2 * x + 1).codes
        ('OR001',)

    Sound: a PROVED finding is true for the set described by its `holds_for`.
    Complete: no; a model without findings may still fail to learn.
    Cost: a few passes over the data, one gradient, and a few training steps on a copy.

    Reference: Nikanjam, Ben Braiek, Morovati, Khomh, *Automatic fault detection for deep learning
    programs using graph transformations* (NeuraLint), TOSEM 2021; Zhang, Zhai, Ma, Shen,
    *AutoTrainer: an automatic DNN training problem detection and repair system*, ICSE 2021.
    """
    from ..diagnosis import diagnose as ask
    from ..diagnosis.plan import cut_rows, history_of, plan_of, split_rows, training_of
    from ..frontends.keras.api import keras
    from ..frontends.keras.names import named_inputs, named_targets, takes_rows
    from ..frontends.keras.training.measure import preserve_unbuilt_loss
    from ..frontends.keras.training.program import read_compiled, read_program
    from ..frontends.keras.training.randomness import preserve_random_state
    from ..frontends.load import source_of
    from ..questions.inputs.columns import column_names
    from ..train.dead_start import dead_start as estimate

    plan, logged = plan_of(epochs, batch_size), history_of(history)
    steps, try_fixes = training_of(train)
    model = read_compiled(model)
    columns = column_names(x) or ()
    inputs, flat_x = _arrays(named_inputs(model, x), "x", takes_rows(model))
    targets, flat_y = None, None
    if y is not None:
        targets, flat_y = _arrays(named_targets(model, y), "y")
    count = len(flat_x[0]) if flat_x and flat_x[0].ndim else 0
    for array in (*flat_x, *(flat_y or ())):
        if array.ndim == 0 or len(array) != count or not count:
            raise InputError(
                "`x` and `y` must have the same number of rows, and at least one row. "
                f"Received: shapes {[a.shape for a in (*flat_x, *(flat_y or ()))]}."
            )
    train_rows, held_out = split_rows(count, validation_split), None
    if train_rows < count:
        held_out = [a[train_rows:] for a in flat_x], [a[train_rows:] for a in flat_y or ()]
        inputs, targets = cut_rows(inputs, train_rows), cut_rows(targets, train_rows)
        flat_x, flat_y = (
            [a[:train_rows] for a in flat_x],
            flat_y and [a[:train_rows] for a in flat_y],
        )
    with preserve_random_state(keras()), preserve_unbuilt_loss(model):
        program = read_program(model, inputs, targets)
        program = replace(program, dead_start=partial(estimate, model, inputs))
        answer = ask(
            program, flat_x, flat_y, (inputs, targets), ignore=ignore, steps=steps, names=columns,
            plan=plan, history=logged, held_out=held_out, try_fixes=try_fixes,
        )  # fmt: skip
    source = source_of(model, answer.model)
    return answer if source is None else replace(answer, sources=(source,))


def _arrays(data: Any, name: str, in_rows: bool = False) -> tuple[Any, list[np.ndarray]]:
    """Return the data with its parts converted to arrays, and a flat list of these arrays.

    For a dict, the list is sorted by key.

    Args:
        data: Inputs or targets of a model: an array, or a dict, tuple or list of arrays.
        name: Name of the argument in messages.
        in_rows: Whether to reshape arrays `(n,)` to `(n, 1)`, as `fit` does.

    Raises:
        InputError: A part is not an array of numbers.
    """

    def array(part: Any) -> np.ndarray:
        column = _array(part, name)
        return column[:, None] if in_rows and column.ndim == 1 else column

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
        hint = "collect the output of a data set or generator into arrays first"
        if not array.size and isinstance(data, list | tuple):
            hint = "its rows must have the same shape"
        elif (
            array.dtype == object
            and array.size
            and array.ndim
            and all(isinstance(v, _NUMBER) for v in array.flat)
        ):
            hint = 'its entries are numbers of different types: `.astype("float32")` unifies them'
        raise InputError(
            f"`{name}` must be an array of numbers; {hint}. "
            f"Received: {type(data).__name__} of dtype {array.dtype}."
        )
    return array


def assert_no_findings(
    model: Any, x: Any, y: Any = None, *, level: str = "measured", **options: Any
) -> Diagnosis:
    """Fail a test if `outrange.diagnose` reports a finding at or above a given level.

    Args:
        model: As for `outrange.diagnose`.
        x: As for `outrange.diagnose`.
        y: As for `outrange.diagnose`.
        level: Lowest level that fails the test: `"proved"`, `"measured"` or `"suspected"`.
        **options: Other arguments of `outrange.diagnose`.

    Returns:
        The `Diagnosis`, without findings at or above that level.

    Raises:
        AssertionError: There is a finding at or above that level; the message shows it with its
            fix.
        InputError, ModelError: As for `outrange.diagnose`.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)], name="line")
        >>> model.compile("sgd", "mse")
        >>> x = np.arange(4.0)[:, None]
        >>> assert_no_findings(model, x, 2 * x, level="proved")
        Diagnosis('line', 0 PROVED, 0 MEASURED, 0 SUSPECTED)

    Sound, complete, cost, reference: as for `outrange.diagnose`.
    """
    __tracebackhide__ = True
    return diagnose(model, x, y, **options).raise_on(level)
