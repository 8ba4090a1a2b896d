"""Numbers with a warrant: boxes, directed rounding, warrants, errors. Imports only NumPy."""

from .box import Box as Box
from .errors import (
    InputError as InputError,
    ModelError as ModelError,
    OutrangeError as OutrangeError,
    UnsupportedError as UnsupportedError,
)
from .rounding import UNIT as UNIT, down as down, gamma as gamma, up as up
from .warrant import Warrant as Warrant
