"""The one file that imports click, and what a command line of it answers to mistakes."""

from typing import Any

import click as click

from .exit_codes import EXACT, INTERRUPTED, USAGE, fail


HELP = {"help_option_names": ["-h", "--help"]}


def called(app: click.Group, name: str, arguments: list[str] | None) -> int:
    """Parse and run; usage errors are printed here.

    Args:
        app: The commands.
        name: Of the program.
        arguments: Without the program's name; those of the process if None.

    Returns:
        The exit code.

    Raises:
        OutrangeError: From the question asked.
    """
    code: Any
    try:
        code = app.main(args=arguments, prog_name=name, standalone_mode=False)
    except SystemExit as stopped:
        # click ends the process itself where the reader of stdout went away.
        raise (BrokenPipeError() if stopped.code == 1 else stopped) from None
    except click.exceptions.Abort:
        return fail("interrupted before any bound was known", INTERRUPTED)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" Try: {context.command_path} --help" if context else ""
        return fail(f"{error.format_message()}{hint}", USAGE)
    return code if isinstance(code, int) else EXACT
