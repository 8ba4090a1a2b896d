"""Drafts of every supported operator at an element type, with random legal options.

A function takes a `Draft` and the element type of each parameter of the operator's schema; it
returns the model. An operator without an entry fails the law of element types.
"""

from frontends.onnx_drafts import counts
from outrange.frontends.onnx.fuse import FUSED


CASES = {}


def case(*names, opset=21):
    """Register a function for some operators; `opset` is the newest operator set to test."""

    def enter(function):
        for name in names:
            CASES[name] = (function, opset)
        return function

    return enter


def shape(d, rank=None):
    """Draw a small shape with a batch axis of 1."""
    rank = int(d.rng.integers(1, 4)) if rank is None else rank
    return (1, *(int(n) for n in d.rng.integers(1, 4, rank)))


def unary(low=-4.0, high=4.0, **options):
    """Draft one operand, and attributes drawn from the given choices."""

    def draft(d, name, T):
        d.data(T, *shape(d), low=low, high=high)
        return d.model(name, **{k: d.choice(*v) for k, v in options.items()})

    return draft


def plain(name, *parameters):
    """Draft one operand, for a schema with another letter for the type."""

    def draft(d, op, **kinds):
        d.data(next(iter(kinds.values())), *shape(d))
        return d.model(op)

    case(name)(draft)


case(
    "Relu",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "Mish",
    "HardSwish",
    "Erf",
    "Exp",
    "Abs",
    "Sin",
    "Cos",
    "Sinh",
    "Cosh",
    "Atan",
    "Neg",
    "Sign",
    "Floor",
    "Ceil",
    "Round",
    "Not",
)(unary())
case("Log", "Sqrt", "Reciprocal")(unary(0.25, 4.0))
case("LeakyRelu")(unary(alpha=(None, 0.3)))
case("Elu", "Celu", "ThresholdedRelu")(unary(alpha=(None, 0.5, 2.0)))
case("Selu")(unary(alpha=(None, 1.5), gamma=(None, 1.25)))
case("HardSigmoid")(unary(alpha=(None, 0.4), beta=(None, 0.3)))
case("Gelu")(unary(approximate=(None, "none", "tanh")))
case("Swish", opset=24)(unary(alpha=(None, 0.5, -1.5)))
case("Softmax", "LogSoftmax")(unary(axis=(None, -1, 1)))
for name in ("Identity", "Flatten", "Shape", "Size"):
    plain(name)


@case("Shrink")
def shrink(d, name, T):
    limit = d.choice(0.5, 1.5)
    d.data(T, *shape(d))
    return d.model(name, lambd=limit, bias=d.choice(0.0, limit))


@case("Clip")
def clip(d, name, T):
    d.data(T, *shape(d))
    for low, high in ((-2.0, 1.0), (1.0, 3.0)):
        d.data(T, low=low, high=high, fixed=True) if d.rng.random() < 0.8 else d.absent()
    return d.model(name)


@case("PRelu")
def prelu(d, name, T):
    size = shape(d)
    d.data(T, *size)
    d.data(T, size[-1], fixed=True)
    return d.model(name)


def pair(d, T, **options):
    """Draft two operands that broadcast."""
    size = shape(d)
    d.data(T, *size)
    d.data(T, *size[d.choice(0, len(size) - 1) :], **options)


@case(
    "Add",
    "Sub",
    "Mul",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Equal",
    "And",
    "Or",
    "Xor",
)
def binary(d, name, T, T1=None):
    pair(d, T)
    return d.model(name)


@case("Div")
def divide(d, name, T):
    pair(d, T, **(divisor(d, T) if counts(T) or d.rng.random() < 0.5 else {"low": 0.5}))
    return d.model(name)


def divisor(d, T):
    """Draw constants other than 0; some are negative."""
    low, high = d.choice((1.0, 4.0), (-4.0, -1.0), (2.0, 9.0))
    return (
        {"low": 1.0 if T.startswith("uint") else low, "high": abs(high) + 1, "fixed": True}
        if (low > 0 or T.startswith("uint"))
        else {"low": low, "high": high, "fixed": True}
    )


@case("Mod")
def modulo(d, name, T):
    pair(d, T, **divisor(d, T))
    return d.model(name, fmod=d.choice(0, 1) if counts(T) else 1)


@case("Pow")
def power(d, name, T, T1):
    p = d.choice(0, 1, 2, 3, -1, 0.5)
    whole = p in (0, 1, 2, 3)
    if (counts(T1) and p == 0.5) or (T1.startswith("uint") and p < 0):
        p = 2
    d.data(T, *shape(d), low=-3.0 if whole else 0.5, high=3.0)
    d.constant(d.numbers(T1, (), p, p), T1)
    return d.model(name)


@case("Sum", "Mean", "Max", "Min")
def several(d, name, T):
    size = shape(d)
    for _ in range(int(d.rng.integers(1, 4))):
        d.data(T, *size[d.choice(0, len(size) - 1) :])
    return d.model(name)


@case("MatMul", FUSED)
def matmul(d, name, T):
    d.data(T, 2, 3, low=-2.0, high=2.0)
    d.data(T, 3, 2, low=-2.0, high=2.0, fixed=name == FUSED)
    if name != FUSED:
        return d.model(name)
    from onnx import helper

    d.casts.append(helper.make_node("MatMul", d.words, ["product"]))
    d.words = ["product"]
    d.data(T, 2, fixed=True)
    return d.model("Add")


@case("Gemm")
def gemm(d, name, T):
    d.data(T, 2, 3, low=-2.0, high=2.0)
    d.data(T, 3, 3, low=-2.0, high=2.0)
    if d.rng.random() < 0.6:
        d.data(T, 3)
    return d.model(name, alpha=d.choice(None, 0.5), beta=d.choice(None, 2.0), transB=d.choice(0, 1))


@case("Einsum")
def einsum(d, name, T):
    equation = d.choice("ij,jk->ik", "ij->ji", "ij,jk", "ij->i")
    d.data(T, 2, 3, low=-2.0, high=2.0)
    if "," in equation:
        d.data(T, 3, 2, low=-2.0, high=2.0)
    return d.model(name, equation=equation)


@case(
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSumExp",
    "ReduceProd",
)
def reduction(d, name, T):
    if name == "ReduceProd":
        d.form = "constants"
    size = shape(d, 2)
    d.data(T, *size)
    axes = d.choice(None, (1,), (-1,), (1, 2), (0, 2))
    if axes is not None:
        d.ints(*axes)
    return d.model(name, keepdims=d.choice(None, 0, 1), noop_with_empty_axes=d.choice(None, 0, 1))


@case("ArgMax", "ArgMin")
def arg_largest(d, name, T):
    d.data(T, *shape(d, 2))
    return d.model(name, axis=d.choice(1, 2, -1), keepdims=d.choice(None, 0, 1))


@case("TopK")
def top_k(d, name, T, I):  # noqa: E741 (the name of the schema)
    d.data(T, 1, 4)
    d.ints(int(d.rng.integers(1, 4)))
    return d.model(name, 2, axis=d.choice(1, -1), largest=d.choice(0, 1))


@case("OneHot")
def one_hot(d, name, T1, T2, T3):
    d.data(T1, 1, 3, low=-4.0, high=5.0)
    d.constant(d.numbers(T2, (), 3, 3), T2)
    d.data(T3, 2, fixed=True)
    return d.model(name, axis=d.choice(None, -1, 1))


@case("Where")
def where(d, name, B, T):
    size = shape(d)
    d.data(B, *size, low=-0.6, high=0.6)
    d.data(T, *size)
    d.data(T, *size)
    return d.model(name)
