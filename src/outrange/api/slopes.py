"""Public questions about slopes: `monotone`, `gradient_range`, `lipschitz`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..certify.ask import Certifier, check_slopes, one_box, search_time
from ..core import InputError
from ..live import heard
from ..questions.common.entries import chosen_pairs
from ..questions.common.stamp import stamped
from ..questions.inputs.sets import regions
from .arguments import left, loaded_within
from .recorded import question


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
    layer: str | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    seed: int = 0,
    certificate: str | os.PathLike | None = None,
    check: bool = True,
    progress: bool | Callable[[VerifyProgress], None] | None = None,
) -> Monotone:
    """Verify monotonicity: of outputs in inputs, or of a chosen index from group to group.

    For every pair of output and input: "rises" says that the output never falls while that input
    grows and the others stay fixed; where it does, two inputs are a counterexample. Derivatives
    are bounded over boxes by interval tangents; small boxes of piecewise-linear networks are
    divided into the cells of the hyperplane arrangement, on which the network is affine, in exact
    arithmetic.

    With `groups` the outputs are groups of classes, and the question is whether the largest entry
    of a group ever has a lower index than that of the group before it (the first of equal entries,
    as in NumPy). Probabilities of a softmax are compared by their logits.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`; a box.
        inputs: Which inputs: flat indices, names, or a list of them; None for all.
        outputs: Which outputs, likewise.
        direction: `"rises"` or `"falls"` to ask for that; None: either will do, found by itself.
        groups: How many equal groups, a list of their sizes, or a list of lists of outputs, in
            their order. Asks about groups instead of single outputs.
        layer: Ask about the values of this layer instead of the model's outputs.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        seed: Seed of the random points tried; no proof depends on it.
        certificate: A file to write a certificate of the proved trends to, which a program of its
            own checks (docs/certificates.md): of the model's outputs, not of groups.
        check: See `outrange.output_range`.
        progress: A function called a few times a second with a `VerifyProgress`;
            True to show it, False for nothing. None shows it in a terminal or a notebook once the
            call takes 2 s.

    Returns:
        A `Monotone`: `trends` with a direction per pair, or `order`, a `Verdict`. True only where
        everything asked is proved.

    Raises:
        InputError: An argument breaks a rule.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras, numpy as np
        >>> from outrange import monotone
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="tanh")])
        >>> model.set_weights([np.array([[2.0], [-1.0]]), np.zeros(1)])
        >>> [trend.direction for trend in monotone(model, (-1, 1)).trends]
        ['rises', 'falls']

    Sound: proofs are about the real-valued network, every float64 rounding error accounted for; a
    counterexample is evaluated in interval arithmetic.
    Complete: for piecewise-linear networks, given time; for smooth ones where no derivative touches
    0.
    Cost: exponential in the number of inputs in the worst case.

    Reference: Jordan, Dimakis, *Exactly computing the local Lipschitz constant of ReLU networks*,
    NeurIPS 2020.
    """
    network, clock = loaded_within(model, time_limit, box)
    proof = Certifier.of(certificate, check, clock, "monotone", network)
    if proof is not None and groups is not None:
        raise InputError("A certificate is about trends of outputs. Received: `groups`.")
    asked = None if proof is None else _asked(network, box, inputs, outputs, layer)
    if groups is None:
        from ..questions.gradients.monotone import monotone as ask

        found = ask(
            network, box, inputs=inputs, outputs=outputs, direction=direction, layer=layer,
            time_limit=search_time(proof, clock, left(clock)), seed=seed, progress=heard(progress),
        )  # fmt: skip
        if proof is not None and asked is not None:
            found = proof.monotone(found, *asked)
        return stamped(found, network)
    from ..questions.gradients.group_order import groups_monotone

    found = groups_monotone(
        network, box, groups, inputs=inputs, outputs=outputs, direction=direction, layer=layer,
        time_limit=left(clock), seed=seed, progress=heard(progress),
    )  # fmt: skip
    return stamped(found, network)


def _asked(
    network: NetworkLike, box: Any, inputs: Any, outputs: Any, layer: str | None
) -> tuple[list[tuple[int, int]], Box]:
    """The pairs of output and input that a certificate is to be about, and the box."""
    if layer is not None:
        raise InputError("A certificate is about the outputs of a model. Received: `layer`.")
    where = one_box(regions(network.graph.inputs, box))
    pairs = chosen_pairs(network.graph, outputs, inputs)
    check_slopes(pairs, where)
    return pairs, where


@question("Derivatives")
def gradient_range(
    model: Any,
    box: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    layer: str | None = None,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    seed: int = 0,
    certificate: str | os.PathLike | None = None,
    check: bool = True,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the least and largest partial derivatives of outputs by inputs over a box.

    Every difference `f(x + d e_i) - f(x)` inside the box is `d` times a number in the range of that
    derivative, whether or not a kink lies between. At a kink the one-sided derivatives inside the
    box count; by an input that is fixed, the derivative counts where it exists.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`; a box.
        inputs: Which inputs: flat indices, names, or a list of them; None for all.
        outputs: Which outputs, likewise.
        layer: Take the values of this layer instead of the model's outputs.
        tol: Stop when each end is known to `tol` times the range attained by that derivative; None
            as for `outrange.output_range`.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        seed: Seed of the random points that search for extreme values.
        certificate: A file to write a certificate of `lo` and `hi` to, which a program of its own
            checks (docs/certificates.md): of the model's outputs.
        check: See `outrange.output_range`.
        progress: A function called a few times a second with a `RangeProgress`;
            True to show it, False for nothing. None shows it in a terminal or a notebook once the
            call takes 2 s.

    Returns:
        A `Range` of shape `(*output shape, *input shape)`.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras, numpy as np
        >>> from outrange import gradient_range
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="relu")])
        >>> model.set_weights([np.array([[2.0], [-1.0]]), np.zeros(1)])
        >>> gradient_range(model, (-1, 1))
        Range(lo=[[0., -1.]], hi=[[2., 0.]], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: every float64 rounding error is accounted for.
    Complete: for piecewise-linear networks; for smooth ones the gap closes with the width of the
    boxes, so ask for a `tol` of 1e-2 or set `time_limit`.
    Cost: exponential in the number of inputs in the worst case.

    Reference: Jordan, Dimakis, *Exactly computing the local Lipschitz constant of ReLU networks*,
    NeurIPS 2020.
    """
    from ..questions.gradients.gradients import gradient_range as ask

    network, clock = loaded_within(model, time_limit, box)
    proof = Certifier.of(certificate, check, clock, "gradient_range", network)
    asked = None if proof is None else _asked(network, box, inputs, outputs, layer)
    found = ask(
        network, box, inputs=inputs, outputs=outputs, layer=layer, tol=tol,
        time_limit=search_time(proof, clock, left(clock)), seed=seed, progress=heard(progress),
    )  # fmt: skip
    if proof is not None and asked is not None:
        found = proof.slopes(found, *asked)
    return stamped(found, network)


@question("Lipschitz constants")
def lipschitz(
    model: Any,
    box: Any,
    *,
    norm: Any = "inf",
    outputs: Any = None,
    layer: str | None = None,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    seed: int = 0,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the local Lipschitz constant of each output over a box.

    For any two inputs of the box, `|f(x) - f(z)| <= hi * norm(x - z)`; near the input `at_hi` the
    quotient attains `lo`.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`; a box.
        norm: How steps are measured: `"inf"` (the largest entry), 1 or 2.
        outputs: Which outputs: flat indices, names, or a list of them; None for all.
        layer: Take the values of this layer instead of the model's outputs.
        tol: Stop when each constant is known to `tol` times the range attained; None as for
            `outrange.output_range`.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        seed: Seed of the random points that search for extreme values.
        progress: See `outrange.gradient_range`.

    Returns:
        A `Range` in the output's shape that brackets each constant: `hi` is proved, `lo` attained.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras, numpy as np
        >>> from outrange import lipschitz
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="relu")])
        >>> model.set_weights([np.array([[2.0], [-1.0]]), np.zeros(1)])
        >>> lipschitz(model, (-1, 1))
        Range(lo=[2.99999], hi=[3.00001], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: `hi` is a bound, every float64 rounding error accounted for.
    Complete: for piecewise-linear networks; for smooth ones as `outrange.gradient_range`.
    Cost: exponential in the number of inputs in the worst case.

    Reference: Jordan, Dimakis, *Exactly computing the local Lipschitz constant of ReLU networks*,
    NeurIPS 2020.
    """
    from ..questions.gradients.gradients import lipschitz as ask

    network, clock = loaded_within(model, time_limit, box)
    return stamped(ask(
        network, box, norm=norm, outputs=outputs, layer=layer,
        tol=tol, time_limit=left(clock), seed=seed, progress=heard(progress),
    ), network)  # fmt: skip
