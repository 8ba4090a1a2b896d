"""Questions about training: what to choose, what works, what starts dead."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..answers.study.progress import StudyProgress
from ..executors.pool import pool_of
from ..live import heard
from .recorded import question, recorded


if TYPE_CHECKING:
    from ..answers.advice import Advice
    from ..answers.dead_start import DeadStart
    from ..answers.study.study import Study


@question("Comparison")
def compare(
    build: Callable[[Any], Any],
    x: Any,
    y: Any,
    *,
    activations: Any = None,
    losses: Any = None,
    optimizers: Any = None,
    starts: int = 5,
    epochs: int = 500,
    batch_size: int = 32,
    time_limit: float | str | None = "60s",
    metric: Any = None,
    better: str | None = None,
    goal: float | None = None,
    kind: str | None = None,
    seed: int = 0,
    engine: str = "auto",
    executor: Any = None,
    file: str | os.PathLike | None = None,
    progress: bool | Callable[[StudyProgress], None] | None = None,
) -> Study:
    """Compare activations, losses and optimizers: train all combinations, from several starts.

    On the JAX backend all losses, optimizers and starts of an activation are lanes of one compiled
    program, each computing what Keras computes for it alone; other backends, and models too large
    for that, take turns in `Model.train_on_batch`, slower. All combinations advance together, so
    that they are equally far when the time is over. A start has the same initial weights in every
    combination whose model has the same shapes; batches are the same everywhere. What falls short
    is looked at with `outrange.diagnose` and by what its curves, gradient and outputs show.

    Args:
        build: Takes an activation and returns a new Keras model with a fixed input shape, not
            compiled, of one output. Where the activation goes is its business. Initializers with a
            seed of their own make all starts alike.
        x: Inputs, `(n, *input shape)`, or a list or dict of arrays.
        y: Targets: classes (numbers or labels), one-hot rows, or numbers, `(n,)` or `(n, k)`. Each
            loss gets them in the form it needs.
        activations: What `build` is called with: names, functions, or a dict from label to them;
            by default some that fit the targets.
        losses: Names, losses, functions, or a dict; by default four that fit the targets.
        optimizers: Names, optimizers, classes, or a dict; by default SGD at 0.1, Adam and RMSprop
            at 0.01.
        starts: Initial weights to train each combination from.
        epochs: Passes over the data.
        batch_size: Rows a step; the order of rows is drawn anew each epoch, from `seed`.
        time_limit: Seconds, `"60s"`, `"5min"`, or None for no limit.
        metric: What is compared: `"accuracy"` (for classes), `"mse"`, or a function of targets and
            predictions in `keras.ops`. By default accuracy for classes, `"mse"` otherwise. Measured
            on all of `x`, after training steps, at inference.
        better: `"higher"` or `"lower"`, with a metric of your own.
        goal: What counts as success; by default 95 % of the way from the best constant prediction
            to the best that any training reached. If that is no better than a constant, or no
            better than what is proved of models without a hidden layer on classes that no line
            separates, it is 95 % of the way to a perfect metric, and no candidate solves the task.
        kind: What the targets are, where the data leave it open; see `outrange.recommend`.
        seed: Start `i` is seeded with `seed + i`.
        engine: `"auto"`, `"lanes"` or `"one by one"`.
        executor: Who trains: a `concurrent.futures.Executor`, a `dask.distributed` client, or the
            address of its scheduler. None for this process. A worker trains an activation for some
            seconds at a time, with the Keras, backend and settings of this process, or is refused;
            `build` is sent by cloudpickle. The study is that of this process, with time enough.
        file: Keep the study here, as JSON; if it is there unfinished, go on with it, if it is
            complete, return it.
        progress: A function called with a `StudyProgress`;
            True to show it, False for nothing. None shows it in a terminal or a notebook once the
            call takes 2 s.

    Returns:
        A `Study`; `print` it. Ctrl-C returns what is known then.

    Raises:
        InputError: An argument breaks a rule, or `file` holds another study.

    Example:
        >>> import keras, numpy as np
        >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 0, 0, 1])
        >>> def build(activation):
        ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation)])
        >>> study = compare(
        ...     build, x, y, activations=["sigmoid", "relu"], losses=["binary_crossentropy"],
        ...     optimizers={"sgd": keras.optimizers.SGD(1.0)}, epochs=100, starts=3,
        ... )
        >>> study.best.name, study.best.metric
        ('sigmoid, binary_crossentropy, sgd', 1.0)

    Cost: the trainings, which `time_limit` limits, after a first step that compiles for each
    activation; then one diagnosis for each kind of failure of a model and loss.
    """
    from ..train.comparison.compare import compare as ask

    return ask(
        build,
        x,
        y,
        activations=activations,
        losses=losses,
        optimizers=optimizers,
        starts=starts,
        epochs=epochs,
        batch_size=batch_size,
        time_limit=time_limit,
        metric=metric,
        better=better,
        goal=goal,
        kind=kind,
        seed=seed,
        engine=engine,
        pool=pool_of(executor),
        file=file,
        progress=heard(progress),
    )


@recorded
def expected(
    model: Any, x: Any, *, trials: int = 1000, confidence: float = 0.95, seed: int = 0
) -> DeadStart:
    """Estimate the probability that a unit starts dead, over the layers' own initializers.

    A unit is dead on the data if its activation is flat at every row: no gradient reaches its
    weights, and only a change in the layers before it can wake it up. A single ReLU neuron on
    positive inputs is a coin toss. Per layer with an activation that has a flat piece: the chance
    for a unit, and the chance that all of them start dead. In closed form for a dense layer on
    inputs along one direction; elsewhere from fresh starts, drawn by the initializers themselves.
    The model keeps its weights.

    Args:
        model: A built Keras model, or a layer (built or not).
        x: The data, `(n, *input shape)`, or arrays in the structure that the model takes.
        trials: Number of initializations to draw.
        confidence: Confidence level of each interval, a probability.
        seed: Seed of the draws; seeds written in the initializers are not used.

    Returns:
        A `DeadStart`; `print` it for the table.

    Raises:
        InputError: An argument breaks a rule.
        ModelError, UnsupportedError: The model cannot be read; see `outrange.load`.

    Example:
        >>> import keras, numpy as np
        >>> x = np.arange(1.0, 8.0)[:, None]
        >>> expected(keras.layers.Dense(1, "relu", name="neuron"), x)
        DeadStart('...', neuron: a unit starts dead with 0.5, exact)

    Sound: the intervals are exact (Clopper-Pearson) where units are independent, and hold for any
    dependence between the units of one start elsewhere (Hoeffding's bound with relative entropy),
    each with probability `confidence`.
    Complete: in closed form for a dense layer on inputs along one direction; otherwise intervals
    narrow with `trials`.
    Cost: `trials` passes over a few rows, and over all rows where a unit is dead on the few.

    Reference: Lu, Shin, Su, Karniadakis, *Dying ReLU and initialization: theory and numerical
    examples*, 2020; Clopper, Pearson, *The use of confidence or fiducial limits illustrated in the
    case of the binomial*, 1934.
    """
    from ..frontends.source import weights_source
    from ..train.expected import expected as ask

    found = ask(model, x, trials=trials, confidence=confidence, seed=seed)
    weights = model.get_weights()
    source = weights_source(str(model.name), weights) if weights else None
    return found if source is None else replace(found, sources=(source,))


@recorded
def recommend(x: Any, y: Any, *, kind: str | None = None) -> Advice:
    """Recommend a last layer, loss, optimizer and scaling for a data set, each with its reason.

    The targets are read as classes, probabilities, counts or real numbers; the last activation is
    one whose values can reach them all, the loss the likelihood that belongs to them. Nothing is
    trained, and no framework is needed; `outrange.compare` is for what only trying shows.

    Args:
        x: Inputs, `(n, ...)`.
        y: Targets, `(n,)` or `(n, k)`: numbers, booleans or labels.
        kind: What the targets are, where the data leave it open: `"binary"`, `"classes"`,
            `"one_hot"`, `"multi_label"`, `"distribution"`, `"unit_interval"`, `"counts"`,
            `"positive"` or `"real"`.

    Returns:
        An `Advice`; `print` it for the reasons, `code` is there to paste.

    Raises:
        InputError: Numbers that are not finite, shapes that do not fit, targets not of that kind.

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
