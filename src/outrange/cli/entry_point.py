"""Execution of click command groups."""

from typing import Any

import click as click

from .exit_codes import EXACT, INTERRUPTED, USAGE, fail
from .options.former import FORMER_OPTIONS


HELP = {"help_option_names": ["-h", "--help"]}


def run_group(app: click.Group, name: str, arguments: list[str] | None) -> int:
    """Parse the arguments and run a command of `app`; print usage errors on stderr.

    Args:
        app: The click group whose commands the arguments select.
        name: Program name in usage errors.
        arguments: Arguments without the program name; None for the arguments of this process.

    Returns:
        The exit code.

    Raises:
        OutrangeError: The command fails.
        BrokenPipeError: The program that reads standard output has closed it.
    """
    code: Any
    try:
        code = app.main(args=arguments, prog_name=name, standalone_mode=False)
    except SystemExit as exit_request:
        # click exits by itself with code 1 when the reader of stdout has gone.
        raise (BrokenPipeError() if exit_request.code == 1 else exit_request) from None
    except click.exceptions.Abort:
        return fail("interrupted before any bound was known", INTERRUPTED)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" Try: {context.command_path} --help" if context else ""
        word = getattr(error, "option_name", None) or getattr(error, "command_name", "")
        command = context.info_name if context else ""
        former = FORMER_OPTIONS.get(f"{command} {word}", FORMER_OPTIONS.get(word))
        return fail(f"{former or error.format_message()}{hint}", USAGE)
    return code if isinstance(code, int) else EXACT
