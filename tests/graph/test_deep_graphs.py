"""Every rewrite accepts a graph of 20,000 ops, with work proportional to the number of ops."""

import importlib
import inspect
import pkgutil

import pytest

from cases import cases, combine
from deep_graphs import STEPS, chain, grows_linearly
from outrange.core import Atom
from outrange.graph import rewrites
from outrange.graph.rewrites.regions import FusedRegion


OPS = cases(1_200, 10_000)
"""More than Python's stack is deep."""

ARGUMENTS = {
    "i": lambda graph: 0,
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


def register_rules():
    """Return the public functions of graphs and nodes in all modules of rewrites, by name."""
    rules = {
        "sharper": lambda graph: rewrites.ranks.Ranks(graph).sharpen_atom(Atom.of({1: 1.0}, 0.0))
    }
    for info in pkgutil.iter_modules(rewrites.__path__):
        module = importlib.import_module(f"{rewrites.__name__}.{info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = next(iter(inspect.signature(function).parameters), "")
            if name[0] != "_" and function.__module__ == module.__name__ and first in ARGUMENTS:
                rules[name] = function
    return rules


REWRITES = register_rules()


def rewritten(name, graph):
    if name == "sharper":
        return REWRITES[name](graph)
    parameters = inspect.signature(REWRITES[name]).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty]
    return REWRITES[name](*(ARGUMENTS[p](graph) for p in needed))


@pytest.fixture(scope="module", params=STEPS)
def deep(request):
    return chain(request.param, OPS)


@pytest.mark.parametrize("name", REWRITES)
def test_a_deep_graph_is_no_deeper_than_the_stack(name, deep):
    rewritten(name, deep)


@pytest.mark.parametrize(("name", "steps"), combine(REWRITES, STEPS, rounds=2))
def test_work_grows_like_the_number_of_ops(name, steps):
    assert grows_linearly(lambda graph: rewritten(name, graph), steps)
