"""Execution of a command line; errors become short messages and exit codes."""

import errno
import gc
import io
import os
import sys

from .exit_codes import BUG, INTERRUPTED, MODEL, PIPE, USAGE, fail
from .messages import translate_message
from .quiet import without_logs


UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF)
"""Error numbers indicating that standard output can no longer be written to."""


def run(arguments: list[str] | None = None, vnnlib: bool = False) -> int:
    """Run the command that the command-line arguments specify, and report any error on stderr.

    Args:
        arguments: Arguments without the program name; None for the arguments of this process.
        vnnlib: Whether to run `outrange-vnnlib` instead of `outrange`.

    Returns:
        The exit code.
    """
    _prepare()
    with without_logs():
        return _run_command(arguments, vnnlib)


def _run_command(arguments: list[str] | None, vnnlib: bool) -> int:
    if vnnlib:
        from .vnnlib.app import call
    else:
        from .app import call

    if not gc.isenabled():  # `main` imports without it; freezing exempts these objects for good.
        gc.freeze()
        gc.enable()
    try:
        code = call(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return fail("interrupted before any bound was known", INTERRUPTED)
    except BrokenPipeError:
        # The reader of stdout has gone (`| head`), so nothing more can be written.
        _discard_stdout()
        return PIPE
    except OSError as error:
        if error.filename is None and error.errno in UNWRITABLE:
            _discard_stdout()
            return fail(f"the answer cannot be written ({error.strerror})", USAGE)
        return _fail_on(error)
    except Exception as error:
        return _fail_on(error)


def _discard_stdout() -> None:
    """Redirect stdout to the null device until the process exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail_on(error: Exception) -> int:
    from ..core import ContradictionError, InputError, ModelError

    if os.environ.get("OUTRANGE_DEBUG"):
        raise error
    if isinstance(error, InputError):
        return fail(translate_message(str(error)), USAGE)
    if isinstance(error, ContradictionError):
        return fail(str(error), BUG)
    if isinstance(error, ModelError):
        return fail(translate_message(str(error)), MODEL)
    if isinstance(error, MemoryError):
        return fail("out of memory; try a smaller model or input set", BUG)
    return fail(
        f"this is a bug in outrange; please report it ({type(error).__name__}: {error}). "
        "Set OUTRANGE_DEBUG=1 to print the traceback.",
        BUG,
    )


def _prepare() -> None:
    """Let output streams replace characters that they cannot encode, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
