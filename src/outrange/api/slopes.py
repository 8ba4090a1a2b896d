"""Public functions for slopes of outputs: `monotone`, `gradient_range`, `lipschitz`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..certify.certifier import Certifier, check_slopes, one_box, search_time
from ..core import InputError
from ..live import progress_listener
from ..questions.common.entries import select_pairs
from ..questions.common.provenance import add_provenance
from ..questions.inputs.sets import regions
from .arguments import load_within_limit, time_left
from .decorators import question


if TYPE_CHECKING:
    from ..answers.monotone import Monotone
    from ..answers.progress import RangeProgress, VerifyProgress
    from ..answers.range import Range
    from ..core import Box
    from ..questions.common.network import NetworkLike


@question("Monotonicity")
def monotone(
    model: Any,
    box: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    direction: str | None = None,
    groups: Any = None,
    time_limit: float | None = None,
    budget: float | None = None,
    certificate: str | os.PathLike | None = None,
    progress: bool | Callable[[VerifyProgress], None] | None = None,
) -> Monotone:
    """Verify that outputs are monotone in inputs, or that classes are monotone across groups.

    For a pair of output and input, "rises" means that the output never falls while that input grows
    and the other inputs stay fixed. A counterexample is a pair of points that differ only in that
    input, with the lower output at its larger value. Interval tangents bound the derivatives over
    boxes. For piecewise-linear networks, small boxes are divided, in exact arithmetic, into the
    cells of the hyperplane arrangement, on which the network is affine. Along an input that accepts
    only integers (`dtype="int32"`), the output rises if it does not fall from any integer to the
    next. There, the difference `f(x + e_i) - f(x)` is bounded.

    With `groups`, the outputs are groups of classes. The question is then whether the index of the
    largest entry can be lower in one group than in the group before it (among equal entries, the
    first is chosen, as in NumPy). Softmax probabilities are compared by their logits.

    Args:
        model: As for `outrange.output_range`.
        box: The input set, as for `outrange.output_range`: a box, a DataFrame or an
            `outrange.Mixed`. Proofs cover every category of its one-hot groups. Along real-valued
            inputs, they cover all real values of its integers. Counterexamples lie in the set
            itself. With `groups`, a DataFrame or a `Mixed` counts as the smallest box around it.
        inputs: Inputs to consider: a flat index, a name, or a list of these; None for all.
        outputs: Outputs to consider, in the same form as `inputs`.
        direction: `"rises"` or `"falls"` to verify that direction; None to find a direction.
        groups: Number of groups of equal size, a list of their sizes, or an ordered list of lists
            of outputs. The question is then about groups instead of single outputs; `inputs`,
            `outputs` and `direction` must be None.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        certificate: File for a certificate of the proved trends, which an independent program
            checks (docs/certificates.md). Only for real-valued inputs, and not for groups.
        progress: A function called a few times per second with a `VerifyProgress`; or True to show
            progress, False to hide it. None shows it in a terminal or notebook if the call takes
            longer than 2 s.

    Returns:
        A `Monotone`. Its `trends` contain a `Trend` for each pair; with `groups`, its `order` is a
        `Verdict` instead. In a condition, it is true only if everything requested is proved.

    Raises:
        InputError: An argument is invalid.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras, numpy as np
        >>> from outrange import monotone
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="tanh")])
        >>> model.set_weights([np.array([[2.0], [-1.0]]), np.zeros(1)])
        >>> [trend.direction for trend in monotone(model, (-1, 1)).trends]
        ['rises', 'falls']

    Sound: proofs apply to the real-valued network and account for every float64 rounding error; a
    counterexample is evaluated in interval arithmetic.
    Complete: for piecewise-linear networks, given enough time; for smooth networks if no derivative
    touches 0.
    Cost: exponential in the number of inputs in the worst case.

    Reference: Jordan, Dimakis, *Exactly computing the local Lipschitz constant of ReLU networks*,
    NeurIPS 2020.
    """
    network, clock = load_within_limit(model, time_limit, box)
    proof = Certifier.of(certificate, clock, "monotone", network)
    if proof is not None and groups is not None:
        raise InputError(
            "A certificate covers single outputs, not groups: leave out `groups`. Received: "
            "`groups`."
        )
    covered = None if proof is None else _covered_pairs(network, box, inputs, outputs)
    if groups is None:
        from ..questions.gradients.monotone import monotone as ask

        answer = ask(
            network, box, inputs=inputs, outputs=outputs, direction=direction,
            time_limit=search_time(proof, clock, time_left(clock)),
            progress=progress_listener(progress),
        )  # fmt: skip
        if proof is not None and covered is not None:
            answer = proof.monotone(answer, *covered)
        return add_provenance(answer, network)
    from ..questions.gradients.group_order import groups_monotone

    answer = groups_monotone(
        network, box, groups, inputs=inputs, outputs=outputs, direction=direction,
        time_limit=time_left(clock), progress=progress_listener(progress),
    )  # fmt: skip
    return add_provenance(answer, network)


def _covered_pairs(
    network: NetworkLike, box: Any, inputs: Any, outputs: Any
) -> tuple[list[tuple[int, int]], Box]:
    """Return the `(output, input)` index pairs that a certificate covers, and the input box.

    Raises:
        InputError: The input set is not a single box of real inputs, or a selected input is fixed.
    """
    where = one_box(regions(network.graph.inputs, box))
    pairs = select_pairs(network.graph, outputs, inputs)
    check_slopes(pairs, where)
    return pairs, where


@question("Derivatives")
def gradient_range(
    model: Any,
    box: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    certificate: str | os.PathLike | None = None,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the range of the partial derivatives of outputs with respect to inputs over a box.

    Every difference `f(x + d e_i) - f(x)` inside the box is `d` times a number in the range of that
    derivative, even across kinks. At a kink, the range includes the one-sided derivatives inside
    the box. For a fixed input, it includes the derivative wherever that exists.

    Args:
        model: As for `outrange.output_range`.
        box: The input set, as for `outrange.output_range`: a box. A DataFrame or an
            `outrange.Mixed` counts as the smallest box around it.
        inputs: Inputs to consider: a flat index, a name, or a list of these; None for all.
        outputs: Outputs to consider, in the same form as `inputs`.
        tol: Stop when each bound is known to within `tol` times the width of the derivative's
            attained range; None has the same meaning as in `outrange.output_range`.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        certificate: File for a certificate of `lo` and `hi`, which an independent program checks
            (docs/certificates.md).
        progress: A function called a few times per second with a `RangeProgress`; or True to show
            progress, False to hide it. None shows it in a terminal or notebook if the call takes
            longer than 2 s.

    Returns:
        A `Range` of shape `(*output shape, *input shape)`. Selected outputs, or several output
        arrays, form a single flat axis; the same rule applies to inputs.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras, numpy as np
        >>> from outrange import gradient_range
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="relu")])
        >>> model.set_weights([np.array([[2.0], [-1.0]]), np.zeros(1)])
        >>> gradient_range(model, (-1, 1))
        Range(lo=[[0., -1.]], hi=[[2., 0.]], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: yes; the proofs account for every float64 rounding error.
    Complete: for piecewise-linear networks. For smooth networks the gap closes slowly, in
    proportion to the width of the boxes, so pass a `tol` of 1e-2 or a `time_limit`.
    Cost: exponential in the number of inputs in the worst case.

    Reference: Jordan, Dimakis, *Exactly computing the local Lipschitz constant of ReLU networks*,
    NeurIPS 2020.
    """
    from ..questions.gradients.gradients import gradient_range as ask

    network, clock = load_within_limit(model, time_limit, box)
    proof = Certifier.of(certificate, clock, "gradient_range", network)
    covered = None if proof is None else _covered_pairs(network, box, inputs, outputs)
    answer = ask(
        network, box, inputs=inputs, outputs=outputs, tol=tol,
        time_limit=search_time(proof, clock, time_left(clock)),
        progress=progress_listener(progress),
    )  # fmt: skip
    if proof is not None and covered is not None:
        answer = proof.slopes(answer, *covered)
    return add_provenance(answer, network)


@question("Lipschitz constants")
def lipschitz(
    model: Any,
    box: Any,
    *,
    norm: Any = "inf",
    outputs: Any = None,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the local Lipschitz constant of each output over a box.

    For any two inputs in the box, `|f(x) - f(z)| <= hi * norm(x - z)`. Near the input `at_hi`, the
    quotient `|f(x) - f(z)| / norm(x - z)` attains `lo`.

    Args:
        model: As for `outrange.output_range`.
        box: The input set, as for `outrange.output_range`: a box. A DataFrame or an
            `outrange.Mixed` counts as the smallest box around it.
        norm: Norm of the change in inputs: `"inf"` (the largest entry), 1 or 2.
        outputs: Outputs to consider: a flat index, a name, or a list of these; None for all.
        tol: Stop when each constant is known to within `tol` times the observed range of the
            gradient's norm over the box; None has the same meaning as in `outrange.output_range`.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        progress: See `outrange.gradient_range`.

    Returns:
        A `Range` that brackets each constant: `hi` is proved, and `lo` is attained. It has the
        output's shape; selected outputs, or several output arrays, form a single flat axis.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras, numpy as np
        >>> from outrange import lipschitz
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="relu")])
        >>> model.set_weights([np.array([[2.0], [-1.0]]), np.zeros(1)])
        >>> lipschitz(model, (-1, 1))
        Range(lo=[2.99999], hi=[3.00001], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: `hi` is proved; the proof accounts for every float64 rounding error.
    Complete: for piecewise-linear networks; for smooth ones as for `outrange.gradient_range`.
    Cost: exponential in the number of inputs in the worst case.

    Reference: Jordan, Dimakis, *Exactly computing the local Lipschitz constant of ReLU networks*,
    NeurIPS 2020.
    """
    from ..questions.gradients.gradients import lipschitz as ask

    network, clock = load_within_limit(model, time_limit, box)
    return add_provenance(ask(
        network, box, norm=norm, outputs=outputs, tol=tol,
        time_limit=time_left(clock), progress=progress_listener(progress),
    ), network)  # fmt: skip
