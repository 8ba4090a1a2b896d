"""Tests of the help of each command: an example that parses, and exit codes in one place."""

import shlex

import pytest
from click.testing import CliRunner

from outrange.cli.app import app
from outrange.cli.examples import EXAMPLES


def show_help(*arguments):
    return CliRunner().invoke(app, [*arguments, "--help"]).output


def test_every_command_has_an_example():
    assert set(EXAMPLES) == set(app.commands)


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_help_ends_with_an_example(command):
    text = show_help(command)
    assert text.rstrip().endswith("Exit codes: outrange --help.")
    assert "invalid arguments" not in text
    for line in EXAMPLES[command]:
        assert f"\n    {line}\n" in text
        program, name, *arguments = shlex.split(line)
        assert (program, name) == ("outrange", command)
        app.commands[command].make_context(name, arguments)


def test_exit_codes_are_listed_once():
    assert "invalid arguments" in show_help()


@pytest.mark.parametrize("command", EXAMPLES)
def test_an_option_is_a_noun_phrase(command):
    for option in app.commands[command].params:
        text = getattr(option, "help", None) or ""
        first = text.split(" ")[0]
        assert first not in ("Of", "What", "How", "Who", "Where", "..."), (command, text)
