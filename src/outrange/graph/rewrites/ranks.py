"""Comparisons of outputs, rewritten in terms of logits or the argument of an increasing curve."""

from __future__ import annotations

from ...core import And, Atom, Formula, Or
from ...ops import Curve
from ..graph import Graph
from .order import origin


class Ranks:
    """Numbering of the variables of conditions.

    The inputs and outputs, `[x, y]`, come first. Logits and arguments of curves follow.

    Args:
        graph: The network under study.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.sources: list[int] = []
        """Values whose entries follow `[x, y]`, in the order of their first use."""
        self._starts: dict[int, int] = {}
        self._end = graph.size + graph.value_size(graph.output)

    def sharpen(self, formula: Formula) -> Formula:
        """Return an equivalent formula with the atoms on outputs rewritten by `sharpen_atom`."""
        if isinstance(formula, Atom):
            return self.sharpen_atom(formula)
        inputs = self._graph.size
        # Most parts of long conjunctions are bounds on inputs, which stay.
        parts = tuple(
            part
            if isinstance(part, Atom) and len(part.terms) == 1 and part.terms[0][0] < inputs
            else self.sharpen(part)
            for part in formula.parts
        )
        return And(parts) if isinstance(formula, And) else Or(parts)

    def sharpen_atom(self, atom: Atom) -> Atom:
        """Return an equivalent atom on logits or a curve's argument, or `atom` if there is none."""
        if len(atom.terms) == 1:
            on_input = atom.terms[0][0] < self._graph.size
            return atom if on_input else self._before_curve(atom)
        if len(atom.terms) != 2 or atom.offset != 0:
            return atom
        (i, a), (j, b) = atom.terms
        if a != -b or min(i, j) < self._graph.size:
            return atom
        first, second = self._decider(i), self._decider(j)
        if first is None or second is None or first[:2] != second[:2]:
            return atom
        start = self._start(first[0])
        return Atom.of({start + first[2]: a, start + second[2]: b}, 0.0, atom.strict)

    def _before_curve(self, atom: Atom) -> Atom:
        """Rewrite `f(z) <= f(p)` as `z <= p`, if `f` is increasing and `f(p)` is known exactly."""
        graph, ((variable, factor),) = self._graph, atom.terms
        value, entry = origin(graph, graph.output, variable - graph.size)
        op = graph.nodes[value - 1].op if value else None
        if not isinstance(op, Curve):
            return atom
        for place, height in op.crossings:
            if factor * height == -atom.offset and abs(factor) == 1.0:
                start = self._start(graph.nodes[value - 1].inputs[0])
                return Atom.of({start + entry: factor}, -factor * place, atom.strict)
        return atom

    def _decider(self, variable: int) -> tuple[int, int, int] | None:
        """Return the logit whose rank among the logits is the rank of an output among the outputs.

        Args:
            variable: Variable of the output in a condition, numbered after the inputs.

        Returns:
            `(source, group, entry)`: the value that contains the logit, its group and its index
            (see `Ranking`). Outputs with the same source and group are ordered like their logits.
            None if the output has no known ranking.
        """
        graph = self._graph
        value, entry = origin(graph, graph.output, variable - graph.size)
        ranking = graph.rankings.get(value)
        return None if ranking is None else (ranking.source, int(ranking.groups[entry]), entry)

    def _start(self, source: int) -> int:
        if source not in self._starts:
            self._starts[source] = self._end
            self.sources.append(source)
            self._end += self._graph.value_size(source)
        return self._starts[source]
