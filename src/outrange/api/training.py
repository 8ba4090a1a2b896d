"""Public functions for training: `recommend`, `compare`, and `dead_start` for dead units."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..answers.study.progress import StudyProgress
from ..executors.workers import take_pool
from ..live import progress_listener
from .decorators import question, with_provenance


if TYPE_CHECKING:
    from ..answers.advice import Advice
    from ..answers.dead_start import DeadStart
    from ..answers.study.study import Study


@question("Comparison")
def compare(
    build: Callable[[Any], Any],
    x: Any,
    y: Any,
    candidates: Mapping[str, Any] | None = None,
    training: Mapping[str, int] | None = None,
    *,
    time_limit: float | str = "60s",
    metric: Any = None,
    goal: float | None = None,
    file: str | os.PathLike | None = None,
    progress: bool | Callable[[StudyProgress], None] | None = None,
) -> Study:
    """Compare activations, losses and optimizers: train all combinations from several starts.

    On the JAX backend, all losses, optimizers and starts of an activation are lanes of one compiled
    program, and each lane computes exactly what Keras computes when it trains that model alone. On
    other backends, and for models too large for that, `Model.train_on_batch` trains the models in
    turn, which is slower. All combinations advance together, so they have trained equally long when
    the time runs out. A start has the same initial weights in all combinations whose weights have
    the same shapes, and all combinations get the same batches. The reasons for failures come from
    `outrange.diagnose` and from the loss curves, gradients and outputs recorded during training.

    Inside `outrange.workers`, the workers train. A worker trains an activation for a few seconds at
    a time. Its version of Keras, its backend and its settings must match those of this process.
    `build` is sent by cloudpickle. Given enough time, the study is the same as without workers.

    Args:
        build: A function of an activation that returns a new, uncompiled Keras model with a fixed
            input shape and one output. It decides where the activation goes. Initializers with
            fixed seeds make all starts equal.
        x: Inputs, `(n, *input shape)`, or a list or dict of arrays.
        y: Targets: classes (numbers or labels), one-hot rows, or numbers, `(n,)` or `(n, k)`. Each
            loss gets them in its own format. Integers may be classes or counts:
            `y.astype(str)` are classes, and `y.astype(float)` are numbers.
        candidates: Dict with lists to choose from. `"activation"` contains arguments for `build`,
            names or functions, by default four or five that suit the targets. `"loss"` contains
            names, losses or functions, by default four that match the targets. `"optimizer"`
            contains names, optimizers or classes, by default SGD with learning rate 0.1, and Adam
            and RMSprop with 0.01. Instead of a list, a dict from labels to entries is accepted.
        training: Dict of numbers: `"starts"`, the different initial weights per combination (5 by
            default), `"epochs"` (500), `"batch_size"` (32) and `"seed"` (0). Start `i` uses the
            seed `seed + i`. The rows are shuffled in each epoch, in an order determined by the seed
            and the epoch.
        time_limit: Limit in seconds, or as text such as `"60s"` or `"5min"`; `math.inf` for none.
        metric: Metric to compare: `"accuracy"` (for classes), `"mse"`, or a pair such as
            `(function, "lower")`: a function of targets and predictions in `keras.ops`, and whether
            `"higher"` or `"lower"` values are better. By default accuracy for classes, `"mse"`
            otherwise. It is computed on all of `x` after training steps, in inference mode.
        goal: Value of the metric that is considered a success. By default 95 % of the way from the
            best constant prediction to the best training run. If classes are not linearly
            separable, the metric of a model without a hidden layer has a proved limit. If the goal
            does not exceed this limit, it is halfway between the limit and the best run instead. If
            the best run is no better than a constant or this limit, the goal is 95 % of the way to
            a perfect metric, and no candidate succeeds.
        file: JSON file of the study. An unfinished study in it is resumed, and a complete one is
            returned.
        progress: A function called with a `StudyProgress`; or True to show progress, False to hide
            it. None shows it in a terminal or notebook if the call takes longer than 2 s.

    Returns:
        A `Study`; `print` it. Ctrl-C returns the results so far.

    Raises:
        InputError: An argument is invalid, or `file` contains another study.

    Example:
        >>> import keras, numpy as np
        >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 0, 0, 1])
        >>> def build(activation):
        ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation)])
        >>> candidates = {
        ...     "activation": ["sigmoid", "relu"], "loss": ["binary_crossentropy"],
        ...     "optimizer": {"sgd": keras.optimizers.SGD(1.0)},
        ... }
        >>> study = compare(build, x, y, candidates, training={"epochs": 100, "starts": 3})
        >>> study.best.name, study.best.metric
        ('sigmoid, binary_crossentropy, sgd', 1.0)

    Cost: the training runs, limited by `time_limit`, after one compilation per activation; then one
    diagnosis for each combination of model, loss and symptoms among the failed runs.
    """
    from ..train.comparison.compare import compare as ask, read_candidates, read_training

    chosen, settings = read_candidates(candidates), read_training(training)
    with take_pool() as pool:
        return ask(
            build,
            x,
            y,
            **chosen,
            **settings,
            time_limit=time_limit,
            metric=metric,
            goal=goal,
            pool=pool,
            file=file,
            progress=progress_listener(progress),
        )


@with_provenance
def dead_start(
    model: Any, x: Any, *, trials: int = 1000, confidence: float = 0.95, seed: int = 0
) -> DeadStart:
    """Estimate the probability that a unit starts dead under its layer's random initializers.

    A unit is dead on the data if its activation is flat for every row: no gradient reaches its
    weights, and only a change in earlier layers can revive it. A single ReLU neuron on positive
    inputs starts dead with probability 1/2. For each layer whose activation has a flat piece, the
    answer contains the probability that one unit starts dead, and that all units do. There is a
    closed form for data that lie along one direction. The layer must then be a dense first layer
    with symmetric initial weights, biases of 0, and a ReLU or similar activation. Other layers are
    sampled with their initializers. The model keeps its weights.

    Args:
        model: A built Keras model, or a layer (built or not).
        x: The data, `(n, *input shape)`, or arrays in the structure that the model accepts.
        trials: Number of initializations to draw.
        confidence: Confidence level of each interval, a probability.
        seed: Seed of the draws; seeds in the initializers are not used.

    Returns:
        A `DeadStart`; `print` it for the table.

    Raises:
        InputError: An argument is invalid.
        ModelError, UnsupportedError: The model cannot be read; see `outrange.load`.

    Example:
        >>> import keras, numpy as np
        >>> x = np.arange(1.0, 8.0)[:, None]
        >>> dead_start(keras.layers.Dense(1, "relu", name="neuron"), x)
        DeadStart('...', neuron: a unit starts dead with probability 0.5, exact)

    Sound: the intervals are exact (Clopper-Pearson) for independent units. Otherwise they are valid
    for any dependence between the units of one start (Hoeffding's bound with relative entropy).
    Each interval is correct with probability `confidence`.
    Complete: where there is a closed form. Otherwise, the intervals narrow with `trials`.
    Cost: `trials` passes over a few rows, and passes over all rows if a unit is dead on those few.

    Reference: Lu, Shin, Su, Karniadakis, *Dying ReLU and initialization: theory and numerical
    examples*, 2020; Clopper, Pearson, *The use of confidence or fiducial limits illustrated in the
    case of the binomial*, 1934.
    """
    from ..frontends.source import weights_source
    from ..train.dead_start import dead_start as ask

    answer = ask(model, x, trials=trials, confidence=confidence, seed=seed)
    weights = model.get_weights()
    source = weights_source(str(model.name), weights) if weights else None
    return answer if source is None else replace(answer, sources=(source,))


@with_provenance
def recommend(x: Any, y: Any, *, kind: str | None = None) -> Advice:
    """Recommend a last layer, loss, optimizer and scaling for a data set, each with a reason.

    The targets are read as classes, probabilities, counts or real numbers. The recommended last
    activation fits the range of their values, and the loss is the matching likelihood. Nothing is
    trained, and no framework is needed. For questions that only training can answer, use
    `outrange.compare`.

    Args:
        x: Inputs, `(n, ...)`.
        y: Targets, `(n,)` or `(n, k)`: numbers, booleans or labels.
        kind: Kind of the targets if the data do not determine it: `"binary"`, `"classes"`,
            `"one_hot"`, `"multi_label"`, `"distribution"`, `"unit_interval"`, `"counts"`,
            `"positive"` or `"real"`.

    Returns:
        An `Advice`; `print` it for the reasons, and copy `code` into a program.

    Raises:
        InputError: Numbers are not finite, shapes do not match, or the targets are not of the given
            kind.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> recommend(x, [0, 0, 0, 1])
        Advice(binary: Dense(1, 'sigmoid'), loss='binary_crossentropy', Adam(0.01))
        >>> recommend(x[:, :1], [3.0, 5.0, -7.0, 9.0]).activation
        'linear'
    """
    from ..train.recommend import recommend as ask

    return ask(x, y, kind=kind)
