"""PyTorch: a function's operations, written down once and run again without Keras between them.

What a step of training costs there is Keras's own Python code around small operations. The
operations themselves take a quarter of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from .api import dispatch_mode, torch


MOST_BYTES = 2**28
"""What the results of all operations may take: a record keeps them until it runs again. Where they
take more, the operations are large, and what is between them costs little."""


class NotRecordable(Exception):
    """The operations hang on a value, and may be others at the next call."""


class OperationLog:
    """The operations below automatic differentiation, in order, with what they read and write.

    A tensor that is none of the inputs and no result is the one that it was, a weight, say: what
    changes it in place changes it for all.

    Args:
        function: Of tensors, to a list of them. It is run, once.
        inputs: What it is run on.
        variables: Tensors that may hold something else at the next call.

    Raises:
        NotRecordable: It asks for the value of a tensor that is made of more than numbers in the
            code, or takes too much memory.
    """

    def __init__(
        self,
        function: Callable[..., list[Any]],
        inputs: Sequence[Any],
        variables: Sequence[Any] = (),
    ) -> None:
        self.calls: list[_Call] = []
        self._places = {id(tensor): i for i, tensor in enumerate(inputs)}
        self._values: list[Any] = list(inputs)  # an `id` is one tensor's only while that lives
        self._results: list[int] = []
        self._kept: list[Any] = []
        self._tensors: list[tuple[list[Any], list[Any]]] = []
        self._asked: list[Any] = []
        self._numbers: set[int] = set()
        self._bytes = 0
        with dispatch_mode(self._note):
            self.first: list[Any] = function(*inputs)
        if not all(id(tensor) in self._places for tensor in self.first):
            raise NotRecordable("it returns what no operation has made")
        self._returned = [self._places[id(tensor)] for tensor in self.first]
        constant = self._fold(inputs, variables)
        asked = {self._places.get(id(tensor)) for tensor in self._asked}
        if not asked <= (constant & self._numbers):
            raise NotRecordable("it asks for a tensor's value")
        for i in (*range(len(inputs)), *self._results):
            if i not in constant:
                self._values[i] = None
        del self._kept, self._places, self._results, self._tensors
        del self._asked, self._numbers

    def _note(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = function(*args, **kwargs)
        name = str(function)
        if name.startswith("aten._local_scalar_dense"):
            self._asked.append(args[0])  # as loops over the steps of a sequence do, of the step
            return result
        if name.startswith(("aten.nonzero", "aten.equal")):
            raise NotRecordable(name)
        if name.startswith("aten.detach."):
            return self._same(args[0], result)
        lifted = name.startswith("aten.lift_fresh")
        if lifted:
            function = torch().clone  # what is done to it must not stay for the next call
        if getattr(function, "is_view", False) and id(args[0]) not in self._places:
            self._kept.append(result)  # of a weight: it shows what the weight holds at any time
            return result
        holes: list[tuple[Any, Any, int]] = []
        places = [self._place(value, holes) for value in args]
        named = self._fillable(kwargs, holes)
        written = self._written(result)
        self.calls.append(_Call(function, _picked(places), named, holes, written))
        read, made = _tensors((args, list(kwargs.values()))), _tensors(result)
        self._tensors.append((read, made))
        # Made of numbers in the code, by way of nothing that was there before.
        if lifted or all(self._places.get(id(t)) in self._numbers for t in read):
            self._numbers |= {self._places[id(t)] for t in made}
        return result

    def _fold(self, inputs: Sequence[Any], variables: Sequence[Any]) -> set[int]:
        """Drop operations whose results are the same at every call; return where those are.

        They hang on no input, draw nothing, and what they read and make shares no memory with
        anything that is written to or that may be changed from outside.
        """
        changed = {_memory(t) for t in (*inputs, *variables)}
        for call, (read, made) in zip(self.calls, self._tensors, strict=True):
            if _writes(call.function):
                changed |= {_memory(t) for t in (*read, *made)}
        varying = set(range(len(inputs)))
        kept, constant = [], set()
        for call, (read, made) in zip(self.calls, self._tensors, strict=True):
            same = not _writes(call.function) and not _draws(call.function) and not any(
                self._places.get(id(t)) in varying or _memory(t) in changed for t in (*read, *made)
            )  # fmt: skip
            if same:
                constant |= {self._places[id(t)] for t in made}
            else:
                kept.append(call)
                varying |= {self._places[id(t)] for t in made}
        self.calls = kept
        return constant

    def _same(self, tensor: Any, result: Any) -> Any:
        """Let a second tensor of the same numbers in the same memory be the first."""
        if id(tensor) in self._places:
            self._places[id(result)] = self._places[id(tensor)]
        self._kept.append(result)
        return result

    def _place(self, value: Any, holes: list[tuple[Any, Any, int]]) -> int:
        """Where an argument is among the values; what is no earlier result gets a place."""
        if isinstance(value, torch().Tensor) and id(value) in self._places:
            return self._places[id(value)]
        if isinstance(value, list | tuple):
            value = self._fillable(value, holes)
        self._values.append(value)
        return len(self._values) - 1

    def _fillable(self, given: Any, holes: list[tuple[Any, Any, int]]) -> Any:
        """A copy that can be written to; where earlier results go in it is noted."""
        copy: Any = dict(given) if isinstance(given, dict) else list(given)
        for place in list(copy) if isinstance(copy, dict) else range(len(copy)):
            value = copy[place]
            if isinstance(value, list | tuple):
                copy[place] = self._fillable(value, holes)
            elif isinstance(value, torch().Tensor) and id(value) in self._places:
                holes.append((copy, place, self._places[id(value)]))
        return copy

    def _written(self, result: Any) -> Any:
        """The places of what an operation returns: one, several or none."""
        if isinstance(result, list | tuple):
            return [self._written(one) for one in result]
        if not isinstance(result, torch().Tensor):
            return None
        if id(result) not in self._places:
            self._places[id(result)] = len(self._values)
            self._results.append(len(self._values))
            self._values.append(result)
            self._bytes += result.numel() * result.element_size()
            if self._bytes > MOST_BYTES:
                raise NotRecordable("its results take too much memory")
        return self._places[id(result)]

    def __call__(self, *inputs: Any) -> list[Any]:
        """Run the operations on other inputs of the same shapes."""
        values = self._values.copy()
        values[: len(inputs)] = inputs
        with torch().inference_mode():
            for function, picked, named, holes, places in self.calls:
                for container, place, value in holes:
                    container[place] = values[value]
                result = function(*picked(values), **named)
                if places.__class__ is int:
                    values[places] = result
                else:
                    _put(values, places, result)
        return [values[i] for i in self._returned]


class _Call(NamedTuple):
    """One operation: what it is, its arguments, and where its results go."""

    function: Callable[..., Any]
    picked: Callable[[list[Any]], tuple[Any, ...]]
    named: dict[str, Any]
    holes: list[tuple[Any, Any, int]]
    places: Any


def _tensors(given: Any) -> list[Any]:
    """All tensors in lists of lists."""
    if isinstance(given, list | tuple):
        return [t for one in given for t in _tensors(one)]
    return [given] if isinstance(given, torch().Tensor) else []


def _memory(tensor: Any) -> int:
    """What tensors have in common that are views of one another."""
    return tensor.untyped_storage().data_ptr()


def _writes(function: Any) -> bool:
    schema = getattr(function, "_schema", None)
    return schema is not None and schema.is_mutable


def _draws(function: Any) -> bool:
    """Whether an operation takes random numbers."""
    return any(
        str(tag).endswith("nondeterministic_seeded") for tag in getattr(function, "tags", ())
    )


def _picked(places: list[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """A function of the values to those at some places."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[i] for i in places)


def _put(values: list[Any], places: Any, result: Any) -> None:
    if isinstance(places, int):
        values[places] = result
    elif places is not None:
        for place, one in zip(places, result, strict=True):
            _put(values, place, one)


class ReplayedFunction:
    """A function of tensors that is recorded at its second call, if the third confirms that.

    A value that went through NumPy is a constant in a record, and at the third call another.

    Args:
        function: Of tensors of one shape, to a list of them.
        variables: What it changes: tensors.
        plain: Does the same in operations that can be recorded, where `function` does not.
    """

    def __init__(
        self,
        function: Callable[..., list[Any]],
        variables: Sequence[Any],
        plain: Callable[..., list[Any]] | None = None,
    ) -> None:
        self._function, self._variables = function, variables
        self._ways = [way for way in (function, plain) if way is not None]
        self._calls, self._record, self._trusted = 0, None, False

    def __call__(self, *inputs: Any) -> list[Any]:
        """Run it, or its record."""
        self._calls += 1
        if self._record is not None and self._trusted:
            return self._record(*inputs)
        if self._record is not None:
            return self._confirm(self._record, inputs)
        if self._calls == 1 or not self._ways:
            return self._function(*inputs)
        before = self._state()
        try:
            self._record = OperationLog(self._ways[0], inputs, self._variables)
        except NotRecordable:
            del self._ways[0]
            self._put_back(before)
            return self(*inputs)
        first, self._record.first = self._record.first, []
        return first

    def _confirm(self, record: OperationLog, inputs: Sequence[Any]) -> list[Any]:
        """Run both, and let the record go if it does anything else."""
        before = self._state()
        seen = [*record(*inputs), *self._variables]
        seen = [t.clone() for t in seen]
        self._put_back(before)
        found = self._function(*inputs)
        self._trusted = all(map(_alike, seen, [*found, *self._variables]))
        if not self._trusted:
            self._record = None
            del self._ways[0]
        return found

    def _state(self) -> list[Any]:
        return [torch().random.get_rng_state(), *(t.detach().clone() for t in self._variables)]

    def _put_back(self, state: Sequence[Any]) -> None:
        torch().random.set_rng_state(state[0])
        with torch().no_grad():
            for tensor, value in zip(self._variables, state[1:], strict=True):
                tensor.copy_(value)


def _alike(one: Any, other: Any) -> bool:
    """Whether numbers differ by the order of sums at most."""
    a, b = (np.asarray(t.detach().cpu().double()) for t in (one, other))
    with np.errstate(invalid="ignore"):
        return bool(np.allclose(a, b, 1e-4, 1e-5 * np.abs(b).max(initial=0.0), equal_nan=True))
