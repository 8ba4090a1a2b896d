"""Boxes, conditions, rounding, warrants, deadlines, and errors that the other packages share."""

from . import work as work
from .box import Bounds as Bounds, Box as Box
from .clock import (
    Clock as Clock,
    OutOfTime as OutOfTime,
    check_deadline as check_deadline,
    check_stopped as check_stopped,
    deadline as deadline,
    no_deadline as no_deadline,
    seconds_left as seconds_left,
    stopped_by as stopped_by,
)
from .errors import (
    ArgumentError as ArgumentError,
    ContradictionError as ContradictionError,
    DomainError as DomainError,
    InputError as InputError,
    InternalErrorWarning as InternalErrorWarning,
    ModelError as ModelError,
    OutrangeError as OutrangeError,
    UnknownIndexError as UnknownIndexError,
    UnknownKeyError as UnknownKeyError,
    UnsupportedError as UnsupportedError,
)
from .formula import (
    And as And,
    Atom as Atom,
    Formula as Formula,
    Or as Or,
)
from .input_domain import InputDomain as InputDomain
from .messages import did_you_mean as did_you_mean, pip_install as pip_install
from .region import (
    DeclaredNetwork as DeclaredNetwork,
    DeclaredTensor as DeclaredTensor,
    Distance as Distance,
    Region as Region,
    Specification as Specification,
)
from .rounding import (
    UNIT as UNIT,
    add_toward as add_toward,
    down as down,
    gamma as gamma,
    multiply_toward as multiply_toward,
    up as up,
)
from .source import (
    VERSION as VERSION,
    ModelSource as ModelSource,
    PropertySource as PropertySource,
    Provenance as Provenance,
    array_digest as array_digest,
    file_digest as file_digest,
    text_digest as text_digest,
    value_digest as value_digest,
)
from .warrant import Warrant as Warrant
