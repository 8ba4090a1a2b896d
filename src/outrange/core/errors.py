"""Exceptions.

* OutrangeError
  + InputError        an argument of the caller's breaks a rule (box, tolerance, shape, path)
    - UnknownKeyError an answer has no entry of this name
    - UnknownIndexError    an answer has no entry at this index
  + ModelError        the model cannot be read, or the graph read from it is not the model
    - ContradictionError   the model contradicts an answer: a bug of outrange, not of the caller's
  + UnsupportedError  the model holds an operation no file in `outrange/ops` describes
"""


class OutrangeError(Exception):
    """Base class of every error this library raises on purpose."""


class InputError(OutrangeError, ValueError):
    """An argument breaks a rule; the message says which entry and what to do."""


class UnknownKeyError(InputError, KeyError):
    """An answer has no entry of this name; the message lists those there are."""

    # That of a KeyError is in quotes, fit for a bare key.
    __str__ = Exception.__str__


class UnknownIndexError(InputError, IndexError):
    """An answer has no entry at this index; the message gives the shape."""


class ArgumentError(InputError, TypeError):
    """A call has an argument too many, or lacks one; the message lists those there are."""


class ModelError(OutrangeError):
    """The model cannot be read, or what was read does not compute what the model computes."""


class ContradictionError(ModelError):
    """The model itself contradicts an answer beyond rounding: a bug in outrange.

    Nothing is answered then; the message names the input and both values.
    """


class InternalErrorWarning(UserWarning):
    """A part of a search failed by a bug in outrange; the answer holds what the others proved."""


class UnsupportedError(ModelError):
    """The model holds an operation that no op describes."""
