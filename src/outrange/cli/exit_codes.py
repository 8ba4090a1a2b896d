"""Exit codes of the command line, and the output of errors."""

import sys


EXACT, VIOLATED, USAGE, OPEN, MODEL, CONTRADICTED = (0, 1, 2, 3, 4, 5)
BUG, INTERRUPTED, PIPE = (70, 130, 141)

EXIT_CODES = """\
Exit codes:

\b
  0    the answer is complete: exact to --tol, or every property holds
  1    verify: the property is violated (`sat`), so that `verify ... && deploy` stops;
       monotone: the output does not have the --direction;
       verify-all: a property is violated for which --expected does not say `sat`
  2    an argument is invalid (a missing file, a bad box, an unknown layer or
       KERAS_BACKEND), or the output cannot be written
  3    incomplete: the bounds are valid, but the gap is not closed or a property is
       undecided (time limit, float64 rounding)
  4    the model cannot be read, or uses an unsupported operation
  5    verify-all: a verdict contradicts the expected one
  6    diagnose: a fault is proved (see --fail-on)
  7    diagnose: the worst finding is measured
  8    diagnose: the worst finding is suspected
  70   a bug in outrange
  130  interrupted by Ctrl-C; results so far were printed and are valid
  141  the reader of the output closed it (`| head`)
"""


def fail(message: str, code: int) -> int:
    """Print `message` on stderr as one paragraph and return `code`."""
    print(f"outrange: {' '.join(message.split())}", file=sys.stderr)
    return code
