"""Chains of very many ops, and how much work is done on them."""

import sys

import numpy as np

from outrange.graph import Slot
from outrange.graph.graph import Graph, Node
from outrange.ops import Largest, Product, Rearrange, combine, curve, dense, scale


ONE = np.ones(1)
SIGMOID, TANH, RELU = (curve(name) for name in ("sigmoid", "tanh", "relu"))
PRODUCT = Product("multiply", np.arange(1), np.arange(1), (1, 1))

STEPS = {
    "gates": [  # `z h + (1 - z) tanh(h)`, as a recurrent cell writes it
        (SIGMOID, (0,)), (PRODUCT, (1, 0)), (scale(-ONE, ONE), (1,)),
        (TANH, (0,)), (PRODUCT, (3, 4)), (combine((1, 1), 1), (2, 5)),
    ],
    "relus": [(RELU, (0,))],
    "layers": [(dense(np.ones((1, 1)), ONE), (0,)), (RELU, (1,))],
    "moves": [
        (Rearrange("same", np.arange(1), (1,), np.zeros(1)), (0,)),
        (scale(ONE, ONE), (0,)),
        (Largest("largest", np.array([[0, 0]])), (2,)),
    ],
}  # fmt: skip
"""Ops of one step of a chain; what each reads is numbered from 0, the last value before it."""


def chain(name, ops):
    """A graph of about so many ops, each of one entry."""
    nodes = []
    for start in range(0, ops, len(STEPS[name])):
        for op, inputs in STEPS[name]:
            reads = tuple(start + i for i in inputs)
            nodes.append(Node(op, reads, 1, (1, 1), "layer"))
    return Graph((Slot("x", (1,)),), tuple(nodes), len(nodes), (Slot("y", (1,)),))


def count_steps(function, *args):
    """Count the interpreter steps of a call in the library's own code."""
    count = 0

    def trace(frame, event, _argument):
        nonlocal count
        if "outrange" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*args)
    finally:
        sys.settrace(before)
    return count


def grows_linearly(function, name, *args):
    """Return whether the work on a chain grows linearly with its number of ops."""
    graphs = [chain(name, ops) for ops in (60, 120, 240)]
    function(graphs[0], *args)  # tables that are made once
    first, second, third = (count_steps(function, graph, *args) for graph in graphs)
    return third - second <= 2.5 * (second - first) + 1000
