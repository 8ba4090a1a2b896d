"""Recognizes programs that are linear classifiers, with one linear unit or one unit per class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...ops import Affine, Rearrange
from ...program import Head, Loss, Program
from ..context import DiagnosisContext
from .duals import least_cross_entropy
from .farkas import Certificate, disjoint_certificates, find_certificate
from .margins import Margins


MONOTONE = frozenset(
    "linear sigmoid hard_sigmoid log_sigmoid tanh hard_tanh relu relu6 leaky_relu elu celu selu "
    "softplus softsign exponential".split()
)
"""Nondecreasing activations: a threshold on the output corresponds to one on the input."""

AFFINE_STEPS = frozenset(
    "ConvertToTensor Cast Reshape Transpose ExpandDims Squeeze GetItem Pad Repeat Concatenate "
    "Stack Matmul Einsum Conv ConvTranspose DepthwiseConv SeparableConv AveragePool Mean Sum Add "
    "Subtract Multiply Negative Rescaling Normalization BatchNorm".split()
)
"""Operations that are affine in the data for all weights if they are affine for some weights."""

WORK = 100_000
"""Maximum size of the linear program; for larger data, a random sample of the rows is used."""


LOST = 0.5
"""Minimum fraction of the class entropy that linear scores must leave unexplained for a finding."""

BEND = 0.15
"""Minimum excess of the explained held-out variance of a nonlinear model over the squared skill of
a linear one."""


@dataclass(frozen=True, eq=False)
class LinearProblem:
    """Rows and class labels that a linear classifier is to separate.

    Args:
        x: The rows as the model receives them, `(n, d)`.
        labels: Class number of each row, `(n,)`. Only classes that occur are numbered, from 0.
        names: The original target of each class number.
        indices: Indices of these rows within the data, `(n,)`.
        total: The total number of rows of the data.
    """

    x: np.ndarray
    labels: np.ndarray
    names: tuple[int, ...]
    indices: np.ndarray
    total: int

    @cached_property
    def margins(self) -> Margins:
        """The margins of all rows over their wrong classes."""
        return Margins.of_classes(self.x, self.labels, len(self.names))

    @cached_property
    def certificate(self) -> Certificate | None:
        """A proof that the rows are not linearly separable; None if no proof was found."""
        return find_certificate(self.margins)

    @cached_property
    def certificates(self) -> list[Certificate]:
        """Proofs with no rows in common; for any weights, each contains a misclassified row."""
        first = self.certificate
        return [] if first is None else disjoint_certificates(self.margins, first)

    @property
    def accuracy(self) -> float:
        """An upper bound on the accuracy over all rows of the data."""
        return 1.0 - len(self.certificates) / self.total

    @cached_property
    def cross_entropy(self) -> float:
        """A lower bound on the mean cross-entropy over these rows, without clipping."""
        return least_cross_entropy(self.margins, self.labels, len(self.names))

    @cached_property
    def unexplained(self) -> float:
        """A lower bound on the fraction of the class entropy that linear scores cannot explain.

        The entropy within groups of equal rows is excluded, since no network can explain it.
        """
        groups = np.unique(self.x, axis=0, return_inverse=True)[1].reshape(-1)
        every = conditional_entropy(self.labels, groups)
        whole = conditional_entropy(self.labels, np.zeros(len(groups), np.int64))
        return max(0.0, self.cross_entropy - every) / max(whole - every, 1e-12)


def conditional_entropy(labels: np.ndarray, groups: np.ndarray) -> float:
    """Compute the mean entropy of the labels within groups of rows, in nats.

    Args:
        labels: The class number of each row, `(n,)`.
        groups: The group number of each row, `(n,)`.
    """
    counts = np.zeros((int(groups.max()) + 1, int(labels.max()) + 1))
    np.add.at(counts, (groups, labels), 1.0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return float(-(counts * logs).sum() / len(labels))


def linear_problem(case: DiagnosisContext, loss: Loss) -> LinearProblem | None:
    """Build the linear problem of a program that is a linear classifier.

    Args:
        case: A program with its data.
        loss: The loss of the output.

    Returns:
        The problem. None if the network is not known to be linear up to a last monotone activation
        or softmax, or if it mixes the rows of a batch. Also None if the targets contain fewer than
        two classes, or if an input is not finite or has no exact float32 value.
    """
    program, head, y = case.program, case.head(loss), case.targets(loss)
    if head is None or y is None or not is_linear(program, loss.output) or case.mixed_row:
        return None
    labels = _labels(loss, head, y, program.outputs[loss.output][1])
    x = case.flat_model_inputs
    with np.errstate(all="ignore"):
        plain = case.finite_rows.all() and bool((x == x.astype(np.float32)).all())
    if labels is None or not plain:
        return None
    names, numbers = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return None
    count = WORK // ((x.shape[1] + 1) * (len(names) - 1) ** 2)
    rows = np.arange(len(x))
    if count < len(x):
        rows = np.sort(np.random.default_rng(0).permutation(len(x))[:count])
    present, classes = np.unique(numbers[rows], return_inverse=True)
    if len(present) < 2:
        return None
    named = tuple(int(names[k]) for k in present)
    return LinearProblem(x[rows], classes.reshape(-1), named, rows, len(x))


def is_fault(case: DiagnosisContext, loss: Loss, problem: LinearProblem) -> bool:
    """Return whether a nonlinear model explains the data better than a linear one.

    Linear scores must leave at least `LOST` of the class entropy unexplained. If the data suffice
    for a cross-validation, kernel ridge regression must also explain enough of the held-out
    variance: more than the squared skill of linear ridge regression plus `BEND`.

    Args:
        case: The program with its data.
        loss: The loss of the output.
        problem: A problem that is not separable.
    """
    if problem.unexplained < LOST:
        return False
    signal = case.trials.signal_of(loss)
    if signal is None:
        return True
    return signal.explained > max(signal.linear, 0.0) ** 2 + BEND


def is_linear(program: Program, output: int) -> bool:
    """Return whether an output is affine in the inputs, apart from its last activation.

    The result is True only if this is the case for all weights. The last activation must be a
    softmax or one of `MONOTONE`.

    Args:
        output: Index of the output.
    """
    part, head = program.whole, program.heads[output]
    supported = head.activation in MONOTONE or head.activation == "softmax"
    if part is None or not supported or head.dropped or program.own_chance or part.unknown:
        return False
    tensor = head.logits if head.logits is not None else program.output_tensors[output]
    if tensor not in part.places or (head.logits is None and head.activation != "linear"):
        return False
    behind = part.written.ancestors(part.places[tensor])
    nodes = [part.written.nodes[v - 1] for v in behind if v]
    if not all(isinstance(node.op, Affine | Rearrange) for node in nodes):
        return False
    makers = {t: step for step in program.steps for t in step.gives}
    waiting, seen = [tensor], {tensor}
    while waiting:
        step = makers.get(waiting.pop())
        if step is None:
            continue
        if step.kind not in AFFINE_STEPS or step.opaque or not step.inside:
            return False
        for t in (*step.reads, *step.blocked):
            if t not in seen:
                seen.add(t)
                waiting.append(t)
    path = {layer.path for layer in program.layers if layer.after in seen}
    return all(
        layer.dtype in ("float32", "float64") for layer in program.layers if layer.path in path
    )


def _labels(loss: Loss, head: Head, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the class of each row; None if the targets are not classes of this output."""
    width = int(np.prod(shape))
    if width == 1:
        flat = y.reshape(-1)
        twofold = bool(np.isin(flat, (0, 1)).all() or np.isin(flat, (-1, 1)).all())
        return flat.astype(np.int64) if flat.size == len(y) and twofold else None
    scores = head.activation == "softmax" or (head.activation == "linear" and loss.from_logits)
    if not scores or head.width != width or head.axis != -1 or shape != (width,):
        return None
    if loss.name == "sparse_categorical_crossentropy":
        flat = y.reshape(-1)
        whole = flat.size == len(y) and (flat == np.floor(flat)).all()
        fits = whole and flat.min() >= 0 and flat.max() < width
        return flat.astype(np.int64) if fits and "ignore_class" not in loss.options else None
    if y.shape != (len(y), width) or not np.isin(y, (0, 1)).all():
        return None
    return y.argmax(axis=1) if (y.sum(axis=1) == 1).all() else None
