"""The public question `verify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..certify.ask import Certifier, search_time
from ..core import OutOfTime, deadline
from ..executors.working import working
from ..live import heard
from ..questions.common.stamp import stamped
from .arguments import (
    arithmetic_of,
    asked,
    is_float32,
    left,
    loaded_within,
    side_by_side,
    specified,
)
from .recorded import question


if TYPE_CHECKING:
    from ..answers.progress import VerifyProgress
    from ..answers.verdict import Verdict


@question("Property")
def verify(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    where: Any = None,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    seed: int = 0,
    arithmetic: str | None = None,
    certificate: str | os.PathLike | None = None,
    check: bool = True,
    executor: Any = None,
    resume: str | os.PathLike | None = None,
    progress: bool | Callable[[VerifyProgress], None] | None = None,
) -> Verdict:
    """Verify a property for every input of a set: a proof, or a counterexample.

    Falsification (projected gradient descent) first, then branch and bound. `VIOLATED` comes with
    an input that violates the property in real arithmetic and was run on the model itself; `HOLDS`
    with a bound; `UNKNOWN` with the best bound and the nearest input.

    Args:
        model: A Keras model or layer, a path (`.keras`, `.h5`, `.onnx`, `.onnx.gz`), or what
            `outrange.load` returned. For a VNN-LIB file that declares several networks, a dict from
            their names to models.
        property: What shall hold: a condition on `outrange.x` and `outrange.y`, such as
            `y[0] <= 3.99`, `y.argmax() == 2`, `y["left"] >= 0.1 * x["speed"] - 2`, joined by `&`,
            `|`, `~`; the same written out, `"0 <= y[0] <= 3.99"`, as the shell takes it; a
            function `lambda x, y: ...` that returns one; or a VNN-LIB file (`.vnnlib`,
            `.vnnlib.gz`), or what `outrange.read_property` returned, which describes the unsafe
            inputs and outputs.
        box: The input set: see `outrange.output_range`; also `outrange.Polytope`, `L1Ball`,
            `L2Ball`, `Mixed` (whole-numbered and one-hot inputs), `Union`. A file brings its own;
            given as well, what lies in both counts.
        where: A condition on `outrange.x`: only inputs that satisfy it count, of a file's too.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        seed: Seed of the attack's random points; no proof depends on it.
        arithmetic: What the network computes in: `"real"`, or `"float32"`: a proof then holds for
            the network as it is deployed, its sums in any order, and a counterexample is one that
            the model itself reproduces in float32 (docs/float32.md). None: what a VNN-LIB 2.0 file
            declares, and real numbers for every other property.
        certificate: A file to write a certificate to where the property holds: a proof that a
            program of its own, `outrange-check`, checks in exact arithmetic
            (docs/certificates.md). For boxes and linear inequalities of the outputs.
        check: Whether to run it at once; the answer's `warrant` is then `CERTIFIED`.
        executor: Who searches the tree: a `concurrent.futures.Executor`, a `dask.distributed`
            client, or the address of its scheduler; of few inputs, where boxes are split
            (docs/scale.md). None for the threads of this process.
        resume: A folder that the state is written to every half minute: the same call goes on from
            there.
        progress: A function called a few times a second with a `VerifyProgress`;
            True to show it, False for nothing. None shows it in a terminal or a notebook once the
            call takes 2 s.

    Returns:
        A `Verdict`; it is true only where the property is proved.

    Raises:
        InputError: An argument breaks a rule; the message says which.
        ModelError: Model or file cannot be read.
        UnsupportedError: The model or file holds an operation that is not supported.

    Example:
        >>> import keras
        >>> from outrange import verify, y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> verify(model, y[0] <= 2.5, (0, 1))
        Verdict(HOLDS, 'y[0] <= 2.5')
        >>> verify(model, "y[0] <= 1.5", (0, 1)).status
        'VIOLATED'

    Sound: `HOLDS` is about the real-valued network with the stored weights, every float64 rounding
    error accounted for.
    Complete: for piecewise-linear networks, up to float64 resolution and given time; for smooth
    ones the bounds converge.
    Cost: exponential in the number of inputs or unstable neurons in the worst case.

    Reference: Katz et al., *Reluplex: an efficient SMT solver for verifying deep neural networks*,
    CAV 2017, for the problem; Bunel et al., *Branch and bound for piecewise linear neural network
    verification*, JMLR 2020, and Wang et al., *Beta-CROWN*, NeurIPS 2021, for the method; Madry et
    al., *Towards deep learning models resistant to adversarial attacks*, ICLR 2018, for
    falsification.
    """
    from ..questions.stated import decided
    from ..questions.verify import LEAST_TIME, undecided

    is_float32("real" if arithmetic is None else arithmetic)
    if isinstance(model, Mapping):
        model, property, time_limit = side_by_side(model, property, time_limit)
    network, clock = loaded_within(model, time_limit, box)
    try:
        with deadline(max(LEAST_TIME, clock.left)):
            property = specified(property)
            arithmetic = arithmetic_of(property, arithmetic)
            float32 = arithmetic == "float32"
            unsafe, regions, text, source = asked(network, property, box, where, float32)
    except OutOfTime:
        name = getattr(property, "name", None) or os.path.basename(str(property))
        return stamped(undecided(network, name, clock), network)
    proof = Certifier.of(certificate, check, clock, "verify", network, arithmetic)
    if proof is not None:
        proof.check_covered(unsafe, regions)
    with working(executor, resume):
        answer = decided(
            network,
            unsafe,
            regions,
            text,
            time_limit=search_time(proof, clock, left(clock)),
            seed=seed,
            source=source,
            progress=heard(progress),
            arithmetic=arithmetic,
        )
        if proof is not None and answer:
            answer = proof.verdict(answer, unsafe, regions, text)
    return answer
