"""Evaluates a network of the checker at a point: its definition, written once more."""

from flint import arb, fmpq

from outrange_check.network import ONE


SMOOTH = {
    "sigmoid": lambda z: 1 / (1 + (-z).exp()),
    "tanh": lambda z: z.tanh(),
    "softplus": lambda z: z.exp().log1p(),
    "exp": lambda z: z.exp(),
    "elu": lambda z: z if z >= 0 else z.expm1(),
    "silu": lambda z: z / (1 + (-z).exp()),
    "gelu": lambda z: z * (1 + (z / arb(2).sqrt()).erf()) / 2,
}


def evaluate(network, x):
    """The outputs at a point of floats, as floats: in rationals, in balls after a smooth curve."""
    values = [fmpq(*float(v).as_integer_ratio()) for v in x]
    assert len(values) == network.inputs
    for block in network.blocks:
        values += [_curve(block, _form(form, values)) for form in block.forms]
    return [float(arb(_form(form, values)).mid()) for form in network.outputs]


def _form(form, values):
    terms = [v if key == ONE else v * values[key] for key, v in form.items()]
    return sum(terms, fmpq(0))


def _curve(block, z):
    if block.curve != "kink":
        assert block.slopes is None
        return SMOOTH[block.curve](arb(z))
    return block.slopes[1 if z >= 0 else 0] * z
