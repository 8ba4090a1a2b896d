"""Expansion of conditionals, and of loops with a fixed number of iterations, during a trace."""

from typing import Any

from ....core import UnsupportedError


def _for(k: Any, op: Any, init: Any) -> Any:
    value = init
    for i in range(int(op.lower), int(op.upper)):
        value = op.body_fun(i, value)
    return value


def _while(k: Any, op: Any, loop_vars: Any) -> Any:
    value, rounds = loop_vars, 0
    while op.maximum_iterations is None or rounds < op.maximum_iterations:
        continues = op.cond(*value)
        if isinstance(continues, k.KerasTensor):
            raise UnsupportedError(
                "`keras.ops.while_loop` is not supported with a number of iterations that depends "
                "on the input."
            )
        if not bool(continues):
            break
        value = op.body(*value)
        value = tuple(value) if isinstance(value, list | tuple) else (value,)
        rounds += 1
    return value


def _scan(k: Any, op: Any, f: Any, init: Any, xs: Any = None) -> Any:
    rounds = op.length if op.length is not None else k.tree.flatten(xs)[0].shape[0]
    order = range(rounds - 1, -1, -1) if op.reverse else range(rounds)
    carry, rows = init, {}
    for i in order:
        carry, rows[i] = f(carry, k.tree.map_structure(lambda t, i=i: t[i], xs))
    return carry, _stack(k, [rows[i] for i in range(rounds)])


def _map(k: Any, op: Any, f: Any, xs: Any) -> Any:
    rounds = k.tree.flatten(xs)[0].shape[0]
    return _stack(k, [f(k.tree.map_structure(lambda t, i=i: t[i], xs)) for i in range(rounds)])


def _stack(k: Any, rows: list) -> Any:
    return k.tree.map_structure(lambda *parts: k.ops.stack(parts), *rows)


def _cond(k: Any, op: Any, pred: Any, true_fn: Any, false_fn: Any) -> Any:
    if isinstance(pred, k.KerasTensor):
        return k.tree.map_structure(lambda a, b: k.ops.where(pred, a, b), true_fn(), false_fn())
    return true_fn() if bool(pred) else false_fn()


EXPAND = {"ForiLoop": _for, "WhileLoop": _while, "Scan": _scan, "Map": _map, "Cond": _cond}
