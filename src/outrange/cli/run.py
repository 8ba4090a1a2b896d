"""From errors to exit codes: every error is one short message, never a traceback."""

import errno
import gc
import io
import os
import sys

from .exit_codes import BUG, INTERRUPTED, MODEL, PIPE, USAGE, fail
from .quiet import without_logs
from .spoken import spoken


UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF)
"""What a full or lost standard output answers."""


def run(arguments: list[str] | None = None, vnnlib: bool = False) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; those of the process if None.
        vnnlib: Whether it is the command line that the VNN-LIB standard prescribes.

    Returns:
        The exit code.
    """
    _prepare()
    with without_logs():
        return _run(arguments, vnnlib)


def _run(arguments: list[str] | None, vnnlib: bool) -> int:
    if vnnlib:
        from .vnnlib.app import call
    else:
        from .app import call

    if not gc.isenabled():  # `main` imports without; what is there by now is never looked at again.
        gc.freeze()
        gc.enable()
    try:
        code = call(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return fail("interrupted before any bound was known", INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`| head`); nothing more can be said to it.
        _say_no_more()
        return PIPE
    except OSError as error:
        if error.filename is None and error.errno in UNWRITABLE:
            _say_no_more()
            return fail(f"the answer cannot be written ({error.strerror})", USAGE)
        return _fail_on(error)
    except Exception as error:
        return _fail_on(error)


def _say_no_more() -> None:
    """What is still to be written on stdout, now or when the process ends, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail_on(error: Exception) -> int:
    from ..core import ContradictionError, InputError, ModelError

    if os.environ.get("OUTRANGE_DEBUG"):
        raise error
    if isinstance(error, InputError):
        return fail(spoken(str(error)), USAGE)
    if isinstance(error, ContradictionError):
        return fail(str(error), BUG)
    if isinstance(error, ModelError):
        return fail(spoken(str(error)), MODEL)
    if isinstance(error, MemoryError):
        return fail("out of memory; try a smaller model or input set", BUG)
    return fail(
        f"this is a bug in outrange, please report it ({type(error).__name__}: {error}). "
        "OUTRANGE_DEBUG=1 shows where.",
        BUG,
    )


def _prepare() -> None:
    """A terminal that cannot show a character does not stop the answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
