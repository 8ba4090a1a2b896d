"""Commands that VNN-LIB 2.0 prescribes: `verify`, `supports`, `--name`, `--version`."""

from __future__ import annotations

from typing import Any

from ... import __version__
from ..entry_point import HELP, click, run_group
from .capabilities import CAPABILITIES


EXIT_CODES = """\
Exit codes (the standard prescribes none):

\b
  0    a verdict or a capability was printed
  2    invalid arguments, or a model file is missing or superfluous
  4    a file cannot be read, or uses an unsupported feature
  70   a bug in outrange
  130  interrupted by Ctrl-C
"""


@click.group(epilog=EXIT_CODES, invoke_without_command=True, context_settings=HELP)
@click.option("--name", is_flag=True, help="Print the solver's name.")
@click.option("--version", is_flag=True, help="Print the solver's version.")
@click.pass_context
def app(context: click.Context, name: bool, version: bool) -> None:
    """Run the command line of the VNN-LIB standard 2.0."""
    if name or version:
        click.echo("\n".join(["outrange"] * name + [__version__] * version))
        context.exit()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@app.command("verify", epilog=EXIT_CODES)
@click.argument("query")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="NAME=FILE",
    help="ONNX file of a network that QUERY declares; one for each network without `equal-to`.",
)
@click.option(
    "--timeout",
    "seconds",
    type=float,
    help="Time limit in seconds, including the time to read the files.  [default: no limit]",
)
@click.option(
    "--serialise-assignments",
    "folder",
    metavar="FOLDER",
    help="Write a satisfying assignment to this folder, one ONNX tensor per file, instead of "
    "printing it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
def verify_command(query: str, **options: Any) -> int:
    """Decide whether the networks have inputs and outputs that satisfy QUERY.

    QUERY is a VNN-LIB 2.0 file. The first line printed is `sat` (followed by an assignment),
    `unsat`, `unknown` or `timed-out`.
    """
    from .verify import ask_query

    return ask_query(query, click.echo, **options)


@app.command("supports")
@click.pass_context
def supports_command(context: click.Context, **flags: bool) -> None:
    """Print one capability of the verifier, such as the supported ONNX operators."""
    wanted = [name for name, is_set in flags.items() if is_set]
    if len(wanted) != 1:
        raise click.UsageError("Choose exactly one capability.", context)
    click.echo("\n".join(CAPABILITIES[f"--{wanted[0].replace('_', '-')}"].lines()))


for _name, _capability in CAPABILITIES.items():
    supports_command.params.append(click.Option([_name], is_flag=True, help=_capability.meaning))


def call(arguments: list[str] | None) -> int:
    """Parse the arguments, run the command, and return its exit code; print usage errors.

    Raises:
        OutrangeError: The command fails.
    """
    return run_group(app, "outrange-vnnlib", arguments)
