"""Bounds and searches visit each op of a deep graph a bounded number of times."""

import numpy as np
import pytest

from cases import cases, combine
from deep_graphs import STEPS, chain, grows_linearly
from outrange.core import Box
from outrange.domains import DOMAINS, bounds
from outrange.domains.crown import CrownPlan
from outrange.domains.origins import Origins
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.problem import Problem
from outrange.search.methods.bottleneck.search import find_bottleneck
from outrange.search.selection import choose_kind, compile_problem


LO, HI = np.full((1, 1), 1.0), np.full((1, 1), 2.0)
"""All units are on, so that none is bounded again by all ops before it."""

OPS = cases(1_200, 5_000)


def problem(graph):
    return Problem(graph, np.eye(1), np.zeros(1), DomainBoxes.of(Box(LO[0], HI[0])))


LOOKS = {
    "plan": CrownPlan.of,
    "origins": lambda graph: Origins.of(graph, graph.output),
    "small": lambda graph: problem(graph).small,
    "parts": lambda graph: problem(graph).parts,
    "kind": lambda graph: choose_kind(problem(graph)),
    "layers": lambda graph: compile_problem(problem(graph)),
    "bottleneck": find_bottleneck,
    "run": lambda graph: graph.run(LO),
}


@pytest.mark.parametrize("steps", ["relus", "layers"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_looks_at_every_op_once(domain, steps):
    deep = chain(steps, OPS)
    bound = lambda graph: bounds(graph, LO, HI, domain)  # noqa: E731
    least, most = bound(deep)[deep.output]
    assert least <= deep.run(1.5 * LO) <= most
    assert grows_linearly(bound, steps)


@pytest.mark.parametrize(("look", "steps"), combine(LOOKS, STEPS))
def test_what_precedes_a_search_looks_at_every_op_once(look, steps):
    LOOKS[look](chain(steps, OPS))
    assert grows_linearly(LOOKS[look], steps)
