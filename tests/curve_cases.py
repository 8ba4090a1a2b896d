"""Curves with the attributes that change their facts: for the laws and the mutants."""

import math


def _of(name, *attributes):
    return [(name, dict(attribute_set)) for attribute_set in attributes]


PLAIN = (
    "relu abs hard_sigmoid hard_silu sigmoid tanh softplus softsign selu silu gelu gelu_tanh mish "
    "exp expm1 log log1p sqrt rsqrt log_sigmoid sin cos square tanh_shrink sparse_plus "
    "sparse_sigmoid erf erfc atan sinh cosh sign is_zero"
).split()

CASES = [
    *((name, {}) for name in PLAIN),
    *_of("leaky_relu", {}, *({"negative_slope": s} for s in (0.0, -0.3, 1.0, 2.5))),
    *_of("relu_general", {}, {"max_value": 6.0}, {"negative_slope": 0.1}, {"threshold": 1.0}),
    *_of("relu_general", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}),
    *_of("relu_general", {"negative_slope": 0.1, "max_value": 2.0}, {"max_value": 0.0}),
    *_of("relu_general", {"negative_slope": -0.5, "max_value": 1.0, "threshold": 2.0}),
    *_of(
        "relu_general", {"max_value": 1.5, "threshold": 1.5}, {"threshold": 0.5, "max_value": 0.0}
    ),
    *_of("relu_general", {"negative_slope": 0.3, "threshold": 0.7}),
    *_of("clip", {"least": 0.0, "most": 6.0}, {"least": -1.0, "most": 1.0}),
    *_of("clip", {"least": -math.inf, "most": 0.3}, {"least": -0.3, "most": math.inf}),
    *_of("clip", {"least": 2.0, "most": 2.0}, {"least": -math.inf, "most": math.inf}),
    *_of("hard_shrink", {}, {"threshold": 0.0}, {"threshold": 2.0}),
    *_of("soft_shrink", {}, {"threshold": 0.0}, {"threshold": 0.1}),
    *_of("threshold", {"threshold": 1.0, "default": -2.0}, {"threshold": 0.0, "default": 0.0}),
    *_of("threshold", {"threshold": -0.5, "default": 3.0}),
    *_of("elu", {}, {"alpha": 0.5}, {"alpha": 2.0}, {"alpha": -0.7}, {"alpha": 0.0}),
    *_of("celu", {}, {"alpha": 0.3}),
    *_of("power", *({"exponent": p} for p in (0, 1, 2, 3, 4, 5, 0.5, 1.5, 2.5, -1, -0.5))),
    *_of("reciprocal", {}, {"side": "positive"}, {"side": "negative"}),
    *_of("heaviside", {}, {"at_zero": 0.0}, {"at_zero": 0.5}),
    *_of("squareplus", {}, {"b": 0.1}, {"b": 0.0}),
]


def by_name(case) -> str:
    """The curve, whatever its attributes."""
    return case[0]


def identify(case) -> str:
    """The name of a case in reports."""
    name, attributes = case
    return "-".join([name, *(f"{key}={value}" for key, value in attributes.items())])
