"""Options of the command lines that are seconds: a real number everywhere."""

import click
import pytest

from outrange.cli.app import app as shell
from outrange.cli.run import run
from outrange.cli.vnnlib.app import app as standard


def options():
    """Yield every option of every command that is named seconds, or says so in its help."""
    for group in (shell, standard):
        for name, command in group.commands.items():
            for option in command.params:
                text = (getattr(option, "help", None) or "").lower()
                if option.name == "seconds" or "second" in text.replace("second time", ""):
                    yield f"{group.name} {name} {option.opts[0]}", option


def test_seconds_are_real_numbers():
    """`outrange-vnnlib verify --timeout 10.0` was refused."""
    every = dict(options())
    assert len(every) >= 7
    assert not [name for name, option in every.items() if option.type is not click.FLOAT]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_limit_that_is_none(seconds, capsys):
    assert run(["verify", "q.vnnlib", "--timeout", seconds], vnnlib=True) == 2
    assert "`--timeout` must be a finite number of seconds above 0" in capsys.readouterr().err
