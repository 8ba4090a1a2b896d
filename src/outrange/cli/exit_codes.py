"""What the command line says when it ends: a code, and of an error one short message."""

import sys


EXACT, VIOLATED, USAGE, OPEN, MODEL, CONTRADICTED = (0, 1, 2, 3, 4, 5)
BUG, INTERRUPTED, PIPE = (70, 130, 141)

EXIT_CODES = """\
Exit codes:

\b
  0    the answer is complete: exact to --tol, or every property holds
  1    verify: the property is violated (`sat`), so that `verify ... && deploy` stops;
       verify-all: one is, where --expected does not say `sat`
  2    an argument breaks a rule: no such file, a bad box, an unknown layer;
       no such backend (KERAS_BACKEND); or the output cannot be written
  3    the bounds are valid, but the gap is not closed, or a property is not decided
       (time, float64 rounding)
  4    the model cannot be read, or holds an operation that is not described
  5    verify-all: a verdict contradicts the expected one
  6    diagnose: something is proved to be wrong (see --fail-on)
  7    diagnose: at most something measured
  8    diagnose: at most something suspected
  70   a bug in outrange
  130  interrupted by Ctrl-C; what was known was printed, and is valid
  141  the reader of the output went away (`| head`)
"""


def fail(message: str, code: int) -> int:
    """Say `message` on stderr, in a single paragraph; return `code`."""
    print(f"outrange: {' '.join(message.split())}", file=sys.stderr)
    return code
