"""The public function `verify`, which proves or refutes a property of a network."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..certify.certifier import Certifier, search_time
from ..core import OutOfTime, deadline
from ..executors.workers import divide_searches
from ..live import progress_listener
from ..questions.common.provenance import add_provenance
from .arguments import (
    arithmetic_of,
    is_float32,
    load_within_limit,
    read_if_file,
    resolve_question,
    time_left,
)
from .decorators import question
from .networks.join import join_models


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
    seed: int = 0,
    arithmetic: str | None = None,
    certificate: str | os.PathLike | None = None,
    progress: bool | Callable[[VerifyProgress], None] | None = None,
) -> Verdict:
    """Verify a property for every input of a set, with a proof or a counterexample.

    Falsification (projected gradient descent) comes first, then branch and bound. `HOLDS` is a
    proof. `VIOLATED` comes with an input that violates the property in real arithmetic, and the
    model itself is run on it. `UNKNOWN` comes with the proved margin and the smallest distance from
    a violation among the inputs tried. Inside `outrange.workers`, workers share the search if it
    splits the input set, that is, for few inputs (docs/scale.md).

    Args:
        model: A Keras model or layer, a PyTorch module or exported program, a scikit-learn MLP or
            pipeline, a path (`.keras`, `.h5`, `.onnx`, `.onnx.gz`, `.pt2`), or a result of
            `outrange.load`. For a property of several networks, a dict from their names to models,
            such as `{"f": old, "g": new}`.
        property: The property that must hold. A condition on `outrange.x` and `outrange.y`, such as
            `y[0] <= 3.99`, `y.argmax() == 2`, `y["left"] >= 0.1 * x["speed"] - 2`, combined by `&`,
            `|`, `~`. It may contain products, powers, quotients and NumPy functions, such as
            `x[0] * np.sin(y[0])`, which must be defined on the whole input set. It may also be the
            text of a condition, such as `"0 <= y[0] <= 3.99"`, or a function `lambda x, y: ...`
            that returns a condition. A property of several networks names them, as in
            `"abs(f.y[0] - g.y[0]) <= 0.05"`, or is a function of them, such as
            `lambda f, g: abs(f.y - g.y).max() <= 0.05`. Alternatively, a VNN-LIB file (`.vnnlib`,
            `.vnnlib.gz`) or a result of `outrange.vnnlib.read_property`, which describes the
            *unsafe* inputs and outputs.
        box: The input set, as for `outrange.output_range`, or an `outrange.Polytope`, `L1Ball`,
            `L2Ball`, `Mixed` (integer and one-hot inputs) or `Union`. A VNN-LIB file contains its
            own input set; `box` is then intersected with it. Several networks share the inputs of
            `box`; if it is a dict from their names to boxes, each network has inputs of its own.
        where: A condition on `outrange.x`; inputs that do not satisfy it are ignored. This also
            applies to the input set of a VNN-LIB file. For several networks with inputs of their
            own, the condition may relate these inputs, as in `"g.x[3] >= f.x[3]"`.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        seed: Seed of the random points of the attack; no proof depends on it.
        arithmetic: Arithmetic of the network, `"real"` or `"float32"`. With `"float32"`, a proof
            holds for float32 inference with sums in any order, and a counterexample is one that the
            model itself reproduces in float32 (docs/float32.md). None selects the arithmetic that
            a VNN-LIB 2.0 file declares, and `"real"` for every other property.
        certificate: File for a certificate if the property holds: a proof that the independent
            program `outrange-check` verifies in exact arithmetic (docs/certificates.md). Only for
            boxes of real inputs, and linear inequalities on the outputs.
        progress: A function called a few times per second with a `VerifyProgress`; or True to show
            progress, False to hide it. None shows it in a terminal or notebook if the call takes
            longer than 2 s.

    Returns:
        A `Verdict`; `bool(verdict)` is true only if the property is proved.

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError: The model or file cannot be read.
        UnsupportedError: The model or file contains an unsupported operation.

    Example:
        >>> import keras
        >>> from outrange import verify, y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> verify(model, y[0] <= 2.5, (0, 1))
        Verdict(HOLDS, 'y[0] <= 2.5')
        >>> verify(model, "y[0] <= 1.5", (0, 1)).status
        'VIOLATED'

    Sound: in real arithmetic, `HOLDS` is a statement about the real-valued network with the stored
    weights; its proof accounts for every float64 rounding error.
    Complete: for piecewise-linear networks, up to float64 resolution, given enough time; for smooth
    networks the bounds converge.
    Cost: exponential in the number of inputs or unstable neurons in the worst case.

    Reference: Katz et al., *Reluplex: an efficient SMT solver for verifying deep neural networks*,
    CAV 2017, for the problem; Bunel et al., *Branch and bound for piecewise linear neural network
    verification*, JMLR 2020, and Wang et al., *Beta-CROWN*, NeurIPS 2021, for the method; Madry et
    al., *Towards deep learning models resistant to adversarial attacks*, ICLR 2018, for
    falsification.
    """
    from ..questions.decide_property import decide_property
    from ..questions.verify import LEAST_TIME, undecided_verdict

    is_float32("real" if arithmetic is None else arithmetic)
    joint = join_models(model, property, box, where, time_limit)
    property, box, where = joint.condition, joint.box, joint.where
    network, clock = load_within_limit(joint.network, joint.time_limit, box)
    try:
        with deadline(max(LEAST_TIME, clock.left)):
            property = read_if_file(property)
            arithmetic = arithmetic_of(property, arithmetic)
            float32 = arithmetic == "float32"
            translation, source = resolve_question(network, property, box, where, float32)
    except OutOfTime:
        name = getattr(property, "name", None) or os.path.basename(str(property))
        return add_provenance(undecided_verdict(network, name, clock), network)
    proof = Certifier.of(certificate, clock, "verify", network, arithmetic)
    if proof is not None:
        proof.check_covered(translation.unsafe, translation.regions)
    with divide_searches():
        answer = decide_property(
            translation.network,
            translation.unsafe,
            translation.regions,
            translation.text,
            time_limit=search_time(proof, clock, time_left(clock)),
            seed=seed,
            source=source,
            progress=progress_listener(progress),
            arithmetic=arithmetic,
            has_float32_sums=getattr(property, "has_float32_sums", False),
            assumption=translation.assumption,
        )
        if proof is not None and answer:
            answer = proof.verdict(
                answer, translation.unsafe, translation.regions, translation.text
            )
    return answer
