"""The commands of the program `outrange`, with their options."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from .. import __version__
from .entry_point import HELP, click, run_group
from .examples import epilog
from .exit_codes import EXACT, EXIT_CODES
from .options.boxes import BoxOptions
from .options.declared import (
    ARITHMETIC,
    BOX_OPTIONS,
    BUDGET,
    CERTIFICATE,
    EXECUTOR,
    LOOP_OPTIONS,
    MODEL_OPTIONS,
    REPORT_OPTIONS,
    RESUME,
    SAFE_MODE,
    VERIFY_ALL_OPTIONS,
    Option,
)


def _with(*options: Option) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(command: Callable[..., Any]) -> Callable[..., Any]:
        for names, settings in reversed(options):
            choice = settings.get("type")
            if isinstance(choice, list):
                settings = settings | {"type": click.Choice(choice)}
            command = click.option(*names, **settings)(command)
        return command

    return wrap


def _box(options: dict[str, Any]) -> BoxOptions:
    """Remove the options of the input set from `options`, and return them."""
    return BoxOptions(**{field.name: options.pop(field.name) for field in fields(BoxOptions)})


@click.group(epilog=EXIT_CODES, invoke_without_command=True, context_settings=HELP)
@click.version_option(__version__, message="outrange %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """Compute proved output ranges of a neural network over a set of inputs."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@app.command("range", epilog=epilog("range"))
@click.argument("model")
@_with(*BOX_OPTIONS)
@click.option("--output", metavar="NAME|INDEX", help="Bound only this output.")
@click.option(
    "--layer", metavar="NAME", help="Bound the values of this layer instead of the outputs."
)
@click.option(
    "--rows",
    metavar="LIST|FILE",
    help="Linear forms to bound instead of the outputs, one per row: [[1,-1,0],[0,1,-1]].",
)
@click.option(
    "--time-limit",
    "seconds",
    type=float,
    help="Time limit in seconds, including the time to import Keras and read the model; inf for "
    "no limit.  [default: 45 for the search]",
)
@click.option(
    "--tol",
    type=float,
    help="Target gap, relative to the observed range of each output.  [default: 1e-6; 1e-4 for "
    "a curved network whose search would take a long time]",
)
@click.option(
    "--solver/--no-solver",
    default=True,
    show_default=True,
    help="Whether a mixed-integer solver may close gaps. Its bounds are not proved.",
)
@_with(BUDGET, ARITHMETIC, EXECUTOR, RESUME, CERTIFICATE, *MODEL_OPTIONS)
def range_command(model: str, **options: Any) -> int:
    """Compute the minimum and maximum of every output.

    MODEL is a file: .keras, .h5, .onnx, .onnx.gz or .pt2. Ctrl-C stops the search and prints the
    bounds proved so far.
    """
    from .commands.range import ask_range

    return ask_range(model, _box(options), click.echo, **options)


@app.command("summary", epilog=epilog("summary"))
@click.argument("model")
@_with(*BOX_OPTIONS)
@_with(*MODEL_OPTIONS)
def summary_command(model: str, form: str, safe_mode: bool, **box: Any) -> int:
    """Bound every layer and count dead or saturated units."""
    from .commands.range import ask_summary

    answer = ask_summary(model, BoxOptions(**box), safe_mode=safe_mode)
    click.echo(json.dumps(answer.as_dict()) if form == "json" else str(answer))
    return EXACT


@app.command("monotone", epilog=epilog("monotone"))
@click.argument("model")
@_with(*BOX_OPTIONS)
@click.option(
    "--inputs",
    "only",
    metavar="LIST",
    help="Inputs to consider, names or indices: area,2.  [default: all]",
)
@click.option("--outputs", metavar="LIST", help="Outputs to consider, in the format of --inputs.")
@click.option(
    "--direction",
    type=click.Choice(["rises", "falls"]),
    help="Direction to verify.  [default: find a direction for each output and input]",
)
@click.option(
    "--time-limit",
    "seconds",
    type=float,
    help="Time limit in seconds, including the time to import Keras and read the model; inf for "
    "no limit.  [default: 45 for the search]",
)
@_with(BUDGET, EXECUTOR, CERTIFICATE, *MODEL_OPTIONS)
def monotone_command(model: str, **options: Any) -> int:
    """Find or verify whether outputs rise or fall.

    An output rises in an input if it never falls while this input grows and all other inputs stay
    fixed. A direction that is refuted comes with two inputs as evidence.
    """
    from .commands.monotone import ask_monotone

    return ask_monotone(model, _box(options), click.echo, **options)


@app.command("verify", epilog=epilog("verify"))
@click.argument("models", metavar="MODEL", nargs=-1)
@click.argument("property_", metavar="PROPERTY")
@_with(*BOX_OPTIONS)
@click.option("--where", metavar="CONDITION", help='Condition on the inputs: "x[0] < x[1]".')
@click.option(
    "--time-limit",
    "seconds",
    type=float,
    help="Time limit in seconds, including the time to import Keras and read the files; inf for "
    "no limit.  [default: 60]",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Random seed for the counterexample search.",
)
@_with(BUDGET, ARITHMETIC, EXECUTOR, RESUME, CERTIFICATE, *MODEL_OPTIONS)
def verify_command(models: tuple[str, ...], property_: str, **options: Any) -> int:
    """Decide whether PROPERTY holds for every input of a set.

    PROPERTY is a .vnnlib or .vnnlib.gz file, which describes the unsafe cases. The first line
    printed is then `sat` (with a counterexample), `unsat`, `timeout` or `unknown`. PROPERTY may
    also be text that states what must hold, together with an input set:

    \b
      outrange verify net.keras "0 <= y[0] <= 3.99 and y.argmax() != 2" --box 0 1

    The first line printed is then `violated`, `holds`, `timeout` or `unknown`.

    For a property of several networks, give each of them a name:

    
      outrange verify f=old.onnx g=new.onnx "abs(f.y[0] - g.y[0]) <= 0.05" --box 0 1

    All networks get the same input. To give each network its own input, pass a range for each:
    `--input f 0 1 --input g 0 1`.
    """  # noqa: D301 (click reads the backspace itself)
    if not models:  # A single argument counts as the property.
        raise click.UsageError("Missing argument 'PROPERTY'.")
    from .commands.verify import ask_verify

    return ask_verify(models, property_, _box(options), click.echo, **options)


@app.command("repair", epilog=epilog("repair"))
@click.argument("model")
@click.argument("property_", metavar="PROPERTY")
@_with(*BOX_OPTIONS)
@click.option(
    "-o",
    "--path",
    required=True,
    metavar="FILE",
    help="File of the new model, .keras.",
)
@click.option("--where", metavar="CONDITION", help='Condition on the inputs: "x[0] < x[1]".')
@click.option(
    "--method",
    type=click.Choice(["auto", "weights", "guard"]),
    default="auto",
    show_default=True,
    help="Repair method: new weights of the last layer, or an additional guard layer; auto tries "
    "the weights first.",
)
@click.option(
    "--decision",
    type=click.Choice(["argmax", "argmin"]),
    help="Output entry that is the predicted class: the largest or the smallest.",
)
@click.option(
    "--time-limit",
    "seconds",
    type=float,
    help="Time limit in seconds, including the time to import Keras and read the files; inf for "
    "no limit.  [default: 60]",
)
@_with(BUDGET, CERTIFICATE, *MODEL_OPTIONS)
def repair_command(model: str, property_: str, **options: Any) -> int:
    """Write a copy of a Keras model for which PROPERTY is proved.

    MODEL is a .keras or .h5 file; it is not changed. PROPERTY and the input set are those of
    `verify`. The new model is written only if the property is proved for it.
    """
    from .commands.repair import ask_repair

    return ask_repair(model, property_, _box(options), click.echo, **options)


@app.command("verify-all", epilog=epilog("verify-all"))
@click.argument("instances", nargs=-1, required=True)
@click.option("--merge", is_flag=True, help="Merge the result tables of all shards of a list.")
@_with(*VERIFY_ALL_OPTIONS)
@click.pass_context
def verify_all_command(
    context: click.Context, instances: tuple[str, ...], merge: bool, **options: Any
) -> int:
    """Decide every instance in a list, as in VNN-COMP.

    INSTANCES is a CSV file with rows `onnx,vnnlib,timeout`. Each result is written to disk as soon
    as it is known. Run the command again to resume: instances with a result are skipped, unless
    --retry names their verdict.

    With --merge, INSTANCES are the result tables of all shards of a list, which are merged into
    one. Shards of different lists, versions or seeds are refused, and so are contradictory
    verdicts.
    """
    if merge:
        from .commands.merge import ask_merge

        default = click.core.ParameterSource.DEFAULT
        if any(
            context.get_parameter_source(name) is not default for name in options.keys() - {"file"}
        ):
            raise click.UsageError("With --merge, omit all other options except --file.", context)
        return ask_merge(instances, options["file"], click.echo)
    if len(instances) != 1:
        raise click.UsageError(
            "Pass one list of instances. To merge several tables of results, add --merge.",
            context,
        )
    from .commands.verify_all import BatchOptions, ask_verify_all

    return ask_verify_all(instances[0], BatchOptions(**options), click.echo)


@app.command("explore", epilog=epilog("explore"))
@click.argument("model")
@_with(*BOX_OPTIONS)
@click.option("--port", type=int, default=0, help="Port of the page.  [default: a free one]")
@click.option(
    "--token",
    envvar="OUTRANGE_TOKEN",
    metavar="TEXT",
    help="Secret in the address of the page. Pass --port too to get the same address every time.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address of the page."
)
@click.option("--allow-remote", is_flag=True, help="Allow a --host that other machines can reach.")
@click.option("--open", "open_", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--time-limit",
    "seconds",
    type=float,
    default=60.0,
    show_default=True,
    help="Time limit for each search in seconds.",
)
@_with(SAFE_MODE)
def explore_command(model: str, **options: Any) -> int:
    """Serve a page with input sliders and proved output ranges.

    By default only this machine can reach the page, with the token in its address. Ctrl-C stops the
    server.
    """
    from .commands.explore import ask_explore

    return ask_explore(model, _box(options), click.echo, **options)


@app.command("diagnose", epilog=epilog("diagnose"))
@click.argument("model")
@click.argument("data")
@click.option(
    "--target",
    default="y",
    show_default=True,
    metavar="NAME",
    help="Array in the .npz file, or column in the .csv file, that contains the targets.",
)
@click.option("--ignore", multiple=True, metavar="CODE", help="Rule to leave out; repeatable.")
@click.option(
    "--fail-on",
    type=click.Choice(["proved", "measured", "suspected", "never"]),
    default="proved",
    show_default=True,
    help="Lowest level of findings for which the exit code is nonzero.",
)
@click.option(
    "--train",
    metavar="N|fixes",
    help="Maximum number of training steps on a copy; 0 disables training, and `fixes` also tries "
    "each fix on a copy.",
)
@click.option(
    "--epochs",
    type=int,
    help="Planned number of epochs, for a lower bound on the loss that training can reach.",
)
@click.option("--batch-size", type=int, help="Rows per batch; requires --epochs.  [default: 32]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@_with(SAFE_MODE)
def diagnose_command(model: str, data: str, **options: Any) -> int:
    """Find the reasons why a model does not learn from its data.

    MODEL is a compiled model (.keras, .h5), and DATA is a .npz or .csv file. Each finding states
    its level of evidence: PROVED, MEASURED or SUSPECTED.
    """
    from .commands.diagnose import ask_diagnose

    return ask_diagnose(model, data, click.echo, **options)


@app.command(
    "report", epilog=epilog("report"), short_help="Write a shareable one-page report about a model."
)
@click.argument("model")
@_with(*BOX_OPTIONS)
@_with(*REPORT_OPTIONS)
def report_command(model: str, **options: Any) -> int:
    """Write one self-contained page about MODEL for a colleague, a reviewer or an auditor.

    With --data, the page also covers robustness and a diagnosis. Each section gets a part of the
    time limit and states whether it is complete.
    """
    from .commands.report import ask_report

    return ask_report(model, _box(options), click.echo, **options)


@app.command(
    "loop",
    epilog=epilog("loop"),
    short_help="Bound the states of a closed loop, and decide specifications.",
)
@click.argument("controller")
@_with(*BOX_OPTIONS)
@_with(*LOOP_OPTIONS, BUDGET, EXECUTOR)
def loop_command(controller: str, **options: Any) -> int:
    """Bound the states of a closed loop, and decide whether they satisfy a specification.

    The result holds for every initial state of a set, which the options --box, --lo, --hi, --input,
    --data and --ball describe.

    CONTROLLER is a model file, or a .yaml file of the ARCH competition that describes the whole
    loop. Ctrl-C stops the search and prints what is proved so far.
    """
    from .commands.loop import ask_loop

    return ask_loop(controller, _box(options), click.echo, **options)


@app.command("demo", epilog=epilog("demo"))
def demo_command() -> int:
    """Train a small model and prove its output range in a minute."""
    from .commands.demo import demo

    return demo(click.echo)


def call(arguments: list[str] | None) -> int:
    """Parse the arguments, run the command, and return its exit code; print usage errors.

    Args:
        arguments: Arguments without the program name; None for the arguments of this process.

    Raises:
        OutrangeError: The command fails.
    """
    return run_group(app, "outrange", arguments)
