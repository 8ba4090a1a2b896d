"""The public functions `minimize` and `maximize`, for extreme values of expressions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..certify.certifier import Certifier, one_box, search_time
from ..core import InputError
from ..questions.common.provenance import add_provenance
from .arguments import load_within_limit, time_left
from .decorators import question
from .networks.join import join_models


if TYPE_CHECKING:
    from ..answers.optimum import Optimum


@question("Minimum", reports=False)
def minimize(
    model: Any,
    objective: Any,
    box: Any,
    *,
    where: Any = None,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    seed: int = 0,
    certificate: str | os.PathLike | None = None,
    progress: bool | None = None,
) -> Optimum:
    """Minimize an expression in outputs and inputs, under constraints on outputs and inputs.

    Without `where`, the minimum is computed as in `outrange.output_range`. With `where`, a sequence
    of decisions "is the value at most v somewhere?" raises the lower bound on the minimum or finds
    better inputs.

    Args:
        model: As for `outrange.output_range`.
        objective: An expression such as `y[0] - 2 * y[1] + 0.1 * x[0]` or `x[0] * np.sin(y[0])`, an
            expression as text, or a function of `(x, y)` that returns an expression.
        box: The input set, as for `outrange.verify`.
        where: A condition on `outrange.x` *and* `outrange.y`; inputs that do not satisfy it
            together with their outputs are ignored. An equation needs a float64 input that
            satisfies it exactly. If none is found, only the proved bound is returned, so use a
            narrow band instead.
        tol: Stop when the value is known to within `tol` times the range attained by the form; None
            has the same meaning as in `outrange.output_range`.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        seed: Seed of the random points of the attack; no proof depends on it.
        certificate: File for a certificate of the proved bound; only for a linear form of outputs,
            without `where`. See `outrange.output_range`.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        An `Optimum`: `lo <= least value <= hi`, and an input `at` (None if none is known) at which
        the form is at most `hi`. If no input satisfies `where`, `lo` and `hi` are infinite.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.verify`.

    Example:
        >>> import keras
        >>> from outrange import minimize, x, y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> minimize(model, y[0] + x[0], (0, 1), where=(y[0] >= 1))
        Optimum(min y[0] + x[0] = 1, exact to 1e-06, FLOAT64_ROUNDED)

    Sound: the proved bound accounts for every float64 rounding error.
    Complete: for piecewise-linear networks, given enough time.
    Cost: as for `outrange.output_range`; with `where`, about twenty decisions, each as expensive as
    one `outrange.verify`.

    Reference: Tjeng, Xiao, Tedrake, *Evaluating robustness of neural networks with mixed integer
    programming*, ICLR 2019, for the problem; Bunel et al., *Branch and bound for piecewise linear
    neural network verification*, JMLR 2020, for the method.
    """
    return _optimum("min", model, objective, box, where, tol, time_limit, seed, certificate)


@question("Maximum", reports=False)
def maximize(
    model: Any,
    objective: Any,
    box: Any,
    *,
    where: Any = None,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    seed: int = 0,
    certificate: str | os.PathLike | None = None,
    progress: bool | None = None,
) -> Optimum:
    """Maximize an expression in outputs and inputs, under constraints on outputs and inputs.

    Args:
        model: See `outrange.minimize`.
        objective: See `outrange.minimize`.
        box: See `outrange.minimize`.
        where: See `outrange.minimize`.
        tol: See `outrange.minimize`.
        time_limit: Limit in seconds; see `outrange.minimize`.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        seed: See `outrange.minimize`.
        certificate: See `outrange.minimize`.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        An `Optimum`: `lo <= largest value <= hi`, and an input `at` (None if none is known) at
        which the form is at least `lo`. If no input satisfies `where`, `lo` and `hi` are infinite.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.verify`.

    Example:
        >>> import keras
        >>> from outrange import maximize, x, y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> maximize(model, y[0] - x[0], (0, 1), where=(y[0] <= 1.5))
        Optimum(max y[0] - x[0] = 1, exact to 1e-06, FLOAT64_ROUNDED)

    Sound, complete, cost, reference: as for `outrange.minimize`.
    """
    return _optimum("max", model, objective, box, where, tol, time_limit, seed, certificate)


def _optimum(
    sense: str,
    model: Any,
    objective: Any,
    box: Any,
    where: Any,
    tol: float | None,
    time_limit: float | None,
    seed: int,
    certificate: str | os.PathLike | None,
) -> Optimum:
    from ..core.formula import TRUE
    from ..questions.conditions.term_graph import extend_network, is_linear
    from ..questions.expressions import Terms, resolve, resolve_linear
    from ..questions.inputs.sets import regions
    from ..questions.language.parser import read_expression
    from ..questions.optimize.optimize import optimum

    if isinstance(objective, str):
        objective = read_expression(objective)
    joint = join_models(model, objective, box, where, time_limit)
    objective, box, where = joint.condition, joint.box, joint.where
    network, clock = load_within_limit(joint.network, joint.time_limit, box)
    slots, outputs = network.graph.inputs, network.graph.outputs
    terms = Terms(network.graph.size + network.graph.value_size(network.graph.output))
    form = resolve_linear(objective, slots, outputs, terms)
    condition = TRUE if where is None else resolve(where, slots, outputs, terms)
    text = getattr(objective, "__name__", None) or str(objective)
    sets = regions(slots, box)
    proof = Certifier.of(certificate, clock, f"{sense}imize", network)
    ends = None if proof is None else one_box(sets)
    if proof is not None and (
        condition is not TRUE
        or any(i < network.graph.size for i, _ in form.terms)
        or not is_linear(form, terms.first)
    ):
        raise InputError(
            "A certificate of an optimum needs a linear objective of outputs only, and no `where`. "
            "Leave out `certificate`, or leave out `where` and use a linear form of outputs. "
            f"Received: the objective `{text}`{'' if condition is TRUE else ' and `where`'}."
        )
    answer = optimum(
        extend_network(network, terms, [form, condition]),
        form,
        sense,
        text,
        sets,
        condition,
        tol=tol,
        time_limit=search_time(proof, clock, time_left(clock)),
        seed=seed,
    )
    if proof is not None and ends is not None:
        answer = proof.optimum(answer, form, ends)
    return add_provenance(answer, network)
