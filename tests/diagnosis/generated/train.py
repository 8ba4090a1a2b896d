"""Training of one program from ten starts at once, on JAX, and how good what comes out is."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from .losses import constant_loss, kept_apart
from .program import Head, Program, build, data, one_or_list


STARTS = 10


@dataclass(frozen=True)
class Trained:
    """The results of all starts.

    Args:
        skills: One `skill` for each start.
        error: What was raised, if there was an error.
        gains: The share of a constant's loss that training took away, on rows kept apart, by the
            program's own loss; -1 is the worst counted, NaN where the loss cannot tell.
        chances: One result of `told_chances` for each start.
    """

    skills: np.ndarray
    error: str
    gains: np.ndarray
    chances: np.ndarray


def train_program(keras: ModuleType, program: Program, starts: int = STARTS) -> Trained:
    """Return the skill of each training on held-out rows; see `skill`.

    The starts are trained together, with `fit`'s batches: shuffled again in every epoch, the last
    rows held out if there is a validation split. New rows are predicted together and one by
    one; the worse counts. A program that raises has the worst skill.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = build(keras, program)
            outputs, losses = _trained_outputs(keras, model, program, starts)
            gains = _gains(losses, constant_loss(keras, program))
        except (ValueError, TypeError, IndexError) as error:
            worst = np.full(starts, -1.0)
            return Trained(worst, f"{type(error).__name__}: {error}"[:300], worst, worst)
    starts_said = [[[o[i] for o in said] for said in outputs] for i in range(starts)]
    skills, chances = (
        np.array([min(score(program, said) for said in both) for both in starts_said])
        for score in (skill, told_chances)
    )
    return Trained(skills, "", gains, chances)


def _gains(losses: np.ndarray, constant: float) -> np.ndarray:
    if np.isnan(constant):  # NaN in the targets: that is what `fit` prints
        return np.full(len(losses), -1.0)
    if constant <= 0:
        return np.full(len(losses), np.nan)
    lost = np.where(np.isnan(losses), np.inf, losses) / constant
    return np.clip(1.0 - lost, -1.0, 1.0)


def _trained_outputs(
    keras: ModuleType, model: Any, program: Program, starts: int
) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Return each start's predictions for new rows, in a batch and one by one, and held-out loss.

    The loss is NaN without held-out rows.
    """
    import jax

    x, y = data(program)
    rng = np.random.default_rng([program.seed, 7])
    order = _batches(program, rng, starts)
    model.optimizer.build(model.trainable_variables)
    trained = [_starts(v, starts, rng) for v in model.trainable_variables]
    fixed = [_starts(v, starts, rng) for v in model.non_trainable_variables]
    state = [_starts(v, starts, rng) for v in model.optimizer.variables]

    def loss(tv: Any, ntv: Any, x: Any, y: Any) -> Any:
        out, ntv, extra = model.stateless_call(tv, ntv, x, training=True, return_losses=True)
        value = model._compile_loss(y, out)
        return value + sum(extra), ntv

    def step(carried: Any, rows: Any) -> Any:
        tv, ntv, opt = carried
        xs, ys = jax.tree.map(lambda a: a[rows], (x, y))
        (_, ntv), grads = jax.value_and_grad(loss, has_aux=True)(tv, ntv, xs, ys)
        tv, opt = model.optimizer.stateless_apply(opt, grads, tv)
        return (tv, ntv, opt), None

    new = one_or_list(program.x_new)
    apart = kept_apart(program)

    def compute_losses(tv: Any, ntv: Any) -> Any:
        if apart is None:
            return jax.numpy.nan
        out = model.stateless_call(tv, ntv, one_or_list(apart[0]), training=False)[0]
        return model._compile_loss(one_or_list(apart[1]), out)

    def train(tv: Any, ntv: Any, opt: Any, order: Any) -> Any:
        (tv, ntv, _), _ = jax.lax.scan(step, (tv, ntv, opt), order)

        def predict(rows: Any) -> Any:
            return jax.tree.leaves(model.stateless_call(tv, ntv, rows, training=False)[0])

        def predict_one(row: Any) -> Any:
            return [o[0] for o in predict(jax.tree.map(lambda a: a[None], row))]

        return predict(new), jax.vmap(predict_one)(new), compute_losses(tv, ntv)

    x, y = jax.tree.map(jax.numpy.asarray, (x, y))
    together = jax.vmap(train)
    if any("Conv" in layer.kind for layer in program.hidden):  # as one, they are slow on a CPU
        together = functools.partial(jax.lax.map, lambda start: train(*start))
        said, alone, losses = jax.jit(together)((trained, fixed, state, order))
    else:
        said, alone, losses = jax.jit(together)(trained, fixed, state, order)
    known = losses if apart is not None else np.full(starts, np.nan)
    return [[np.asarray(o) for o in outputs] for outputs in (said, alone)], np.asarray(known)


def _batches(program: Program, rng: np.random.Generator, starts: int) -> np.ndarray:
    """`(starts, steps, batch)` rows; a last batch that is not full is left out."""
    rows = len(program.x[0])
    training_rows = rows - int(rows * program.split) if program.split else rows
    batch = min(program.batch, training_rows)
    each = training_rows // batch
    order = [
        rng.permutation(training_rows)[: each * batch].reshape(each, batch)
        for _ in range(starts * program.epochs)
    ]
    return np.concatenate(order).reshape(starts, program.epochs * each, batch)


def _starts(variable: Any, starts: int, rng: np.random.Generator) -> np.ndarray:
    """A variable at each start: as drawn at the first, exchangeable draws at the others.

    Initializers draw entries that are independent and alike, on both sides of 0: in another order
    and with other signs they are as likely. Orthogonal matrices stay so if rows and columns change
    places and signs. Constants stay, and states of generators get other seeds.
    """
    first = np.asarray(variable)
    drawn = np.repeat(first[None], starts, axis=0)
    if first.dtype.kind not in "f":
        if "seed" in variable.path:
            drawn = rng.integers(0, 2**31, drawn.shape).astype(first.dtype)
        return drawn
    if first.size < 2 or first.min() == first.max() or not variable.trainable:
        return drawn
    if first.min() >= 0 or variable.name not in _DRAWN:  # biases with some entries of 1
        return drawn
    for i in range(1, starts):
        if variable.name == "recurrent_kernel":
            drawn[i] = first[rng.permutation(len(first))] * rng.choice([-1, 1], (len(first), 1))
        else:
            shuffled = rng.permutation(first.ravel()).reshape(first.shape)
            drawn[i] = shuffled * rng.choice([-1, 1], first.shape)
    return drawn


_DRAWN = ("kernel", "recurrent_kernel", "embeddings", "depthwise_kernel", "pointwise_kernel")


def skill(program: Program, outputs: list[np.ndarray]) -> float:
    """The mean over the heads: 1 is perfect, 0 what a constant reaches, -1 the worst counted."""
    found = [
        _skill(head, out, y)
        for head, out, y in zip(program.heads, outputs, program.y_new, strict=True)
    ]
    return float(np.mean(found))


def _skill(head: Head, out: np.ndarray, y: np.ndarray) -> float:
    out, y = out.astype(np.float64), np.asarray(y, np.float64)
    if not np.isfinite(out).all():
        return -1.0
    if head.task in ("regression", "counts"):
        if out.size != y.size:
            out = out.reshape(len(out), -1).mean(axis=1)
        out, y = out.reshape(len(y), -1), y.reshape(len(y), -1)
        error = np.square(out - y).sum() / max(np.square(y - y.mean(axis=0)).sum(), 1e-30)
        return max(-1.0, 1.0 - float(error))
    return max(-1.0, _score_accuracy(head, out, y))


def _score_accuracy(head: Head, out: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy beyond that of the most frequent label."""
    if head.task == "classes":
        truth = y.argmax(axis=-1) if y.ndim == out.ndim and y.shape[-1] > 1 else y
        truth = truth.reshape(out.shape[:-1])
        right = float((out.argmax(axis=-1) == truth).mean())
        usual = float(np.unique(truth, return_counts=True)[1].max() / truth.size)
    else:
        cut = 0.0 if head.options.get("from_logits") and head.last.activation is None else 0.5
        labels = (out.reshape(len(y), -1) > cut).astype(float)
        truth = y.reshape(len(y), -1)
        right = float((labels == truth).mean())
        share = truth.mean(axis=0)
        usual = float(np.maximum(share, 1 - share).mean())
    return (right - usual) / max(1.0 - usual, 1e-9)


def told_chances(program: Program, outputs: list[np.ndarray]) -> float:
    """Return the Brier score of the predicted probabilities, averaged over cross-entropy heads.

    A score of 1 is perfect, 0 is that of the label frequencies, and scores are clipped at -1.
    Outputs that are not probabilities, or do not add up to 1, are scored unchanged. NaN
    where no head tells chances.
    """
    chances = [
        _chances(head, out, y)
        for head, out, y in zip(program.heads, outputs, program.y_new, strict=True)
        if "Crossentropy" in head.loss and head.task in ("binary", "classes", "labels")
    ]
    return float(np.mean(chances)) if chances else float("nan")


def _chances(head: Head, out: np.ndarray, y: np.ndarray) -> float:
    out, y = out.astype(np.float64), np.asarray(y, np.float64)
    logits = head.options.get("from_logits") and head.last.activation is None
    if head.task == "classes":
        wide = y.shape == out.shape
        if not wide and y.max() >= out.shape[-1]:
            return -1.0  # a class that has no unit
        truth = y if wide else np.eye(out.shape[-1])[y.reshape(out.shape[:-1]).astype(int)]
        chances = softmax(out, axis=-1) if logits else out
    else:
        truth, chances = y.reshape(len(y), -1), (expit(out) if logits else out).reshape(len(y), -1)
    if not np.isfinite(chances).all() or chances.shape != truth.shape:
        return -1.0
    truth, chances = (a.reshape(-1, a.shape[-1]) for a in (truth, chances))
    constant = np.square(truth - truth.mean(axis=0)).sum()
    return max(-1.0, 1.0 - float(np.square(truth - chances).sum() / max(constant, 1e-30)))
