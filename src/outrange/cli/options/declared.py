"""Declarations of command-line options as plain data."""

from typing import Any, TypeAlias


Option: TypeAlias = tuple[tuple[str, ...], dict[str, Any]]
"""Option names and the arguments of `click.option`; a list passed as `type` contains the allowed
values."""


def option(*names: str, **settings: Any) -> Option:
    """Declare an option, with the arguments of `click.option`."""
    return names, settings


BOX_OPTIONS = (
    option("--box", nargs=2, type=float, metavar="LO HI", help="One range for all inputs."),
    option(
        "--lo",
        metavar="LIST|FILE",
        help="Lower bounds of the inputs: 0,0.5,1 or a .npy/.npz/.csv file.",
    ),
    option("--hi", metavar="LIST|FILE", help="Upper bounds of the inputs, in the formats of --lo."),
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
        help="Data whose range is the input set: .npy, .npz, or .csv with column titles.",
    ),
    option(
        "--target",
        metavar="NAME",
        help="Target column(s) of the data, excluded from the inputs.  [default: y, if any]",
    ),
    option(
        "--margin",
        type=float,
        help="Margin around the range of the data, in the units of each input.",
    ),
    option(
        "--relative",
        is_flag=True,
        help="Interpret --margin as a fraction of the range of each input.",
    ),
    option(
        "--whole/--no-whole",
        default=True,
        show_default=True,
        help="Whether integer and one-hot columns take only integer values.",
    ),
    option("--ball", metavar="LIST|FILE", help="Center of an L-infinity ball."),
    option("--radius", type=float, help="Radius of the ball."),
    option(
        "--clip", nargs=2, type=float, metavar="LO HI", help="Bounds that the ball is clipped to."
    ),
    option("--names", metavar="LIST", help="Names of the input features: speed,angle,..."),
)

SAFE_MODE = option(
    "--safe-mode/--no-safe-mode",
    default=True,
    show_default=True,
    help="Whether to refuse code stored in the model file (Keras Lambda). Use --no-safe-mode only "
    "for files you trust.",
)

FORMAT = option(
    "--format", "form", type=["text", "json"], default="text", show_default=True,
    help="Output format.",
)  # fmt: skip

MODEL_OPTIONS = (FORMAT, SAFE_MODE)

BUDGET = option(
    "--budget",
    type=float,
    metavar="UNITS",
    help="Limit on counted work, in units of about one second on one core, instead of "
    "--time-limit; the answer is then the same on any machine.",
)

EXECUTOR = option(
    "--executor",
    metavar="ADDRESS",
    help="Address of a Dask scheduler whose workers run the search: tcp://host:8786.",
)

RESUME = option(
    "--resume", metavar="FOLDER", help="Folder for the search state; a later call resumes from it."
)

REPORT_OPTIONS = (
    option(
        "-o",
        "--path",
        default="report.html",
        show_default=True,
        metavar="FILE",
        help="HTML file for the page.",
    ),
    option(
        "--property",
        "properties",
        multiple=True,
        metavar="TEXT|FILE",
        help='Property to decide: "y[0] <= 3.99", or a .vnnlib file; repeatable.',
    ),
    option(
        "--eps", type=float, help="Robustness radius.  [default: 1% of the width of each input]"
    ),
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
        metavar="LIST",
        help="Names of the outputs: price,...  [default: the titles of the --target columns]",
    ),
    option(
        "--units",
        "units",
        multiple=True,
        metavar="LIST",
        help="Units of inputs and outputs: price=EUR,area=m2; or one unit for all outputs: EUR.",
    ),
    option(
        "--standard",
        type=["iso-24029"],
        help="Organize the page under the headings of this standard.",
    ),
    option(
        "--time-limit",
        "seconds",
        type=float,
        default=50.0,
        show_default=True,
        help="Time limit for the whole report in seconds.",
    ),
    SAFE_MODE,
)


CERTIFICATE = option(
    "--certificate",
    metavar="FILE",
    help="Certificate file to write; outrange-check verifies it in exact arithmetic.",
)

ARITHMETIC = option(
    "--arithmetic",
    metavar="real|float32",
    help="Arithmetic of the network: exact real numbers, or float32 inference with sums in any "
    "order.  [default: real, or as declared in the VNN-LIB 2.0 file]",
)

LOOP_OPTIONS = (
    option(
        "--plant", metavar="FILE",
        help="A .py file that defines plant(x, u), the next state (its derivative with --dt), and "
        "optionally observe(x) and actuate(y); or a model whose inputs are the state and the "
        "control.",
    ),
    option(
        "--next", "formulas", multiple=True, metavar="FORMULA",
        help="Formula for the next value of a state (or, with --dt, for its derivative); give one "
        "per state, in order: "
        "'x1 + 0.1*x2', 'x2 + 0.1*u1'.",
    ),
    option("--steps", type=int, help="Number of steps (periods)."),
    option(
        "--forever", is_flag=True, help="Bound the states for all time; replaces --steps."
    ),
    option(
        "--dt", metavar="TIME",
        help="Period for which each control is held. The plant must then return the derivative of "
        "the state.",
    ),
    option(
        "--spec", "specs", multiple=True, metavar="TEXT",
        help="Specification: 'always: x[0] <= 1', 'during 10 20: ...', 'at 20: ...', "
        "'eventually: ...', 'avoid: ...'; repeatable.",
    ),
    option(
        "--disturbance", nargs=2, type=float, metavar="LO HI",
        help="Range of the disturbance w of the plant, which may change at every step.",
    ),
    option(
        "--parameters", nargs=2, type=float, metavar="LO HI",
        help="Range of the constant parameters p of the plant.",
    ),
    option("--where", metavar="CONDITION", help='Condition on the initial states: "x[0] < 1".'),
    option(
        "--time-limit", "seconds", type=float,
        help="Time limit in seconds, including the time to read the files; inf for no limit.  "
        "[default: 60]",
    ),
    option(
        "--tol", type=float,
        help="Target gap for the state bounds, relative to the observed range.",
    ),
    option(
        "--seed", type=int, default=0, show_default=True,
        help="Random seed for the simulated trajectories.",
    ),
    option(
        "--plot", "picture", metavar="FILE",
        help="Image file to write with the states over time, such as pipe.png or pipe.svg.",
    ),
    option(
        "--csv", "table", metavar="FILE",
        help="Table of the state bounds over time, as a .csv file.",
    ),
    *MODEL_OPTIONS,
)  # fmt: skip

VERIFY_ALL_OPTIONS = (
    option(
        "--root",
        metavar="FOLDER",
        help="Folder that file names are relative to.  [default: the folder of the list]",
    ),
    option(
        "--each",
        "seconds",
        type=float,
        help="Time limit for each instance in seconds; overrides the limits in the list.",
    ),
    option(
        "--file",
        default="results.csv",
        show_default=True,
        metavar="FILE",
        help="Table of results to write; a .jsonl file next to it holds counterexamples too.",
    ),
    option("--jobs", type=int, default=1, show_default=True, help="Number of parallel processes."),
    option("--only", metavar="TEXT", help="Decide only instances whose names contain this text."),
    option(
        "--retry",
        type=["unknown", "timeout", "error", "all"],
        multiple=True,
        help="Decide instances with this verdict again, or all undecided ones (`all`); repeatable.",
    ),
    option("--memory", type=float, metavar="GIB", help="Memory limit for each process in GiB."),
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
        help="Random seed for the counterexample search.",
    ),
    option(
        "--executor",
        metavar="ADDRESS",
        help="Address of a Dask scheduler whose workers decide instances: tcp://host:8786.",
    ),
    option(
        "--shard",
        metavar="I/N",
        help="Part of the list to decide, such as 3/8; `slurm` for the part of this array job.",
    ),
)
