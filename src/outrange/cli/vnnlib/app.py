"""The commands of the standard: `verify`, `supports`, `--name`, `--version`."""

from __future__ import annotations

from typing import Any

from ... import __version__
from ..door import HELP, called, click
from .capabilities import CAPABILITIES


EXIT_CODES = """\
Exit codes (the standard prescribes none):

\b
  0    one of the four words was printed, or a capability
  2    an argument breaks a rule, or a model file is missing or one too many
  4    a file cannot be read, or holds what is not supported
  70   a bug in outrange
  130  interrupted by Ctrl-C
"""


@click.group(epilog=EXIT_CODES, invoke_without_command=True, context_settings=HELP)
@click.option("--name", is_flag=True, help="Print the solver's name.")
@click.option("--version", is_flag=True, help="Print the solver's version.")
@click.pass_context
def app(context: click.Context, name: bool, version: bool) -> None:
    """The command line of the VNN-LIB standard 2.0."""
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
    help="The ONNX file of a network that QUERY declares; once for each that is `equal-to` none.",
)
@click.option(
    "--timeout",
    "seconds",
    type=float,
    help="Time limit in seconds, reading of the files included.  [default: no limit]",
)
@click.option(
    "--serialise-assignments",
    "folder",
    metavar="FOLDER",
    help="Write a satisfying assignment there, one ONNX tensor a file, in place of printing it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
def verify_command(query: str, **options: Any) -> int:
    """Decide whether the networks have inputs and outputs that satisfy QUERY.

    QUERY is a VNN-LIB 2.0 file. The first line printed is `sat`, with an assignment, `unsat`,
    `unknown` or `timed-out`.
    """
    from .verify import ask_query

    return ask_query(query, click.echo, **options)


@app.command("supports")
@click.pass_context
def supports_command(context: click.Context, **asked: bool) -> None:
    """Print what queries and networks are supported; one capability at a time."""
    wanted = [name for name, is_asked in asked.items() if is_asked]
    if len(wanted) != 1:
        raise click.UsageError("One capability is asked for at a time.", context)
    click.echo("\n".join(CAPABILITIES[f"--{wanted[0].replace('_', '-')}"].lines()))


for _name, _capability in CAPABILITIES.items():
    supports_command.params.append(click.Option([_name], is_flag=True, help=_capability.meaning))


def call(arguments: list[str] | None) -> int:
    """Parse and run; usage errors are printed here.

    Raises:
        OutrangeError: From the question asked.
    """
    return called(app, "outrange-vnnlib", arguments)
