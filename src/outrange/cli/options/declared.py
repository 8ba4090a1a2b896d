"""Options that several commands share, or that are many, as plain data for the command line."""

from typing import Any, TypeAlias


Option: TypeAlias = tuple[tuple[str, ...], dict[str, Any]]
"""The names of an option, and the arguments of `click.option`; a list of texts is a choice."""


def option(*names: str, **settings: Any) -> Option:
    """An option, written as for `click.option`."""
    return names, settings


BOX_OPTIONS = (
    option("--box", nargs=2, type=float, metavar="LO HI", help="Range of every input."),
    option(
        "--lo",
        metavar="LIST|FILE",
        help="Lower ends of the inputs: 0,0.5,1 or a .npy/.npz/.csv file.",
    ),
    option("--hi", metavar="LIST|FILE", help="Upper ends of the inputs."),
    option(
        "--input",
        "inputs",
        nargs=3,
        multiple=True,
        metavar="NAME LO HI",
        help="Range of one input (LO = HI fixes it); repeatable.",
    ),
    option(
        "--data",
        metavar="FILE",
        help="Data whose range is the input set: .npy, .npz, .csv with column titles.",
    ),
    option(
        "--target",
        metavar="NAME",
        help="Target column of the data, which is no input.  [default: y, if any]",
    ),
    option(
        "--margin",
        type=float,
        help="Margin around the range of the data, in the unit of each input.",
    ),
    option("--relative-margin", type=float, help="Margin as a share of the width of each input."),
    option("--reals", is_flag=True, help="Let integer and one-hot columns take every number."),
    option("--ball", metavar="LIST|FILE", help="Center of an L-infinity ball."),
    option("--radius", type=float, help="Radius of the ball."),
    option(
        "--clip", nargs=2, type=float, metavar="LO HI", help="Limits of every entry in the ball."
    ),
    option("--names", metavar="LIST", help="Names of the input features: speed,angle,..."),
)

UNSAFE = "Run code stored in the model file (Keras Lambda). Only if you trust it."

MODEL_OPTIONS = (
    option("--json", "as_json", is_flag=True, help="Print everything as JSON."),
    option("--unsafe", is_flag=True, help=UNSAFE),
)

BUDGET = option(
    "--budget",
    type=float,
    metavar="UNITS",
    help="Units of counted work in place of --time: the same answer on every machine.",
)

EXECUTOR = option(
    "--executor",
    metavar="ADDRESS",
    help="Address of a Dask scheduler whose workers search: tcp://host:8786.",
)

RESUME = option(
    "--resume", metavar="FOLDER", help="Folder of the search state; a later call resumes from it."
)

REPORT_OPTIONS = (
    option(
        "-o",
        "--out",
        default="report.html",
        show_default=True,
        metavar="FILE",
        help="Page to write.",
    ),
    option(
        "--property",
        "properties",
        multiple=True,
        metavar="TEXT|FILE",
        help='Property to decide: "y[0] <= 3.99", or a .vnnlib file; repeatable.',
    ),
    option("--eps", type=float, help="Radius of robustness.  [default: 1 % of each input's width]"),
    option(
        "--samples",
        type=int,
        default=100,
        show_default=True,
        help="Number of data rows whose robustness is decided.",
    ),
    option("--title", metavar="TEXT", help="Heading of the page.  [default: the file's name]"),
    option(
        "--output-names",
        "--output-name",
        "output_names",
        metavar="LIST",
        help="Names of the outputs: price,...  [default: titles of --target]",
    ),
    option(
        "--units",
        "units",
        multiple=True,
        metavar="LIST",
        help="Units of inputs and outputs: price=EUR,area=m2; or one for all outputs: EUR.",
    ),
    option("--standard", type=["iso-24029"], help="Standard whose headings the page uses."),
    option(
        "--time",
        "seconds",
        type=float,
        default=60.0,
        show_default=True,
        help="Time limit of the whole report, in seconds.",
    ),
    option("--seed", type=int, default=0, show_default=True, help="Random seed."),
    option("--unsafe", is_flag=True, help=UNSAFE),
)


CERTIFICATE = (
    option(
        "--certificate",
        metavar="FILE",
        help="Certificate to write, which outrange-check checks in exact arithmetic.",
    ),
    option("--no-check", is_flag=True, help="Write the certificate without a check."),
)

ARITHMETIC = option(
    "--arithmetic",
    metavar="real|float32",
    help="Arithmetic of the network; float32: as it is deployed, its sums in any order.  "
    "[default: real, or the declaration of a VNN-LIB 2.0 file]",
)

LOOP_OPTIONS = (
    option(
        "--plant", metavar="FILE",
        help="A .py file that defines plant(x, u), the next state (with --dt its "
        "derivative), and observe(x), actuate(y) if need be; or a model of state and control.",
    ),
    option(
        "--next", "formulas", multiple=True, metavar="FORMULA",
        help="The next value of a state (with --dt its derivative), one each in order: "
        "'x1 + 0.1*x2', 'x2 + 0.1*u1'.",
    ),
    option("--steps", type=int, help="Number of steps (periods)."),
    option("--forever", is_flag=True, help="All time, in place of --steps."),
    option(
        "--dt", metavar="TIME",
        help="Time that each control is held; the plant then returns the derivative of the state.",
    ),
    option(
        "--spec", "specs", multiple=True, metavar="TEXT",
        help="Specification: 'always: x[0] <= 1', 'during 10 20: ...', 'at 20: ...', "
        "'eventually: ...', 'avoid: ...'; repeatable.",
    ),
    option(
        "--disturbance", nargs=2, type=float, metavar="LO HI",
        help="Range of the disturbance w of the plant.",
    ),
    option("--varying/--constant", default=None, help="Whether w may change at every step."),
    option(
        "--parameters", nargs=2, type=float, metavar="LO HI",
        help="Range of the parameters p of the plant.",
    ),
    option("--where", metavar="CONDITION", help='Condition on the initial states: "x[0] < 1".'),
    option(
        "--time", "seconds", type=float, default=60.0, show_default=True,
        help="Time limit in seconds, reading of the files included.",
    ),
    option("--tol", type=float, help="Gap of the pipe to reach, as a share of the range seen."),
    option(
        "--seed", type=int, default=0, show_default=True,
        help="Random seed of the simulated trajectories.",
    ),
    option(
        "--plot", "picture", metavar="FILE",
        help="Figure of the states over time to write: pipe.png, .svg.",
    ),
    option("--csv", "table", metavar="FILE", help="Table of the pipe to write."),
    *MODEL_OPTIONS,
)  # fmt: skip

VERIFY_ALL_OPTIONS = (
    option(
        "--root",
        metavar="FOLDER",
        help="Folder that names are relative to.  [default: that of the list]",
    ),
    option(
        "--time",
        "seconds",
        type=float,
        help="Time limit of each instance in seconds, in place of that in the list.",
    ),
    option(
        "--out",
        default="results.csv",
        show_default=True,
        metavar="FILE",
        help="Table of results to write; a .jsonl file beside it has them in full.",
    ),
    option("--jobs", type=int, default=1, show_default=True, help="Number of instances at a time."),
    option("--only", metavar="TEXT", help="Part of the names of the instances to decide."),
    option(
        "--retry",
        type=["unknown", "timeout", "error", "all"],
        multiple=True,
        help="Results to decide again; all: all undecided ones. Repeatable.",
    ),
    option("--memory", type=float, metavar="GIB", help="Memory limit of each job."),
    option(
        "--expected",
        metavar="FILE",
        help="Table of expected verdicts (onnx,vnnlib,verdict); contradictions are listed.",
    ),
    option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Random seed of the counterexample search.",
    ),
    option(
        "--executor",
        metavar="ADDRESS",
        help="Address of a Dask scheduler whose workers decide: tcp://host:8786.",
    ),
    option(
        "--shard",
        metavar="I/N",
        help="Part of the list to decide, 3/8 for example; slurm: the part of this array job.",
    ),
)
