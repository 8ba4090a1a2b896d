"""Public functions: `robustness` of one input, and `robust_accuracy` on a data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..certify.certifier import Certifier, search_time
from ..core import InputError
from ..core.formula import negate
from ..executors.workers import take_pool
from ..live import progress_listener
from ..questions.common.provenance import add_provenance
from ..questions.inputs.perturbation import Perturbation, read_perturbation
from .arguments import is_float32, load_within_limit, time_left
from .decorators import question
from .read import is_property_file


if TYPE_CHECKING:
    from ..answers.curves.robustness_curve import RobustnessCurve
    from ..answers.progress import RobustProgress
    from ..answers.robust_accuracy import RobustAccuracy
    from ..answers.robustness import Robustness
    from ..core import Formula
    from ..frontends.network import Network


ANY = Perturbation()
"""Perturbations of each entry by any amount."""


@question("Robustness")
def robustness(
    model: Any,
    x: Any,
    property: Any = None,
    *,
    perturbation: Perturbation = ANY,
    tol: float = 1e-3,
    time_limit: float | None = None,
    budget: float | None = None,
    arithmetic: str = "real",
    certificate: str | os.PathLike | None = None,
    progress: bool | Callable[[float, float], None] | None = None,
) -> Robustness:
    """Compute the certified radius of an input: a proved lower bound and an attained upper bound.

    The radius is bracketed by a sequence of questions: "Is the class constant on the ball of this
    radius?" Each is answered as in `outrange.verify`. Each counterexample is moved toward the input
    to find a nearer one.

    Args:
        model: As for `outrange.output_range`.
        x: One input in the model's input shape (with an optional batch axis of 1), or a dict from
            input name to the value of that input.
        property: What must not change: a class, as the index of the largest output, or a condition
            on `outrange.y` (and `outrange.x`), such as `y[0] >= 0.3`. None for the class at `x`. A
            model with one output number has class 1 above a threshold and 0 otherwise. The
            threshold is 0.5 if the output stays within [0, 1] (a sigmoid), and 0 if it can have
            either sign (a logit). The answer says which was used.
        perturbation: The norm, limits on the perturbed entries, and the largest radius of interest;
            by default the largest change of an entry, without limits.
        tol: Stop when the radius is known to a relative accuracy of `tol`.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        arithmetic: Arithmetic of the network, `"real"` or `"float32"`: see `outrange.verify`.
        certificate: File for a certificate of `lo`, only in norm `"inf"`; see `outrange.verify`.
        progress: A function called with `(lo, hi)` after each decision about a positive radius; or
            True to show progress, False to hide it. None shows it in a terminal or notebook if the
            call takes longer than 2 s.

    Returns:
        A `Robustness`: `lo <= radius <= hi`, and the `adversarial` input at distance `hi`. If none
        is found, `hi` is infinite and `adversarial` is None.

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError: The model cannot be read.
        UnsupportedError: The model contains an unsupported operation.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2, kernel_initializer="identity")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> answer = robustness(model, [0.75, 0.25])
        >>> answer.lo <= 0.25 <= answer.hi, answer.is_exact
        (True, True)

    Sound: `lo` is proved for the network in the chosen arithmetic, and the proof accounts for every
    float64 rounding error; `hi` is the distance of an input that violates the property, rounded up.
    Complete: as for `outrange.verify`.
    Cost: ten to twenty decisions, each as expensive as one `outrange.verify`.

    Reference: Tjeng, Xiao, Tedrake, *Evaluating robustness of neural networks with mixed integer
    programming*, ICLR 2019, for the minimum adversarial distortion; Madry et al., *Towards deep
    learning models resistant to adversarial attacks*, ICLR 2018, for the attack.
    """
    from ..questions.inputs.boxes import describe_value
    from ..questions.inputs.neighborhood import Neighborhood
    from ..questions.inputs.scales import flat_scale
    from ..questions.robust.robustness import robustness as ask

    is_float32(arithmetic)
    if not isinstance(perturbation, Perturbation):
        raise InputError(
            "`perturbation` must be an `outrange.Perturbation(eps, norm=..., clip=..., scale=...)`."
            f" Received: {describe_value(perturbation)}."
        )
    network, clock = load_within_limit(model, time_limit, x)
    units = flat_scale(network.graph.inputs, perturbation.scale)
    around = Neighborhood.of(network.graph.inputs, x, perturbation.norm, perturbation.clip, units)
    _warn_of_mixtures(network, x, around.center[None], units)
    unsafe, text, reading = _decision(network, around.center, property)
    proof = Certifier.of(certificate, clock, "robustness", network, arithmetic)
    if proof is not None:
        proof.check_covered(unsafe, [around.region(0.0)])
    answer = ask(
        network,
        unsafe,
        around,
        text=text,
        tol=tol,
        most=perturbation.eps,
        time_limit=search_time(proof, clock, time_left(clock)),
        progress=progress_listener(progress),
        reading=reading,
        arithmetic=arithmetic,
    )
    if proof is not None and answer.lo > 0:
        words = f"{text}, within {answer.lo!r} of the input"
        answer = proof.verdict(answer, unsafe, [around.region(answer.lo)], words)
    return add_provenance(answer, network)


def _warn_of_mixtures(network: Network, x: Any, rows: np.ndarray, units: np.ndarray | None) -> None:
    """Warn if balls around rows vary inputs that seem to contain integers or categories.

    Args:
        network: The loaded network.
        x: The rows as the caller passed them.
        rows: The rows, `(n, inputs)`.
        units: Scale of each input, or None.
    """
    from ..questions.inputs.columns import warn_relaxed_ball

    slots = network.graph.inputs
    starts = np.cumsum([0, *(slot.size for slot in slots)])
    at = {slot.name: int(i) for slot, i in zip(slots, starts, strict=False) if slot.size == 1}
    parts = {name: rows[:, i] for name, i in at.items()}
    varies = {name for name, i in at.items() if units is None or units[i] > 0}
    remedy = "To fix these inputs, set their `scale` in `outrange.Perturbation` to 0."
    warn_relaxed_ball(x, parts, varies, remedy)


def _decision(network: Network, center: np.ndarray, property: Any) -> tuple[Formula, str, str]:
    """Return the unsafe condition, the claim as text, and the decision rule as a sentence.

    The sentence is empty for a `property`, and if the largest output decides.

    Args:
        network: The loaded network.
        center: The flat input, `(inputs,)`.
        property: Index of the class that must not change, None for the class at `center`; or the
            condition that must stay true.
    """
    from ..questions.expressions import property_text, resolve
    from ..questions.language.parser import read_condition
    from ..questions.robust.decision import Decision

    graph = network.graph
    is_class = isinstance(property, int | np.integer | float | np.floating)
    if property is not None and not is_class:
        if isinstance(property, str) and not is_property_file(property):
            property = read_condition(property)
        unsafe = negate(resolve(property, graph.inputs, graph.outputs))
        return unsafe, property_text(property, graph.inputs, graph.outputs), ""
    try:
        decision = Decision.of(graph)
    except InputError as error:
        raise InputError(
            f"{error} To `robustness`, pass the condition that must stay true as `property`, such "
            "as `y[0] >= 0.5`."
        ) from None
    if property is None:
        property = int(decision.classify(graph.run(center[None]))[0])
    is_whole = isinstance(property, int | np.integer) and not isinstance(property, bool)
    if not is_whole or not 0 <= property < decision.classes:
        raise InputError(
            f"`property` must be a class from 0 to {decision.classes - 1}, or a condition on "
            f"`outrange.y`. Received: property={property!r}."
        )
    return decision.unsafe(int(property)), decision.claim(int(property)), decision.sentence


@question("Robust accuracy")
def robust_accuracy(
    model: Any,
    x: Any,
    y: Any,
    eps: float | Sequence[float] | Perturbation,
    *,
    threshold: float | None = None,
    each: float = 10.0,
    time_limit: float | None = None,
    budget: float | None = None,
    file: Any = None,
    progress: bool | Callable[[RobustProgress], None] | None = None,
) -> RobustAccuracy | RobustnessCurve:
    """Compute the robust accuracy: the fraction of inputs classified correctly when perturbed.

    Each input that the model classifies correctly is decided by one `outrange.verify` over the ball
    of radius `eps`. With `file`, every result is written immediately, and the same call resumes
    from the file. With several radii, the middle one comes first: an input that is robust at a
    radius is robust at every smaller one, and a counterexample at a radius is also a counterexample
    at every larger one. Inside `outrange.workers`, the workers decide the inputs.

    Args:
        model: As for `outrange.output_range`. It has one output: a number per class, or a single
            number for two classes.
        x: Inputs, `(n, *input_shape)`, or a dict from input name to such an array.
        y: Class indices, of shape `(n,)`; 0 and 1 for a model with one output number.
        eps: The largest change of an entry; a list of these radii for a curve; or an
            `outrange.Perturbation` with another norm, limits on the perturbed entries, or a scale.
        threshold: Threshold of a model with one output number; by default as for
            `outrange.robustness`.
        each: Limit in seconds per input (and radius).
        time_limit: Limit in seconds for all inputs; `math.inf` for no limit, None for 45 s.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        file: File for results, from which the same call resumes. With several radii, each has its
            own file: `name-0.05.jsonl` for `name.jsonl`.
        progress: A function called after every input with a `RobustProgress`; or True to show
            progress, False to hide it. None shows it in a terminal or notebook if the call takes
            longer than 2 s.

    Returns:
        A `RobustAccuracy`: print it for the table, and call `plot()` for the adversarial inputs.
        With a list of radii, a `RobustnessCurve`, which contains one `RobustAccuracy` per radius,
        in ascending order.

    Raises:
        InputError: An argument is invalid, or `file` belongs to another question.
        ModelError: The model cannot be read.
        UnsupportedError: The model contains an unsupported operation.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2, kernel_initializer="identity")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> x = np.array([[0.9, 0.1], [0.55, 0.45], [0.2, 0.6], [0.7, 0.3]])
        >>> robust_accuracy(model, x, [0, 0, 1, 1], eps=0.1)
        RobustAccuracy(0.5 at inf-norm 0.1, 0.75 without, 4 inputs)
        >>> robust_accuracy(model, x, [0, 0, 1, 1], eps=[0.01, 0.1, 0.3]).lo
        array([0.75, 0.5 , 0.25])

    Sound: `lo` counts inputs with a proof about the real-valued network. `hi` counts all inputs
    except those that the model misclassifies and those with an adversarial example, on which the
    model was run.
    Complete: as for `outrange.verify`, within `each` seconds.
    Cost: at most about `each` seconds per input and radius.

    Reference: Tjeng, Xiao, Tedrake, *Evaluating robustness of neural networks with mixed integer
    programming*, ICLR 2019.
    """
    from ..questions.common.arguments import check_each
    from ..questions.inputs.scales import flat_scale
    from ..questions.robust.labeled_data import LabeledData
    from ..questions.robust.robust_accuracy import robust_accuracy as ask_one
    from ..questions.robust.robust_curve import is_several, robustness_curve

    check_each(each)
    network, clock = load_within_limit(model, time_limit, x)
    data = LabeledData.of(network, x, y, threshold)
    perturbation = read_perturbation(eps)
    units = flat_scale(network.graph.inputs, perturbation.scale, x)
    _warn_of_mixtures(network, x, data.flat, units)
    several = is_several(perturbation.eps)
    ask: Any = robustness_curve if several else ask_one
    with take_pool() as pool:
        answer = ask(
            network,
            data,
            eps=perturbation.eps,
            norm=perturbation.norm,
            clip=perturbation.clip,
            scale=units,
            each=each,
            time_limit=time_left(clock),
            file=file,
            progress=progress_listener(progress),
            pool=pool,
        )
    if several:
        answer = replace(
            answer, answers=tuple(add_provenance(part, network) for part in answer.answers)
        )
    return add_provenance(answer, network)
