"""`outrange --version` in a checkout that is not installed ended in "a bug in outrange"."""

import importlib.metadata as metadata

import pytest

import outrange


def test_version_without_installation(monkeypatch):
    """click looked for an installed distribution."""
    testing = pytest.importorskip("click.testing")
    from outrange.cli.app import app

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    result = testing.CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0, result.output
    assert outrange.__version__ in result.output


def test_answers_are_stamped_with_the_same_version():
    from outrange.core import VERSION

    assert outrange.__version__ == VERSION
