"""The public function `repair`, which changes a copy of a model until properties are proved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers.regions.points import flat_inputs
from ...certify.certifier import Certifier
from ...core import Box, Clock, InputError, Specification
from ...questions.common.provenance import add_provenance
from ...questions.conditions.specification import own_box
from ...questions.inputs.columns import is_frame
from ...questions.inputs.sets.base import InputSet
from ...questions.inputs.sets.regions import regions
from ..arguments import load_within_limit, read_if_file, resolve_question, time_left
from ..decorators import question


if TYPE_CHECKING:
    from ...answers.repairs.repair import ModelRepair
    from ...frontends.network import Network
    from ...graph import Slot
    from ...repairs.demand import Demand


SEARCH_SHARE = 0.5
"""Fraction of the time limit that the repair may use if a certificate is requested."""

METHODS = ("auto", "weights", "guard")


@question("Repair", reports=False)
def repair(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    x: Any = None,
    method: str = "auto",
    decision: str | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    certificate: str | os.PathLike | None = None,
    progress: bool | None = None,
) -> ModelRepair:
    """Change a copy of a model as little as possible, until a property is proved for every input.

    In weights mode, only the last layer of each output changes. A quadratic program finds the
    weights that satisfy a set of linear constraints and change the outputs least. The candidate is
    rounded to the model's element type and verified. Constraints for counterexamples and for the
    worst inputs tried are added until the property is proved. The model passed in is never changed,
    and the verdict is that of the repaired model as saved and loaded again.

    Args:
        model: A Keras model (Sequential or functional), or the path of a `.keras` or `.h5` file.
        property: The property that must hold, as for `outrange.verify`, or a list of pairs
            `(property, box)`; all of them must hold then, such as properties that the original
            satisfies.
        box: The input set, as for `outrange.verify`; None with a list of pairs. To restrict it by a
            condition, pass `outrange.Union(box) & (x[0] <= 1)`.
        x: Inputs at which the outputs should change little, besides uniform inputs of the input
            sets: typical inputs, `(n, *input_shape)`, or a larger input set, such as an
            `outrange.Box`, from which uniform inputs are drawn.
        method: `"weights"` changes the last layers; `"guard"` adds a layer that corrects outputs
            where the property would be violated; `"auto"` tries `"weights"` for at most 70 % of the
            time, then `"guard"`.
        decision: How outputs are read as a class, `"argmax"` or `"argmin"`. None means `"argmax"`
            if an output is a softmax or the property compares outputs. Otherwise, None means that
            outputs are numbers.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        certificate: File for a certificate of the repaired model, as for `outrange.verify`; only
            for a single property.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `ModelRepair`, with `model`, `verdict`, `changes`, `fidelity`, `history` and `difference`;
        in a condition, it is true only if all properties are proved for its `model`.

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError: The model or file cannot be read.
        UnsupportedError: The model is not a Keras model or cannot be saved, or `method` does not
            support it: its last layer is of an unsupported kind, or no guard can enforce a
            property. `"auto"` raises this error only if neither method supports the model and the
            property.

    Example:
        >>> import keras
        >>> from outrange import repair, y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> fixed = repair(model, y[0] <= 1.5, (0, 1))
        >>> fixed
        ModelRepair(REPAIRED, 'y[0] <= 1.5', changed: dense...)
        >>> fixed.verdict
        Verdict(HOLDS, 'y[0] <= 1.5')

    Sound: `REPAIRED` is a proof as for `outrange.verify`, about the model in `fixed.model`. A
    candidate without a proof is never returned as repaired.
    Complete: no; `UNREPAIRED` states the reason, and the least violation if it is known.
    Cost: several calls of `outrange.verify`, and quadratic programs in the weights of the last
    layer.

    Reference: Boetius, Leue, Sutter, *A robust optimisation perspective on counterexample-guided
    repair of neural networks*, ICML 2023, for the loop; Goldberger, Adi, Keshet, Katz, *Minimal
    modifications of deep neural networks using verification*, LPAR 2020, for the last layer.
    """
    from ...repairs.copies import keras_model, reload_model
    from ...repairs.run import run_repair
    from ...repairs.task import RepairTask

    _check_options(method, decision)
    original = reload_model(keras_model(model))
    network, clock = load_within_limit(original, time_limit, box)
    slots = network.graph.inputs
    demands = [_read_demand(network, *pair) for pair in _pairs(property, box)]
    if not demands:
        raise InputError("`property` must not be an empty list. Received: [].")
    is_set = isinstance(x, Box | InputSet)
    rows = None if x is None or is_set else _flatten_inputs(x, slots)
    proof = Certifier.of(certificate, clock, "repair", network)
    if proof is not None:
        if len(demands) > 1:
            raise InputError(
                "A certificate covers a single property. Leave out `certificate`, or pass one "
                f"property. Received: {len(demands)} properties."
            )
        proof.check_covered(demands[0].unsafe, demands[0].regions)
    limit = time_left(clock)
    search = clock if proof is None or limit is None else Clock(SEARCH_SHARE * limit)
    answer = run_repair(
        RepairTask(
            original, network, demands, search, partial(_load_like, network), method, rows,
            regions(slots, x) if is_set else (), decision,
        )
    )  # fmt: skip
    if proof is not None and answer:
        answer = _certify(answer, network, demands[0], certificate, clock)
    return add_provenance(answer, network, regions=demands[0].regions, property=demands[0].source)


def _load_like(network: Network, model: Any) -> Network:
    """Read a copy of the model, with the input names that a table gave to the original."""
    from ...frontends.load import load

    again, names = load(model), [slot.name for slot in network.graph.inputs]
    return again if len(again.graph.inputs) == len(names) else again.with_feature_names(names)


def _check_options(method: Any, decision: Any) -> None:
    """Check the options that only `repair` has.

    Raises:
        InputError: An option is invalid.
    """
    if method not in METHODS:
        raise InputError(f"`method` must be one of {list(METHODS)}. Received: {method!r}.")
    if decision not in (None, "argmax", "argmin"):
        raise InputError(f"`decision` must be 'argmax', 'argmin' or None. Received: {decision!r}.")


def _flatten_inputs(x: Any, slots: Sequence[Slot]) -> np.ndarray:
    """Return the user's inputs as flat rows `(n, d)`.

    Raises:
        InputError: `x` does not have the shape of the inputs, is not finite, or is a pair, which
            may be meant as bounds.
    """
    if isinstance(x, tuple) and len(x) == 2:
        raise InputError(
            "A pair as `x` could be bounds or two inputs: pass bounds as `outrange.Box(lo, hi)`, "
            f"with one number per input, and inputs as an array. Received: {x!r:.60}."
        )
    if is_frame(x):
        x = np.asarray(x, np.float64)
    rows, _ = flat_inputs(x, {slot.name: slot.shape for slot in slots})
    if not np.isfinite(rows).all():
        raise InputError("`x` must contain finite numbers only. Received: NaN or infinity.")
    return rows


def _pairs(property: Any, box: Any) -> list[tuple[Any, Any]]:
    """Return pairs of a property and its input set."""
    if not isinstance(property, list):
        return [(property, box)]
    if box is not None or not all(isinstance(p, tuple) and len(p) == 2 for p in property):
        raise InputError(
            "A list in `property` must consist of pairs `(property, box)`; then leave out `box`. "
            f"Received: property={property!r}, box={box!r}."
        )
    return property


def _read_demand(network: Network, property: Any, box: Any) -> Demand:
    """Translate a property and its input set.

    Raises:
        InputError: The property contains products or other nonlinear terms.
    """
    from ...repairs.demand import Demand

    property = read_if_file(property)
    question, source = resolve_question(network, property, box, None)
    if question.network.terms is not None:
        raise InputError(
            "`repair` needs a condition of linear inequalities, without products and functions of "
            f"`x` and `y`. Received: {question.text}."
        )
    sets = question.regions
    if isinstance(property, Specification) and box is None:
        # The file's bounds on inputs are conditions: outside them, it requires nothing.
        sets = [replace(region, box=own_box(property).box) for region in sets]
    return Demand(question.unsafe, sets, question.text, source)


def _certify(
    answer: ModelRepair, network: Network, demand: Demand, path: Any, clock: Clock
) -> ModelRepair:
    """Write the certificate of the repaired model, and return the answer with its path."""
    proof = Certifier.of(path, clock, "repair", _load_like(network, answer.model))
    if proof is None:
        return answer
    verdict = proof.verdict(answer.verdicts[0], demand.unsafe, demand.regions, demand.text)
    return replace(answer, verdicts=(verdict,), certificate=verdict.certificate)
