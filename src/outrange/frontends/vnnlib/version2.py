"""VNN-LIB 2.0, parsed and type-checked by the `vnnlib` package."""

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
from .conditions import compare_neighbors, connect, not_equal
from .elements import (
    FLOAT32,
    INTEGERS,
    REAL,
    element_type,
    float32_constant,
    written_types,
)
from .errors import Fault, line_of, refusal
from .monomials import Monomials
from .rounding import entry_names, is_rounded
from .terms import CONSTANT, Term, literal, plus, times
from .tokens import DEEPEST, words


LARGEST_SECOND = 2**26
"""Limit of a file's length in characters; the package needs about 50 bytes per character."""

_MOST_ENTRIES = 2**31

_LONG = re.compile(r"(?<![0-9.])[0-9]{19}(?![0-9]*\.)")
"""Pattern of nineteen digits that are not part of a decimal fraction."""

_COMPARISONS = {
    "LessEqual": "<=", "LessThan": "<", "GreaterEqual": ">=", "GreaterThan": ">", "Equal": "=",
}  # fmt: skip


def read(text: str, name: str, file: str) -> Specification:
    """Parse the text of a VNN-LIB 2.0 file.

    Multiple inputs (or outputs) are concatenated in the order of their declarations. The inputs (or
    outputs) of multiple networks are concatenated in the order of the networks.

    Args:
        text: Text of a file in version 2.0.
        name: Name of the specification.
        file: File name for error messages.

    Raises:
        InputError: The `vnnlib` package is not installed, or is too old.
        ModelError: The file is malformed.
        UnsupportedError: The file uses something unsupported, such as other element types or a
            product of float32 variables.
    """
    _check(text, file)
    query = _parse(text, file)
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
        connect(And, parts),
        shapes=reader.shapes,
        elements=reader.elements,
        networks=tuple(reader.networks),
        has_float32_sums=reader.has_sums,
        products=tuple(reader.products.factors),
    )


class _Version2Reader:
    """Translator of the package's syntax tree to a formula.

    The attribute `line` is the line of the variable or number that was translated last; 0 if there
    is none yet. A hidden tensor is read as one more output of its network.

    Args:
        types: Map from the name of every tensor to its element type, as spelled in the file.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self.line = 0
        self.elements = REAL
        self.has_sums = False
        self.products = Monomials(0)
        self._reads_integers = False
        self.networks: list[DeclaredNetwork] = []
        self._types = types
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}

    @property
    def _is_float32(self) -> bool:
        return self.elements == FLOAT32

    @property
    def shapes(self) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
        """The shapes of all input tensors and of all output tensors, as a pair."""
        return (
            tuple(tensor.shape for network in self.networks for tensor in network.inputs),
            tuple(tensor.shape for network in self.networks for tensor in network.outputs),
        )

    def declare(self, networks: Sequence[Any]) -> tuple[int, int]:
        """Store the declarations, and return the total numbers of flat inputs and flat outputs."""
        computed = {
            tensor.name for network in networks for tensor in (*network.outputs, *network.hidden)
        }
        self.elements = element_type(list(self._types.items()), computed)
        for network in networks:
            if any(other.name == network.name for other in self.networks):
                raise Fault(
                    f"each network must have a different name, but `{network.name}` is the "
                    "name of two."
                )
            declared = DeclaredNetwork(
                network.name,
                self._tensors(network.inputs),
                self._tensors(network.outputs) + _declare_tensors(network.hidden, self._types),
                network.equal_to or "",
                network.isometric_to or "",
                tuple(tensor.onnx_name.strip('"') for tensor in network.hidden),
            )
            if len(set(declared.hidden)) < len(declared.hidden):
                raise Fault(
                    f"`{network.name}` must declare each hidden tensor once.", UnsupportedError
                )
            self._check_equivalence(declared)
            self.networks.append(declared)
        total = 0
        ends = []
        for role in ("inputs", "outputs"):
            for tensor in (t for network in self.networks for t in getattr(network, role)):
                self._places[tensor.name] = (total, tensor.shape)
                total += math.prod(tensor.shape)
            ends.append(total)
        if total > _MOST_ENTRIES:
            raise Fault(
                f"the inputs and outputs of all networks may have at most {_MOST_ENTRIES} "
                "entries in total."
            )
        self.products = Monomials(total)
        return ends[0], total - ends[0]

    def _tensors(self, group: Sequence[Any]) -> tuple[DeclaredTensor, ...]:
        if len(group) > 1 and any(tensor.onnx_name for tensor in group):
            raise Fault(
                "multiple inputs or outputs must be declared in the order of the ONNX file, "
                "without their ONNX names.",
                UnsupportedError,
            )
        return _declare_tensors(group, self._types)

    def _check_equivalence(self, network: DeclaredNetwork) -> None:
        """Raise `Fault` if a declaration breaks the rules of `equal-to` and `isomorphic-to`."""
        other = network.equal_to or network.isomorphic_to
        if not other:
            return
        reference = next((n for n in self.networks if n.name == other), None)
        if reference is None:
            raise Fault(
                f"`{other}`, which `{network.name}` is declared equivalent to, must be declared "
                "above."
            )
        if (
            (network.equal_to and network.isomorphic_to)
            or reference.equal_to
            or reference.isomorphic_to
        ):
            raise Fault(
                f"`{network.name}` may have either `equal-to` or `isomorphic-to`, once, and "
                "must refer to a network that has neither."
            )
        if network.equal_to and network.hidden != reference.hidden:
            raise Fault(
                f"`{network.name}` and `{other}`, which are the same model, must declare the same "
                "hidden tensors, in the same order.",
                UnsupportedError,
            )
        for word, role in (("inputs", "inputs"), ("outputs", "model_outputs")):
            ours, theirs = ([t.shape for t in getattr(n, role)] for n in (network, reference))
            if ours != theirs:
                raise Fault(
                    f"`{network.name}` and `{other}` must have {word} of the same shapes, in the "
                    "same order."
                )

    def condition(self, node: Any) -> Formula:
        """Translate a Boolean node to a formula."""
        kind = type(node).__name__
        if kind in ("And", "Or"):
            parts = [self.condition(part) for part in node.args]
            return connect(And if kind == "And" else Or, parts)
        if kind in _COMPARISONS or kind == "NotEqual":
            self._reads_integers = self._is_float32 and self._has_integers([node.lhs, node.rhs])
            sides = [self.term(node.lhs), self.term(node.rhs)]
            if self._is_float32 and is_rounded([node.lhs, node.rhs]):
                if self._reads_integers:
                    raise Fault(
                        "an assertion about integers must compare an entry with a constant or "
                        "with another entry of the same type.",
                        UnsupportedError,
                    )
                self.has_sums = True
            if kind == "NotEqual":
                return not_equal(sides[0], sides[1], self.products.first)
            return compare_neighbors(_COMPARISONS[kind], sides, self.products.first)
        raise Fault(f"the condition `{kind}` is not supported.", UnsupportedError)

    def term(self, node: Any) -> Term:
        """Translate an arithmetic node to a term, linear in variables and their products."""
        kind = type(node).__name__
        if kind == "Var":
            self.line = node.line
            return {self._place(node.name, node.indices): 1}
        if hasattr(node, "lexeme"):
            self.line = getattr(node, "line", self.line)
            value = literal(node.lexeme)
            rounds = self._is_float32 and not self._reads_integers
            return {CONSTANT: float32_constant(value) if rounds else value}
        if kind == "Negate":
            return plus([self.term(node.expr)], [-1])
        if kind == "Minus":
            parts = [self.term(node.head), *(self.term(part) for part in node.rest)]
            return plus(parts, [1] + [-1] * (len(parts) - 1))
        if kind in ("Plus", "Multiply"):
            parts = [self.term(part) for part in node.args]
            if kind == "Plus":
                return plus(parts, [1] * len(parts))
            return times(parts, None if self._is_float32 else self.products)
        raise Fault(f"the term `{kind}` is not supported.", UnsupportedError)

    def _has_integers(self, sides: Sequence[Any]) -> bool:
        """Return whether a comparison is about integers; the package refuses mixed types."""
        return any(self._types.get(name) in INTEGERS for name in entry_names(sides))

    def _place(self, name: str, indices: list[int]) -> int:
        start, shape = self._places[name]
        flat = 0
        for index, length in zip(indices, shape, strict=True):
            if not 0 <= index < length:
                raise Fault(f"an index into `{name}` must lie within its shape {list(shape)}.")
            flat = flat * length + index
        return start + flat


def _declare_tensors(group: Sequence[Any], types: Mapping[str, str]) -> tuple[DeclaredTensor, ...]:
    """Return the declarations of some tensors, with the element types spelled in the file."""
    return tuple(
        DeclaredTensor(t.name, types.get(t.name, REAL), tuple(map(int, t.shape))) for t in group
    )


def _check(text: str, file: str) -> None:
    """Reject text that would make the `vnnlib` package's parser crash or exhaust memory.

    Raises:
        ModelError: The text is too long.
        UnsupportedError: Parentheses are nested too deeply, or a number is too long.
    """
    if len(text) > LARGEST_SECOND:
        raise ModelError(
            f"`{file}` must have at most {LARGEST_SECOND} characters, the limit for VNN-LIB "
            f"2.0; split it. Received: {len(text)} characters."
        )
    depth = 0
    for match in words(text):
        word = match.group()
        depth += (word == "(") - (word == ")")
        rule = ""
        if depth > DEEPEST:
            rule = f"parentheses may be nested at most {DEEPEST} deep."
        elif len(word) > 18 and _LONG.search(word):
            rule = "integers may have at most 18 digits."
        elif len(word) > 300 and word[0] in "-0123456789":
            rule = "a number may have at most 300 characters."
        if rule:
            line = line_of(text, match.start())
            raise refusal(file, line, rule, word, UnsupportedError)


def _declaration(text: str) -> int:
    """Return the number of the line on which the last network is declared."""
    places = [match.start() for match in words(text) if match.group() == "declare-network"]
    return line_of(text, places[-1])


def _parse(text: str, file: str) -> Any:
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
    """Extract line, rule and symbol from the package's error message (JSON or a sentence).

    The line is None if the message does not state it.
    """
    try:
        first = json.loads(message)["errors"][0]
        rule = f"{first['message']}: {first['hint']}".rstrip(".")
        return int(first["line"]), f"{rule}.", str(first["offendingSymbol"])
    except (ValueError, KeyError, IndexError, TypeError):
        match = re.search(r"at line (\d+), column \d+: '?(.*?)'?$", message, re.DOTALL)
        if match is None:
            return None, "not well formed.", message
        symbol = match[2] or "the end of the file"
        hint = " (numbers have no exponent in version 2.0)" if re.match("[eE]", symbol) else ""
        return int(match[1]), f"not well formed{hint}.", symbol
