"""The exceptions that callers of outrange may catch, as a tree.

* OutrangeError
  + InputError             an argument from the caller breaks a rule (box, tolerance, shape, path)
    - UnknownKeyError      an answer has no entry with this name
    - UnknownIndexError    an answer has no entry at this index
    - DomainError          the input of a function may leave the set where it is defined
    - ArgumentError        a call has a missing or an unexpected argument
  + ModelError             the model cannot be read, or its graph does not agree with it
    - ContradictionError   the model contradicts a proof: a bug in outrange
    - UnsupportedError     the model has an operation, or the call asks for a combination, that
                           outrange does not support
"""


class OutrangeError(Exception):
    """Base class of the errors of this library that callers may catch."""


class InputError(OutrangeError, ValueError):
    """An argument that breaks a rule, which the message states."""


class UnknownKeyError(InputError, KeyError):
    """A name for which an answer has no entry; the message shows which names are valid."""

    # KeyError would print the message in quotes, as it prints a bare key.
    __str__ = Exception.__str__


class UnknownIndexError(InputError, IndexError):
    """An index at which an answer has no entry; the message states the shape."""


class DomainError(InputError):
    """A function whose input may leave the set on which it is supported.

    Args:
        function: Name of the function.
        rule: The rest of the message: the set, and how to keep the input in it.
        layer: The user's layer that contains the function; empty if it is unknown.
    """

    def __init__(self, function: str, rule: str, layer: str = "") -> None:
        super().__init__(function, rule, layer)

    def __str__(self) -> str:
        function, rule, layer = self.args
        return f"`{function}`{f' in layer `{layer}`' if layer else ''} {rule}"

    def in_layer(self, layer: str) -> "DomainError":
        """Return the same error with the name of the user's layer, unless it has one."""
        function, rule, named = self.args
        return DomainError(function, rule, named or layer)


class ArgumentError(InputError, TypeError):
    """A missing or unexpected argument of a call; the message lists the valid ones."""


class ModelError(OutrangeError):
    """A model that cannot be read, or whose graph does not compute what the model computes."""


class ContradictionError(ModelError):
    """A contradiction, beyond rounding error, between a model and a proof: a bug in outrange.

    The message states the input, or the initial state of the trajectory, that shows it.
    """


class InternalErrorWarning(UserWarning):
    """Warning about a bug in a search component; the answer relies on the other components."""


class RelaxedSetWarning(UserWarning):
    """Warning that an answer also covers inputs outside the set, such as non-integer values."""


class UnsupportedError(ModelError):
    """A model operation, or a combination of arguments, that outrange does not support."""
