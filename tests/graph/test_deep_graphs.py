"""Every rewrite takes a graph of 20,000 ops, in work that grows like the number of ops."""

import importlib
import inspect
import pkgutil
import sys

import numpy as np
import pytest

from cases import cases
from outrange.core import Atom
from outrange.graph import Slot, rewrites
from outrange.graph.graph import Graph, Node
from outrange.graph.rewrites.regions import FusedRegion
from outrange.ops import Largest, Product, Rearrange, combine, curve, scale


OPS = cases(3_000, 20_000)
"""Several times as many as Python's stack is deep."""

ONE = np.ones(1)
SIGMOID, TANH, RELU = (curve(name) for name in ("sigmoid", "tanh", "relu"))
PRODUCT = Product("multiply", np.arange(1), np.arange(1), (1, 1))

STEPS = {
    "gates": [  # `z h + (1 - z) tanh(h)`, as a recurrent cell writes it
        (SIGMOID, (0,)), (PRODUCT, (1, 0)), (scale(-ONE, ONE), (1,)),
        (TANH, (0,)), (PRODUCT, (3, 4)), (combine((1, 1), 1), (2, 5)),
    ],
    "relus": [(RELU, (0,))],
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
    slots = (Slot("x", (1,)),), (Slot("y", (1,)),)
    return Graph(slots[0], tuple(nodes), len(nodes), slots[1], {"layer": (len(nodes),)})


ARGUMENTS = {
    "graph": lambda graph: graph,
    "nodes": lambda graph: graph.nodes,
    "output": lambda graph: graph.output,
    "v": lambda graph: graph.output,
    "value": lambda graph: graph.output,
    "entry": lambda graph: 0,
    "size": lambda graph: 1,
    "values": lambda graph: [graph.output],
    "slots": lambda graph: graph.outputs,
    "groups": lambda graph: [[0]],
    "known": lambda graph: {},
    "readers": lambda graph: [set(some) for some in graph.readers()],
    "region": lambda graph: FusedRegion(0, tuple(range(1, graph.output + 1)), 1, False),
}


def registered():
    """The public functions of graphs and their nodes in all modules of rewrites, by name."""
    found = {"sharper": lambda graph: rewrites.ranks.Ranks(graph).sharper(Atom.of({1: 1.0}, 0.0))}
    for info in pkgutil.iter_modules(rewrites.__path__):
        module = importlib.import_module(f"{rewrites.__name__}.{info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = next(iter(inspect.signature(function).parameters), "")
            if name[0] != "_" and function.__module__ == module.__name__ and first in ARGUMENTS:
                found[name] = function
    return found


REWRITES = registered()


def rewritten(name, graph):
    if name == "sharper":
        return REWRITES[name](graph)
    parameters = inspect.signature(REWRITES[name]).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty]
    return REWRITES[name](*(ARGUMENTS[p](graph) for p in needed))


def counted(function, *args):
    """How many steps of the interpreter a call takes in the library's own code."""
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


@pytest.fixture(scope="module", params=STEPS)
def deep(request):
    return chain(request.param, OPS)


@pytest.mark.parametrize("name", REWRITES)
def test_a_deep_graph_is_no_deeper_than_the_stack(name, deep):
    rewritten(name, deep)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", REWRITES)
def test_work_grows_like_the_number_of_ops(name, steps):
    graphs = [chain(steps, ops) for ops in (60, 120, 240)]
    rewritten(name, graphs[0])  # tables that are made once
    first, second, third = (counted(rewritten, name, graph) for graph in graphs)
    assert third - second <= 2.5 * (second - first) + 1000
