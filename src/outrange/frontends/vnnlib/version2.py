"""VNN-LIB 2.0, parsed and type-checked by the package `vnnlib`; linear conditions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from ...core import (
    And,
    DeclaredNetwork,
    DeclaredTensor,
    Formula,
    InputError,
    ModelError,
    Or,
    Specification,
    UnsupportedError,
    pip_install,
)
from .conditions import compared, differ, joined
from .elements import (
    FLOAT32,
    REAL,
    check_exact,
    element_type,
    float32_constant,
    written_types,
)
from .errors import Fault, line_of, refusal
from .terms import CONSTANT, Term, literal, plus, times
from .tokens import DEEPEST, words


LARGEST_SECOND = 2**26
"""Characters; the package needs some fifty bytes of memory for each."""

_MOST_ENTRIES = 2**31

_LONG = re.compile(r"(?<![0-9.])[0-9]{19}(?![0-9]*\.)")
"""Nineteen digits that belong to no decimal fraction."""

_COMPARISONS = {
    "LessEqual": "<=", "LessThan": "<", "GreaterEqual": ">=", "GreaterThan": ">", "Equal": "=",
}  # fmt: skip


def read(text: str, name: str, file: str) -> Specification:
    """The specification that `text` states.

    Several inputs (or outputs) follow each other in the order of their declarations, and those of
    several networks in the order of the networks.

    Args:
        text: Of a file in version 2.0.
        name: Of the specification.
        file: Named in errors.

    Raises:
        InputError: The package `vnnlib` is not installed.
        ModelError: It is not well formed.
        UnsupportedError: It has hidden values, element types that are not read, products.
    """
    _check(text, file)
    query = _parsed(text, file)
    reader = _Version2Reader(written_types(text))
    try:
        inputs, outputs = reader.declare(query.networks)
        parts = [reader.condition(assertion.expr) for assertion in query.assertions]
    except Fault as fault:
        line = reader.line or _declaration(text)
        shown = text.split("\n")[line - 1]
        raise refusal(file, line, str(fault), shown, fault.kind) from None
    return Specification(
        name,
        inputs,
        outputs,
        joined(And, parts),
        shapes=reader.shapes,
        elements=reader.elements,
        networks=tuple(reader.networks),
    )


class _Version2Reader:
    """Turns the package's tree into a formula; `line` is the last one seen.

    Args:
        types: The name of every tensor to its element type, as the file writes it.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self.line = 0
        self.elements = REAL
        self.networks: list[DeclaredNetwork] = []
        self._types = types
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}

    @property
    def _is_float32(self) -> bool:
        return self.elements == FLOAT32

    @property
    def shapes(self) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
        """The shapes of all inputs, and of all outputs."""
        return (
            tuple(one.shape for network in self.networks for one in network.inputs),
            tuple(one.shape for network in self.networks for one in network.outputs),
        )

    def declare(self, networks: Sequence[Any]) -> tuple[int, int]:
        """Numbers of flat inputs and outputs of all networks together."""
        self.elements = element_type(self._types.items())
        for network in networks:
            if network.hidden:
                raise Fault("values inside the network are not read.", UnsupportedError)
            if any(one.name == network.name for one in self.networks):
                raise Fault(f"`{network.name}` is the name of two networks.")
            declared = DeclaredNetwork(
                network.name,
                self._tensors(network.inputs),
                self._tensors(network.outputs),
                network.equal_to or "",
                network.isometric_to or "",
            )
            self._check_equivalence(declared)
            self.networks.append(declared)
        total = 0
        ends = []
        for role in ("inputs", "outputs"):
            for one in (one for network in self.networks for one in getattr(network, role)):
                self._places[one.name] = (total, one.shape)
                total += math.prod(one.shape)
            ends.append(total)
        if total > _MOST_ENTRIES:
            raise Fault(f"a network may have {_MOST_ENTRIES} inputs and outputs at most.")
        return ends[0], total - ends[0]

    def _tensors(self, group: Sequence[Any]) -> tuple[DeclaredTensor, ...]:
        if len(group) > 1 and any(one.onnx_name for one in group):
            raise Fault(
                "several inputs or outputs are told apart by their order only, not by names "
                "in the ONNX file.",
                UnsupportedError,
            )
        return tuple(
            DeclaredTensor(one.name, self._types.get(one.name, REAL), tuple(map(int, one.shape)))
            for one in group
        )

    def _check_equivalence(self, network: DeclaredNetwork) -> None:
        """What `equal-to` and `isomorphic-to` ask of two declarations."""
        other = network.equal_to or network.isomorphic_to
        if not other:
            return
        known = next((one for one in self.networks if one.name == other), None)
        if known is None:
            raise Fault(
                f"`{other}`, which `{network.name}` is compared with, is not declared above."
            )
        if (network.equal_to and network.isomorphic_to) or known.equal_to or known.isomorphic_to:
            raise Fault(
                "a network is equal or isomorphic to one other, which itself is to none; name "
                f"the first of them in `{network.name}`."
            )
        for role in ("inputs", "outputs"):
            ours, theirs = ([one.shape for one in getattr(n, role)] for n in (network, known))
            if ours != theirs:
                raise Fault(
                    f"`{network.name}` and `{other}` have {role} of the same shapes, in the same "
                    "order."
                )

    def condition(self, node: Any) -> Formula:
        """The formula of a Boolean node."""
        kind = type(node).__name__
        if kind in ("And", "Or"):
            parts = [self.condition(part) for part in node.args]
            return joined(And if kind == "And" else Or, parts)
        if kind in _COMPARISONS:
            return compared(_COMPARISONS[kind], [self.term(node.lhs), self.term(node.rhs)])
        if kind == "NotEqual":
            return differ(self.term(node.lhs), self.term(node.rhs))
        raise Fault(f"the condition `{kind}` is not read.", UnsupportedError)

    def term(self, node: Any) -> Term:
        """The linear term of an arithmetic node."""
        kind = type(node).__name__
        if kind == "Var":
            self.line = node.line
            return {self._place(node.name, node.indices): 1}
        if hasattr(node, "lexeme"):
            self.line = getattr(node, "line", self.line)
            value = literal(node.lexeme)
            return {CONSTANT: float32_constant(value) if self._is_float32 else value}
        if kind == "Negate":
            return plus([self.term(node.expr)], [-1])
        if kind == "Minus":
            parts = [self.term(node.head), *(self.term(part) for part in node.rest)]
            if self._is_float32:
                check_exact(kind, parts)
            return plus(parts, [1] + [-1] * (len(parts) - 1))
        if kind in ("Plus", "Multiply"):
            parts = [self.term(part) for part in node.args]
            if self._is_float32:
                check_exact(kind, parts)
            return plus(parts, [1] * len(parts)) if kind == "Plus" else times(parts)
        raise Fault(f"the term `{kind}` is not read.", UnsupportedError)

    def _place(self, name: str, indices: list[int]) -> int:
        start, shape = self._places[name]
        flat = 0
        for index, length in zip(indices, shape, strict=True):
            if not 0 <= index < length:
                raise Fault(f"`{name}` has shape {list(shape)}; an index is outside.")
            flat = flat * length + index
        return start + flat


def _check(text: str, file: str) -> None:
    """Refuses what ends the package's process, or memory, instead of being refused by it."""
    if len(text) > LARGEST_SECOND:
        raise ModelError(
            f"`{file}`: a file of version 2.0 may hold {LARGEST_SECOND} characters at most. "
            f"Received: {len(text)}."
        )
    depth = 0
    for match in words(text):
        word = match.group()
        depth += (word == "(") - (word == ")")
        rule = ""
        if depth > DEEPEST:
            rule = f"parentheses may nest {DEEPEST} deep at most."
        elif len(word) > 18 and _LONG.search(word):
            rule = "whole numbers may have 18 digits at most."
        elif len(word) > 300 and word[0] in "-0123456789":
            rule = "a number may have 300 characters at most."
        if rule:
            line = line_of(text, match.start())
            raise refusal(file, line, rule, word, UnsupportedError)


def _declaration(text: str) -> int:
    """The line on which the last network is declared."""
    places = [match.start() for match in words(text) if match.group() == "declare-network"]
    return line_of(text, places[-1])


def _parsed(text: str, file: str) -> Any:
    try:
        package = import_module("vnnlib")
        parse, failure = package.parse_query_string, package.VNNLibException
    except (ImportError, AttributeError):
        raise InputError(
            "Reading VNN-LIB 2.0 needs the package `vnnlib`, 1.0.2 or later: "
            f"{pip_install('vnnlib>=1.0.2')}. Received: `{file}`."
        ) from None
    try:
        return parse(text)
    except failure as error:
        line, rule, symbol = _reason(str(error))
        raise refusal(file, line or line_of(text, len(text)), rule, symbol) from None
    except Exception as error:
        raise ModelError(
            f"`{file}` cannot be parsed as VNN-LIB 2.0. "
            f"Received: {type(error).__name__}: {str(error)[:200]}."
        ) from error


def _reason(message: str) -> tuple[int | None, str, str]:
    """Line, rule and symbol of the package's own error, which is JSON or one sentence."""
    try:
        first = json.loads(message)["errors"][0]
        rule = f"{first['message']}: {first['hint']}".rstrip(".")
        return int(first["line"]), f"{rule}.", str(first["offendingSymbol"])
    except (ValueError, KeyError, IndexError, TypeError):
        found = re.search(r"at line (\d+), column \d+: '?(.*?)'?$", message, re.DOTALL)
        if found is None:
            return None, "not well formed.", message
        symbol = found[2] or "the end of the file"
        hint = " (numbers have no exponent in version 2.0)" if re.match("[eE]", symbol) else ""
        return int(found[1]), f"not well formed{hint}.", symbol
