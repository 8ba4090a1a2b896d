"""VNN-LIB 1.0: commands of SMT-LIB on the variables `X_i` and `Y_j`.

One pass over the tokens. A form is reduced when its parenthesis closes, so nothing recurs, and
what is kept is the formula alone, never a list of tokens.
"""

from __future__ import annotations

import re
from itertools import count, islice
from typing import Any

from ...core import And, Atom, Specification, UnsupportedError
from ...core.errors import ModelError
from .conditions import Draft, joined, settled
from .errors import Fault, line_of, refusal
from .forms import BINDING, BINDINGS, FormReader
from .terms import CONSTANT
from .tokens import BOUND, DEEPEST, SIMPLE, words_and_bounds


_VARIABLE = re.compile(r"([XY])_(0|[1-9]\d{0,17})", re.ASCII)

_IGNORED = frozenset("set-logic set-info set-option check-sat get-model exit".split())


def read(text: str, name: str, file: str) -> Specification:
    """The specification that `text` states.

    Args:
        text: Of a file in version 1.0.
        name: Of the specification.
        file: Named in errors.

    Raises:
        ModelError: It is not well formed.
        UnsupportedError: It uses a form that is not read.
    """
    reader = _Version1Reader(text, file)
    unsafe = reader.run()
    if reader.inputs != reader.assumed:
        # An input declared after the first assertion moves the outputs to higher places.
        reader = _Version1Reader(text, file, reader.inputs)
        unsafe = reader.run()
    return Specification(name, reader.inputs, reader.outputs, settled(unsafe))


class _Version1Reader:
    """Reads one text once, the number of inputs being what is declared before an assertion.

    Args:
        text: Of the file.
        file: Its name.
        assumed: The number of inputs, where it is known.
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
        """How many inputs are declared so far."""
        return len(self.indices["X"])

    @property
    def outputs(self) -> int:
        """How many outputs are declared so far."""
        return len(self.indices["Y"])

    def run(self) -> Draft:
        """The conjunction of all assertions."""
        stack: list[list] = []
        opened: list[int] = []
        frame: list = []
        at = end = 0

        def taken(match: re.Match) -> int:
            return self._taken(match, frame, stack)

        try:
            for match in words_and_bounds(self.text, taken):
                word = match.group()
                at, end = match.span()
                if word == "(":
                    stack.append(frame)
                    opened.append(at)
                    frame = self._opened(frame, stack)
                elif word == ")":
                    if not stack:
                        raise Fault("this parenthesis closes none.")
                    at = opened.pop()
                    value = self._closed(frame, stack, at)
                    frame = stack.pop()
                    if stack:
                        frame.append(value)
                elif stack:
                    frame.append(word)
                else:
                    raise Fault("a file is a list of forms in parentheses.")
            if stack:
                at, end = opened[-1], len(self.text)
                raise Fault("the file ends before this parenthesis is closed.")
        except Fault as fault:
            raise self._refusal(at, fault, end) from None
        return self._finished()

    def _taken(self, match: re.Match, frame: list, stack: list[list]) -> int:
        """Append the bounds that a run of comparisons begins with; where the rest starts."""
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
        known = self._bounds
        for text in run:
            if text not in known and (parts := BOUND.fullmatch(text)):
                bound = self.forms.bound(*parts.group("operator", "name", "number"))
                if bound is not None:
                    known[text] = bound
        found = [known.get(text) for text in run]
        if None not in found:
            frame += found
            return match.end()
        count = found.index(None)
        frame += found[:count]
        places = (one.start() for one in SIMPLE.finditer(match.group()))
        return start + next(islice(places, count, None))

    def _opened(self, frame: list, stack: list[list]) -> list:
        """The frame of a form that opens inside `frame`."""
        if len(stack) > DEEPEST:
            raise Fault(f"parentheses may nest {DEEPEST} deep at most.", UnsupportedError)
        if len(stack) == 1:
            return []
        if not frame:
            raise Fault("a form starts with the name of an operator.")
        if frame[0] == "let" and len(frame) == 1:
            return [BINDINGS]
        return [BINDING] if frame[0] == BINDINGS else []

    def _closed(self, frame: list, stack: list[list], at: int) -> Any:
        """What the form `frame` means; `stack` holds the forms around it."""
        if len(stack) == 1:
            self._command(frame, at)
            return None
        if stack[1][0] != "assert":
            return tuple(frame)
        if self.assumed is None:
            self._place()
        return self.forms.reduced(frame)

    def _command(self, frame: list, at: int) -> None:
        command = frame[0] if frame else ""
        if command == "assert":
            if len(frame) != 2:
                raise Fault("`assert` takes one condition.")
            self.assertions.append(self.forms.condition(frame[1]))
        elif command in ("declare-const", "declare-fun"):
            self._declare(frame, at)
        elif command not in _IGNORED:
            raise Fault(_unknown(command), UnsupportedError)
        elif '"' in frame or "|" in frame:
            raise Fault("a string in this form does not end.")

    def _declare(self, frame: list, at: int) -> None:
        fun = frame[0] == "declare-fun"
        if len(frame) != 3 + fun or (fun and frame[2] != ()) or frame[-1] != "Real":
            raise Fault(
                "a variable is declared as `(declare-const X_0 Real)` or "
                "`(declare-fun X_0 () Real)`."
            )
        name = frame[1]
        found = _VARIABLE.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise Fault("variables are named `X_0`, `X_1`, ... and `Y_0`, `Y_1`, and so on.")
        if name in self.declared:
            raise Fault(f"`{name}` is declared already.")
        self.declared[name] = at
        letter, index = found[1], int(found[2])
        self.indices[letter].append(index)
        if self.assumed is None:
            return
        if letter == "Y":
            self.forms.places[name] = self.assumed + index
        else:
            # In a first pass this place is provisional, and must not be one of an output.
            self.forms.places[name] = index if self.final else CONSTANT - 1 - index

    def _place(self) -> None:
        """Fix where the variables declared so far are in `[x, y]`."""
        self.assumed = self.inputs
        for name in self.declared:
            first = self.assumed if name[0] == "Y" else 0
            self.forms.places[name] = first + int(name[2:])

    def _finished(self) -> Draft:
        end = len(self.text)
        for letter, what in (("X", "input"), ("Y", "output")):
            indices = self.indices[letter]
            if not indices:
                raise self._refusal(end, Fault(f"no {what} `{letter}_0` is declared."))
            if max(indices) + 1 != len(indices):
                known = set(indices)
                gap = next(i for i in count() if i not in known)
                last = f"{letter}_{max(indices)}"
                fault = Fault(f"`{last}` is declared, but `{letter}_{gap}` is not.")
                raise self._refusal(self.declared[last], fault)
        if not self.assertions:
            raise self._refusal(end, Fault("nothing is asserted; the file may be cut short."))
        return joined(And, self.assertions)

    def _refusal(self, at: int, fault: Fault, end: int | None = None) -> ModelError:
        shown = self.text[at : at + 100 if end is None else min(end, at + 100)]
        line = line_of(self.text, at)
        return refusal(self.file, line, str(fault), shown or "the end of the file", fault.kind)


def _unknown(command: Any) -> str:
    if command == "declare-network":
        return "a file of version 2.0 starts with `(vnnlib-version <2.0>)`."
    named = command if isinstance(command, str) else "( ... )"
    return f"`{named}` is no command that is read; commands are `declare-const` and `assert`."
