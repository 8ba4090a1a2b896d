"""Options that several commands share, or that are many, as plain data for the command line."""

from typing import Any, TypeAlias


Option: TypeAlias = tuple[tuple[str, ...], dict[str, Any]]
"""The names of an option, and the arguments of `click.option`; a list of texts is a choice."""


def option(*names: str, **settings: Any) -> Option:
    """An option, written as for `click.option`."""
    return names, settings


BOX_OPTIONS = (
    option("--box", nargs=2, type=float, metavar="LO HI", help="One range for every input."),
    option("--lo", metavar="LIST|FILE", help="Lower ends: 0,0.5,1 or a .npy/.npz/.csv file."),
    option("--hi", metavar="LIST|FILE", help="Upper ends."),
    option(
        "--input",
        "inputs",
        nargs=3,
        multiple=True,
        metavar="NAME LO HI",
        help="The range of one input; repeat for each (LO = HI fixes it).",
    ),
    option("--data", metavar="FILE", help="Range of data: .npy, .npz, .csv with titles."),
    option("--target", metavar="NAME", help="What is no input there.  [default: y, if any]"),
    option("--margin", type=float, help="Widen the data's range by this much."),
    option("--relative-margin", type=float, help="... by this share of its width."),
    option("--ball", metavar="LIST|FILE", help="Center of an L-infinity ball."),
    option("--radius", type=float, help="Radius of the ball."),
    option("--clip", nargs=2, type=float, metavar="LO HI", help="Limits of the ball."),
    option("--names", metavar="LIST", help="What the features of the input are: speed,angle,..."),
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
    "--executor", metavar="ADDRESS", help="Dask's scheduler, whose workers search: tcp://host:8786."
)

RESUME = option(
    "--resume", metavar="FOLDER", help="Keep the state of the search there, and go on from it."
)

REPORT_OPTIONS = (
    option(
        "-o", "--out", default="report.html", show_default=True, metavar="FILE", help="The page."
    ),
    option(
        "--property",
        "properties",
        multiple=True,
        metavar="TEXT|FILE",
        help='What shall hold: "y[0] <= 3.99", or a .vnnlib file; repeatable.',
    ),
    option("--eps", type=float, help="Radius of robustness.  [default: 1 % of each input's width]"),
    option(
        "--samples",
        type=int,
        default=100,
        show_default=True,
        help="Rows of the data whose robustness is decided.",
    ),
    option(
        "--unit",
        "units",
        nargs=2,
        multiple=True,
        metavar="NAME UNIT",
        help="Of an input; repeatable.",
    ),
    option("--standard", type=["iso-24029"], help="Headings of that standard for the page."),
    option(
        "--time",
        "seconds",
        type=float,
        default=60.0,
        show_default=True,
        help="Seconds for the whole report.",
    ),
    option("--seed", type=int, default=0, show_default=True, help="Of random points."),
    option("--unsafe", is_flag=True, help=UNSAFE),
)


CERTIFICATE = (
    option(
        "--certificate",
        metavar="FILE",
        help="Write a proof to it that outrange-check checks in exact arithmetic.",
    ),
    option("--no-check", is_flag=True, help="Write the certificate only; do not check it now."),
)

ARITHMETIC = option(
    "--arithmetic",
    metavar="real|float32",
    help="What the network computes in; float32: as it is deployed, its sums in any order.  "
    "[default: real; of a VNN-LIB 2.0 file what it declares]",
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
    option("--steps", type=int, help="How many steps (periods) the loop runs."),
    option("--forever", is_flag=True, help="Ask about all time, in the place of --steps."),
    option(
        "--dt", metavar="TIME",
        help="The plant returns the derivative of the state; each control is held for TIME.",
    ),
    option(
        "--spec", "specs", multiple=True, metavar="TEXT",
        help="What shall hold: 'always: x[0] <= 1', 'during 10 20: ...', 'at 20: ...', "
        "'eventually: ...', 'avoid: ...'; repeatable.",
    ),
    option("--disturbance", nargs=2, type=float, metavar="LO HI", help="Of the plant's w."),
    option("--varying/--constant", default=None, help="Whether w changes from step to step."),
    option("--parameters", nargs=2, type=float, metavar="LO HI", help="Of the plant's p."),
    option("--where", metavar="CONDITION", help='Only initial states where it holds: "x[0] < 1".'),
    option(
        "--time", "seconds", type=float, default=60.0, show_default=True,
        help="Stop after this many seconds, reading the files included.",
    ),
    option("--tol", type=float, help="Gap of the pipe to reach, relative to what was seen."),
    option("--seed", type=int, default=0, show_default=True, help="Of the simulated trajectories."),
    option("--plot", "picture", metavar="FILE", help="Draw the states over time: pipe.png, .svg."),
    option("--csv", "table", metavar="FILE", help="Write the pipe as a table."),
    *MODEL_OPTIONS,
)  # fmt: skip

VERIFY_ALL_OPTIONS = (
    option("--root", metavar="FOLDER", help="Names are relative to it.  [default: the list's]"),
    option("--time", "seconds", type=float, help="A limit for each, in place of the list's."),
    option(
        "--out",
        default="results.csv",
        show_default=True,
        metavar="FILE",
        help="The table of results; all of each, witnesses included, in .jsonl beside it.",
    ),
    option("--jobs", type=int, default=1, show_default=True, help="How many at a time."),
    option("--only", metavar="TEXT", help="Only instances whose names contain it."),
    option(
        "--retry",
        type=["unknown", "timeout", "error", "all"],
        multiple=True,
        help="Ask these again; all: whatever is not decided. May be repeated.",
    ),
    option("--memory", type=float, metavar="GIB", help="What each job may use at most."),
    option(
        "--expected",
        metavar="FILE",
        help="Columns onnx,vnnlib,verdict: contradictions are listed.",
    ),
    option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Of the random points that look for counterexamples.",
    ),
    option(
        "--executor",
        metavar="ADDRESS",
        help="Dask's scheduler, whose workers decide: tcp://host:8786.",
    ),
    option(
        "--shard", metavar="I/N", help="A part of the list, 3/8 say; slurm: that of an array's job."
    ),
)
