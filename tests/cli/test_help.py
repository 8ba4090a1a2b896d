"""Tests of the help of each command: an example that parses, and exit codes in one place."""

import shlex
from inspect import signature

import pytest
from click.testing import CliRunner

import outrange
from outrange.cli.app import app
from outrange.cli.examples import EXAMPLES
from outrange.cli.run import run


def show_help(*arguments):
    return CliRunner().invoke(app, [*arguments, "--help"]).output


def test_every_command_has_an_example():
    assert set(EXAMPLES) == set(app.commands)


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_help_ends_with_an_example(command):
    text = show_help(command)
    assert text.rstrip().endswith("Exit codes: outrange --help.")
    assert "an argument is invalid" not in text
    for line in EXAMPLES[command]:
        assert f"\n    {line}\n" in text
        program, name, *arguments = shlex.split(line)
        assert (program, name) == ("outrange", command)
        app.commands[command].make_context(name, arguments)


def test_exit_codes_are_listed_once():
    assert "an argument is invalid" in show_help()


@pytest.mark.parametrize("command", EXAMPLES)
def test_an_option_is_a_noun_phrase(command):
    for option in app.commands[command].params:
        text = getattr(option, "help", None) or ""
        first = text.split(" ")[0]
        assert first not in ("Of", "What", "How", "Who", "Where", "..."), (command, text)


FUNCTIONS = {
    "range": outrange.output_range,
    "summary": outrange.summary,
    "monotone": outrange.monotone,
    "verify": outrange.verify,
    "verify-all": outrange.verify_all,
    "explore": outrange.explore,
    "diagnose": outrange.diagnose,
    "report": outrange.report,
    "loop": outrange.closed_loop,
}

SHARED = (
    outrange.load, outrange.data_box, outrange.ball, outrange.workers, outrange.ControlLoop,
)  # fmt: skip
"""Functions that a command calls for its model, its input set, its workers and its loop."""

SHELL_ONLY = {
    "box lo hi input data target ball": "They describe the input set, which Python builds.",
    "format": "A Python answer is printed or converted by its methods.",
    "output": "Python selects `answer[i]`.",
    "next forever plot csv": "Python passes a list, None, or calls a method of the answer.",
    "merge memory expected shard": "They concern processes and tables of a batch.",
    "port token host allow-remote open": "They concern the page of a server.",
    "disturbance parameters": "They are entries of the argument `unknown` of `ControlLoop`.",
    "where": "Python restricts the input set: `set & condition`.",
    "fail-on": "It concerns the exit code.",
}
"""Dict from options without an argument in Python to the reason."""


@pytest.mark.parametrize("command", FUNCTIONS)
def test_an_option_has_the_name_of_the_argument(command):
    """A repeatable option has the singular of the name, if the argument is a plural."""
    arguments = {name for f in (FUNCTIONS[command], *SHARED) for name in signature(f).parameters}
    arguments |= {word for words in SHELL_ONLY for word in words.split()}
    arguments |= {name.replace("properties", "property") for name in arguments}
    for option in app.commands[command].params:
        if option.param_type_name == "option" and option.name != "help":
            name = max(option.opts, key=len).removeprefix("--")
            assert name in arguments or name.replace("-", "_") in arguments, name


FORMER = [
    ("range m --time 3", "--time-limit"),
    ("range m --json", "--format json"),
    ("range m --proof-only", "--no-solver"),
    ("range m --data d --reals", "--no-whole"),
    ("range m --data d --relative-margin 0.1", "--margin NUMBER --relative"),
    ("verify-all l --time 3", "--each"),
    ("verify-all l --out r.csv", "--file"),
    ("merge a b --out r.csv", "verify-all --merge"),
    ("report m --out a.html", "--path"),
    ("repair m p --output a.keras", "--path"),
    ("report m --output-name price", "--output-names"),
    ("diagnose m d --unsafe", "--no-safe-mode"),
    ("diagnose m d --steps 3", "--train"),
    ("diagnose m d --try-fixes", "--train fixes"),
]

REMOVED = [
    ("range m --effort exact", "--time-limit inf"),
    ("range m --no-check", "always checked"),
    ("repair m p -o a.keras --seed 1", "leave out --seed"),
    ("loop m --constant", "use --parameters"),
    ("loop m --varying", "leave out --varying"),
    ("loop m --no-varying", "use --parameters"),
]


@pytest.mark.parametrize(("line", "current"), FORMER)
def test_a_former_option_names_the_current_one(line, current, capsys):
    assert run(line.split()) == 2
    stderr = capsys.readouterr().err
    assert " is now " in stderr and current in stderr


@pytest.mark.parametrize(("line", "advice"), REMOVED)
def test_a_removed_option_states_what_to_do(line, advice, capsys):
    assert run(line.split()) == 2
    assert advice in capsys.readouterr().err


def test_lists_and_tables_are_counted(capsys):
    assert run(["verify-all", "a.csv", "b.csv"]) == 2
    assert "Pass one list of instances" in capsys.readouterr().err
    assert run(["verify-all", "--merge", "a.csv", "b.csv", "--jobs", "2"]) == 2
    assert "With --merge" in capsys.readouterr().err
