"""What several places need is written once, and these tests say where."""

import ast

from architecture.source import files, imports, name, nodes, room


ADAM = "search/common/adam.py"

USERS_OF_ADAM = {
    "search/neuron_split/alpha_beta.py",
    # The same class: its arithmetic is that of NumPy's arrays and of tensors.
    "search/neuron_split/torch_backend/alpha_beta.py",
    "certify/provers/phase_ascent.py",
}

BOUNDS_ON_ADAM = {"diagnosis/budget/reach.py"}
"""Files that bound the steps of a user's optimizer and take none."""


ROUNDS = "search/common/portfolio.py"

OTHER_TURNS = {
    # The box with the worst bound is always next, so there are no rounds: each box has a turn of
    # its own length.
    "search/cases.py",
    # A mixed-integer program cannot be paused: the solver's turn is a time limit for each program,
    # and its bounds have another warrant than those of the search that it interrupts.
    "search/milp/turns.py",
}
"""Files that lengthen turns themselves, with the reason."""


THREADS = {"search/input_split/kernel_search.py", "certify/work_stealing.py"}
"""Files that submit to threads of this process, which neither get lost nor need a payload."""


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


def test_rounds_of_growing_turns_are_written_once():
    assert {name(path) for path in files() if any(map(_is_doubling, nodes(path)))} == {
        ROUNDS,
        *OTHER_TURNS,
    }
    rounds = "outrange.search.common.portfolio.Rounds"
    first = {path for path in files() if any(map(_is_first_turn, nodes(path)))}
    others = {name(path) for path in first if rounds not in imports(path)}
    assert others <= {ROUNDS, *OTHER_TURNS}


def _is_doubling(node: ast.AST) -> bool:
    """Return whether a node doubles the length of a turn."""
    match node:
        case ast.AugAssign(op=ast.Mult(), value=ast.Constant(value=2)):
            text = ast.unparse(node.target)
        case ast.BinOp(left=ast.Constant(value=2), op=ast.Mult()):
            text = ast.unparse(node.right)
        case ast.BinOp(op=ast.Mult(), right=ast.Constant(value=2)):
            text = ast.unparse(node.left)
        case _:
            return False
    return text.split(".")[-1].strip("_") in ("turn", "patience")


def _is_first_turn(node: ast.AST) -> bool:
    """Return whether a node defines the length of a first turn."""
    match node:
        case ast.Assign(targets=[ast.Name(id="FIRST_TURN")]):
            return True
    return False


def test_tasks_are_sent_to_workers_in_one_place():
    """Losses, hung workers and payloads are then handled once, by `executors/dispatcher.py`."""
    others = {name(p) for p in files() if room(p) != "executors" and any(map(_submits, nodes(p)))}
    assert others == THREADS


def _submits(node: ast.AST) -> bool:
    """Return whether a node submits a task to something that is no dispatcher."""
    match node:
        case ast.Call(func=ast.Attribute(attr="submit", value=target)):
            return not ast.unparse(target).endswith("dispatcher")
    return False


REGIONS = {
    # In rational arithmetic, for exact ties and exact derivatives on small boxes.
    "search/exact_regions/enumeration.py",
    # In float64, many cells at a time, with rounding errors; for images and loops.
    "search/reach_sets/regions.py",
}


def test_linear_regions_are_enumerated_once_in_each_arithmetic():
    """An enumeration cuts regions at a curve's knots: it reads `positive_in` or `cut_by_knots`."""
    cuts = ("outrange.search.exact_regions.forms.positive_in",)
    cuts += ("outrange.search.reach_sets.decide_units.cut_by_knots",)
    assert {name(path) for path in files() if imports(path) & set(cuts)} == REGIONS
