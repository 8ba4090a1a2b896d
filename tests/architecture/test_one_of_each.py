"""What several places need is written once, and these tests say where."""

import ast

from architecture.source import files, imports, name, nodes


ADAM = "search/common/adam.py"

USERS_OF_ADAM = {
    "search/neuron_split/alpha_beta.py",
    # The same class: its arithmetic is that of NumPy's arrays and of tensors.
    "search/neuron_split/torch_backend/alpha_beta.py",
    "certify/provers/phase_ascent.py",
}

BOUNDS_ON_ADAM = {"diagnosis/budget/reach.py"}
"""Files that bound the steps of a user's optimizer and take none."""


def test_there_is_one_adam():
    """The optimizers of user programs (`program/optimizers.py`) are described, and Keras runs them.

    Momentum alone (`search/attack/pgd.py`) is not Adam, since it has no second mean.
    """
    corrected = {name(path) for path in files() if any(map(_is_bias_correction, nodes(path)))}
    assert corrected - BOUNDS_ON_ADAM == {ADAM}
    home = "outrange.search.common.adam.AdamMoments"
    assert {name(path) for path in files() if home in imports(path)} == USERS_OF_ADAM


def _is_bias_correction(node: ast.AST) -> bool:
    """Return whether a node reads `1 - decay**steps`, the correction of a running mean from 0."""
    match node:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=ast.BinOp(op=ast.Pow())):
            return True
    return False
