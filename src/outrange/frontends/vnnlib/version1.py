"""Reader of VNN-LIB 1.0: SMT-LIB commands on the variables `X_i` and `Y_j`.

The reader makes one pass over the tokens, and a second one if an input is declared after the first
assertion. It evaluates a form when its parenthesis closes, so it needs no recursion, and it stores
no tokens of closed forms.
"""

from __future__ import annotations

import re
from itertools import count, islice
from typing import Any

from ...core import And, Atom, Specification, UnsupportedError
from ...core.errors import ModelError
from .conditions import Draft, connect, push_negations
from .errors import Fault, line_of, refusal
from .forms import BINDING, BINDINGS, FormReader
from .terms import CONSTANT
from .tokens import BOUND, DEEPEST, SIMPLE, words_and_bounds


_VARIABLE = re.compile(r"([XY])_(0|[1-9]\d{0,17})", re.ASCII)

_IGNORED = frozenset("set-logic set-info set-option check-sat get-model exit".split())


def read(text: str, name: str, file: str) -> Specification:
    """Parse the text of a VNN-LIB 1.0 file.

    Args:
        text: Text of a file in version 1.0.
        name: Name of the specification.
        file: File name for error messages.

    Raises:
        ModelError: The file is malformed.
        UnsupportedError: The file uses an unsupported form.
    """
    reader = _Version1Reader(text, file)
    unsafe = reader.run()
    if reader.inputs != reader.assumed:
        # An input declared after the first assertion shifts the outputs to higher indices.
        reader = _Version1Reader(text, file, reader.inputs)
        unsafe = reader.run()
    return Specification(name, reader.inputs, reader.outputs, push_negations(unsafe))


class _Version1Reader:
    """Reader of one VNN-LIB 1.0 file, in a single pass.

    Args:
        text: Text of the file.
        file: File name for error messages.
        assumed: The number of inputs, if known. By default it is the number declared before the
            first assertion.
    """

    def __init__(self, text: str, file: str, assumed: int | None = None) -> None:
        self.text = text
        self.file = file
        self.assumed = assumed
        self.final = assumed is not None
        self.indices: dict[str, list[int]] = {"X": [], "Y": []}
        self.declared: dict[str, int] = {}
        self.forms = FormReader()
        self.assertions: list[Draft] = []
        self._bounds: dict[str, Atom] = {}

    @property
    def inputs(self) -> int:
        """Number of inputs declared so far."""
        return len(self.indices["X"])

    @property
    def outputs(self) -> int:
        """Number of outputs declared so far."""
        return len(self.indices["Y"])

    def run(self) -> Draft:
        """Parse the text and return the conjunction of all assertions."""
        stack: list[list] = []
        opened: list[int] = []
        frame: list = []
        at = end = 0

        def consume(match: re.Match) -> int:
            return self._consume_bounds(match, frame, stack)

        try:
            for match in words_and_bounds(self.text, consume):
                word = match.group()
                at, end = match.span()
                if word == "(":
                    stack.append(frame)
                    opened.append(at)
                    frame = self._open_frame(frame, stack)
                elif word == ")":
                    if not stack:
                        raise Fault("this closing parenthesis has no opening one.")
                    at = opened.pop()
                    value = self._close_frame(frame, stack, at)
                    frame = stack.pop()
                    if stack:
                        frame.append(value)
                elif stack:
                    frame.append(word)
                else:
                    raise Fault(
                        "a file must contain only forms in parentheses, such as `(assert (<= "
                        "Y_0 1))`."
                    )
            if stack:
                at, end = opened[-1], len(self.text)
                raise Fault("the file ends before this parenthesis is closed.")
        except Fault as fault:
            raise self._error(at, fault, end) from None
        return self._finish()

    def _consume_bounds(self, match: re.Match, frame: list, stack: list[list]) -> int:
        """Append the bounds at the start of a run of comparisons to `frame`.

        Return the position in the text that follows these bounds. If the run is not directly in a
        condition of an `assert`, append nothing.
        """
        start = match.start()
        if not (stack and frame) or len(stack) >= DEEPEST or self.forms.binds:
            return start
        if frame[0] in ("let", BINDINGS, BINDING):
            return start
        if (stack[1] if len(stack) > 1 else frame)[0] != "assert":
            return start
        if self.assumed is None:
            self._place()
        run = SIMPLE.findall(match.group())
        atoms_by_text = self._bounds
        for text in run:
            if text not in atoms_by_text and (parts := BOUND.fullmatch(text)):
                bound = self.forms.bound(*parts.group("operator", "name", "number"))
                if bound is not None:
                    atoms_by_text[text] = bound
        atoms = [atoms_by_text.get(text) for text in run]
        if None not in atoms:
            frame += atoms
            return match.end()
        count = atoms.index(None)
        frame += atoms[:count]
        places = (comparison.start() for comparison in SIMPLE.finditer(match.group()))
        return start + next(islice(places, count, None))

    def _open_frame(self, frame: list, stack: list[list]) -> list:
        """Return the initial list of parts for a form that opens inside `frame`."""
        if len(stack) > DEEPEST:
            raise Fault(f"parentheses may be nested at most {DEEPEST} deep.", UnsupportedError)
        if len(stack) == 1:
            return []
        if not frame:
            raise Fault("a form must start with the name of an operator.")
        if frame[0] == "let" and len(frame) == 1:
            return [BINDINGS]
        return [BINDING] if frame[0] == BINDINGS else []

    def _close_frame(self, frame: list, stack: list[list], at: int) -> Any:
        """Evaluate the form `frame`, and return its value; return None for a command.

        Args:
            frame: Parts of the form.
            stack: The enclosing forms, outermost first.
            at: Position of the form in the text.
        """
        if len(stack) == 1:
            self._command(frame, at)
            return None
        if stack[1][0] != "assert":
            return tuple(frame)
        if self.assumed is None:
            self._place()
        return self.forms.reduce(frame)

    def _command(self, frame: list, at: int) -> None:
        command = frame[0] if frame else ""
        if command == "assert":
            if len(frame) != 2:
                raise Fault("`assert` takes one condition.")
            self.assertions.append(self.forms.condition(frame[1]))
        elif command in ("declare-const", "declare-fun"):
            self._declare(frame, at)
        elif command not in _IGNORED:
            raise Fault(_unsupported_command(command), UnsupportedError)
        elif '"' in frame or "|" in frame:
            raise Fault("a string in this form does not end.")

    def _declare(self, frame: list, at: int) -> None:
        fun = frame[0] == "declare-fun"
        if len(frame) != 3 + fun or (fun and frame[2] != ()) or frame[-1] != "Real":
            raise Fault(
                "a variable must be declared as `(declare-const X_0 Real)` or "
                "`(declare-fun X_0 () Real)`."
            )
        name = frame[1]
        variable = _VARIABLE.fullmatch(name) if isinstance(name, str) else None
        if variable is None:
            raise Fault("variables must be named `X_0`, `X_1`, ... and `Y_0`, `Y_1`, and so on.")
        if name in self.declared:
            raise Fault(f"`{name}` must be declared only once; it is already declared.")
        self.declared[name] = at
        letter, index = variable[1], int(variable[2])
        self.indices[letter].append(index)
        if self.assumed is None:
            return
        if letter == "Y":
            self.forms.places[name] = self.assumed + index
        else:
            # In a first pass this index is provisional, and must differ from those of outputs.
            self.forms.places[name] = index if self.final else CONSTANT - 1 - index

    def _place(self) -> None:
        """Set the index in `[x, y]` of each variable declared so far."""
        self.assumed = self.inputs
        for name in self.declared:
            first = self.assumed if name[0] == "Y" else 0
            self.forms.places[name] = first + int(name[2:])

    def _finish(self) -> Draft:
        end = len(self.text)
        for letter, what in (("X", "input"), ("Y", "output")):
            indices = self.indices[letter]
            if not indices:
                raise self._error(end, Fault(f"no {what} `{letter}_0` is declared."))
            if max(indices) + 1 != len(indices):
                declared = set(indices)
                gap = next(i for i in count() if i not in declared)
                last = f"{letter}_{max(indices)}"
                fault = Fault(f"`{last}` is declared, but `{letter}_{gap}` is not.")
                raise self._error(self.declared[last], fault)
        if not self.assertions:
            raise self._error(end, Fault("nothing is asserted; the file may be truncated."))
        return connect(And, self.assertions)

    def _error(self, at: int, fault: Fault, end: int | None = None) -> ModelError:
        shown = self.text[at : at + 100 if end is None else min(end, at + 100)]
        line = line_of(self.text, at)
        return refusal(self.file, line, str(fault), shown or "the end of the file", fault.kind)


def _unsupported_command(command: Any) -> str:
    if command == "declare-network":
        return "a file of version 2.0 must start with `(vnnlib-version <2.0>)`."
    named = command if isinstance(command, str) else "( ... )"
    return f"`{named}` is not a supported command; use `declare-const` and `assert`."
