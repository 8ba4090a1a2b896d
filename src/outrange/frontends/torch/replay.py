"""Recording of a function's PyTorch operations, to replay them without Keras's Python code.

Three quarters of the time of a small training step is spent in Keras's own Python code between the
operations. A replay runs only the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from .api import dispatch_mode, torch


MOST_BYTES = 2**28
"""Limit in bytes on the results of all operations together, which are in memory while a recording
is made. Functions with larger results have large operations, and gain little from a replay."""


class NotRecordableError(Exception):
    """Error for a function that cannot be recorded, for a reason that `OperationLog` states."""


class OperationLog:
    """The operations that a function runs below the level of automatic differentiation.

    A tensor that is neither an input nor a result (a weight, say) is stored by reference, so
    replayed operations use its current value.

    Args:
        function: Function of tensors that returns a list of tensors. It is run once.
        inputs: Tensors on which the function is run.
        variables: Tensors whose values may change before the next call.

    Raises:
        NotRecordableError: The function reads the value of a tensor, and constants in the code
            alone do not determine this value. Or the function returns a tensor that is neither an
            input nor a recorded result, or the results take more than `MOST_BYTES`.
    """

    def __init__(
        self,
        function: Callable[..., list[Any]],
        inputs: Sequence[Any],
        variables: Sequence[Any] = (),
    ) -> None:
        self.calls: list[_Call] = []
        self._places = {id(tensor): i for i, tensor in enumerate(inputs)}
        self._values: list[Any] = list(inputs)  # keeps tensors alive, so that each `id` is unique
        self._results: list[int] = []
        self._alive: list[Any] = []
        self._tensors: list[tuple[list[Any], list[Any]]] = []
        self._read_values: list[Any] = []
        self._numbers: set[int] = set()
        self._bytes = 0
        with dispatch_mode(self._record_operation):
            self.first: list[Any] = function(*inputs)
        if not all(id(tensor) in self._places for tensor in self.first):
            raise NotRecordableError("a returned tensor is not the result of a recorded operation")
        self._returned = [self._places[id(tensor)] for tensor in self.first]
        constant = self._fold(inputs, variables)
        read_places = {self._places.get(id(tensor)) for tensor in self._read_values}
        if not read_places <= (constant & self._numbers):
            raise NotRecordableError("the function reads the value of a tensor")
        for i in (*range(len(inputs)), *self._results):
            if i not in constant:
                self._values[i] = None
        del self._alive, self._places, self._results, self._tensors
        del self._read_values, self._numbers

    def _record_operation(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        result = function(*args, **kwargs)
        name = str(function)
        if name.startswith("aten._local_scalar_dense"):
            self._read_values.append(args[0])  # loops over the steps of a sequence read the step
            return result
        if name.startswith(("aten.nonzero", "aten.equal")):
            raise NotRecordableError(name)
        if name.startswith("aten.detach."):
            return self._identify(args[0], result)
        lifted = name.startswith("aten.lift_fresh")
        if lifted:
            function = torch().clone  # changes in place must not persist until the next call
        if getattr(function, "is_view", False) and id(args[0]) not in self._places:
            self._alive.append(result)  # a view of a weight always shows the weight's current value
            return result
        holes: list[tuple[Any, Any, int]] = []
        places = [self._place(value, holes) for value in args]
        keywords = self._fillable(kwargs, holes)
        places_of_results = self._result_places(result)
        self.calls.append(_Call(function, _selector(places), keywords, holes, places_of_results))
        read, computed = _tensors((args, list(kwargs.values()))), _tensors(result)
        self._tensors.append((read, computed))
        # The result follows from numbers in the code only, not from tensors that existed before.
        if lifted or all(self._places.get(id(t)) in self._numbers for t in read):
            self._numbers |= {self._places[id(t)] for t in computed}
        return result

    def _fold(self, inputs: Sequence[Any], variables: Sequence[Any]) -> set[int]:
        """Drop operations with the same results in every call; return the indices of these results.

        Such operations depend on no input and draw no random numbers. The tensors that they read
        and compute share no memory with a tensor that an operation writes to, or that may change
        between calls.
        """
        changed = {_memory(t) for t in (*inputs, *variables)}
        for call, (read, computed) in zip(self.calls, self._tensors, strict=True):
            if _writes(call.function):
                changed |= {_memory(t) for t in (*read, *computed)}
        varying = set(range(len(inputs)))
        varying_calls, constant = [], set()
        for call, (read, computed) in zip(self.calls, self._tensors, strict=True):
            is_constant = not _writes(call.function) and not _draws(call.function) and not any(
                self._places.get(id(t)) in varying or _memory(t) in changed
                for t in (*read, *computed)
            )  # fmt: skip
            if is_constant:
                constant |= {self._places[id(t)] for t in computed}
            else:
                varying_calls.append(call)
                varying |= {self._places[id(t)] for t in computed}
        self.calls = varying_calls
        return constant

    def _identify(self, tensor: Any, result: Any) -> Any:
        """Record that `result` is the same value as `tensor`, whose memory it shares; return it."""
        if id(tensor) in self._places:
            self._places[id(result)] = self._places[id(tensor)]
        self._alive.append(result)
        return result

    def _place(self, value: Any, holes: list[tuple[Any, Any, int]]) -> int:
        """Return the index of an argument in the list of values; append it if it is new."""
        if isinstance(value, torch().Tensor) and id(value) in self._places:
            return self._places[id(value)]
        if isinstance(value, list | tuple):
            value = self._fillable(value, holes)
        self._values.append(value)
        return len(self._values) - 1

    def _fillable(self, container: Any, holes: list[tuple[Any, Any, int]]) -> Any:
        """Return a mutable copy of an argument; record where earlier values must be filled in."""
        copy: Any = dict(container) if isinstance(container, dict) else list(container)
        for place in list(copy) if isinstance(copy, dict) else range(len(copy)):
            value = copy[place]
            if isinstance(value, list | tuple):
                copy[place] = self._fillable(value, holes)
            elif isinstance(value, torch().Tensor) and id(value) in self._places:
                holes.append((copy, place, self._places[id(value)]))
        return copy

    def _result_places(self, result: Any) -> Any:
        """Return the indices of an operation's results: one index, or a list for several results.

        A result that is not a tensor has None in place of an index.
        """
        if isinstance(result, list | tuple):
            return [self._result_places(part) for part in result]
        if not isinstance(result, torch().Tensor):
            return None
        if id(result) not in self._places:
            self._places[id(result)] = len(self._values)
            self._results.append(len(self._values))
            self._values.append(result)
            self._bytes += result.numel() * result.element_size()
            if self._bytes > MOST_BYTES:
                raise NotRecordableError("the recorded results take too much memory")
        return self._places[id(result)]

    def __call__(self, *inputs: Any) -> list[Any]:
        """Run the recorded operations on other inputs of the same shapes."""
        values = self._values.copy()
        values[: len(inputs)] = inputs
        with torch().inference_mode():
            for function, select_arguments, keywords, holes, places in self.calls:
                for container, place, value in holes:
                    container[place] = values[value]
                result = function(*select_arguments(values), **keywords)
                if places.__class__ is int:
                    values[places] = result
                else:
                    _put(values, places, result)
        return [values[i] for i in self._returned]


class _Call(NamedTuple):
    """One recorded operation. Indices refer to the list of all values of a replay.

    Args:
        function: PyTorch's function that computes the result.
        select_arguments: Function that selects the positional arguments from the list of values.
        keywords: Keyword arguments of the call, by name.
        holes: One `(container, key, index)` for each input or earlier result inside a nested or
            keyword argument: before the call, the value at `index` is stored in `container[key]`.
        places: Index of the result; for several results, a list of indices. None for a result
            that is not a tensor.
    """

    function: Callable[..., Any]
    select_arguments: Callable[[list[Any]], tuple[Any, ...]]
    keywords: dict[str, Any]
    holes: list[tuple[Any, Any, int]]
    places: Any


def _tensors(tree: Any) -> list[Any]:
    """Return all tensors in nested lists and tuples."""
    if isinstance(tree, list | tuple):
        return [t for part in tree for t in _tensors(part)]
    return [tree] if isinstance(tree, torch().Tensor) else []


def _memory(tensor: Any) -> int:
    """Return the address of a tensor's storage, which all views of the tensor share."""
    return tensor.untyped_storage().data_ptr()


def _writes(function: Any) -> bool:
    schema = getattr(function, "_schema", None)
    return schema is not None and schema.is_mutable


def _draws(function: Any) -> bool:
    """Return whether an operation draws random numbers."""
    return any(
        str(tag).endswith("nondeterministic_seeded") for tag in getattr(function, "tags", ())
    )


def _selector(places: list[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Return a function from a list to the tuple of its entries at the given positions."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[i] for i in places)


def _put(values: list[Any], places: Any, result: Any) -> None:
    if isinstance(places, int):
        values[places] = result
    elif places is not None:
        for place, part in zip(places, result, strict=True):
            _put(values, place, part)


class ReplayedFunction:
    """A function of tensors that is recorded in its second call, and then replayed.

    The third call compares the recording with the function. This reveals values that passed through
    NumPy, which are constants in the recording.

    Args:
        function: Function of tensors of fixed shapes that returns a list of tensors.
        variables: Tensors that the function changes.
        plain: Equivalent function that is recorded instead if `function` cannot be recorded.
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
        """Run the function, or replay its recording."""
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
        except NotRecordableError:
            del self._ways[0]
            self._restore(before)
            return self(*inputs)
        first, self._record.first = self._record.first, []
        return first

    def _confirm(self, record: OperationLog, inputs: Sequence[Any]) -> list[Any]:
        """Run the recording and the function, and return the results of the function.

        Drop the recording if its results differ from those of the function.
        """
        before = self._state()
        recorded = [*record(*inputs), *self._variables]
        recorded = [t.clone() for t in recorded]
        self._restore(before)
        results = self._function(*inputs)
        self._trusted = all(map(_are_close, recorded, [*results, *self._variables]))
        if not self._trusted:
            self._record = None
            del self._ways[0]
        return results

    def _state(self) -> list[Any]:
        return [torch().random.get_rng_state(), *(t.detach().clone() for t in self._variables)]

    def _restore(self, state: Sequence[Any]) -> None:
        torch().random.set_rng_state(state[0])
        with torch().no_grad():
            for tensor, value in zip(self._variables, state[1:], strict=True):
                tensor.copy_(value)


def _are_close(expected: Any, actual: Any) -> bool:
    """Return whether two tensors differ by no more than another order of summation may explain."""
    a, b = (np.asarray(t.detach().cpu().double()) for t in (expected, actual))
    with np.errstate(invalid="ignore"):
        return bool(np.allclose(a, b, 1e-4, 1e-5 * np.abs(b).max(initial=0.0), equal_nan=True))
