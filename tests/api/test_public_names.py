"""Public names: few at the top, and former names that state the current ones."""

import ast
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest

import outrange


LAZY = "answers callbacks training vnnlib".split()


def test_the_package_has_at_most_50_public_names():
    assert len(outrange.__all__) <= 50
    assert len(set(outrange.__all__)) == len(outrange.__all__)
    assert set(outrange.__all__) < set(dir(outrange))


@pytest.mark.parametrize("name", outrange.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(outrange, name) is not None


@pytest.mark.parametrize(("former", "current"), outrange._RENAMED.items())
def test_a_former_name_states_the_current_one(former, current):
    sentence = f"`outrange.{former}` is now `outrange.{current}`."
    with pytest.raises(AttributeError) as attribute_error:
        getattr(outrange, former)
    assert str(attribute_error.value) == sentence
    with pytest.raises(ImportError) as import_error:
        exec(f"from outrange import {former}")
    assert str(import_error.value) == sentence
    assert not hasattr(outrange, former)
    assert attrgetter(current)(outrange).__name__ == current.rpartition(".")[2]


@pytest.mark.parametrize("module", ["outrange", *(f"outrange.{name}" for name in LAZY)])
def test_names_imported_on_first_use_are_those_that_a_type_checker_sees(module):
    package = import_module(module)
    (block,) = (
        node for node in ast.parse(Path(package.__file__).read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )  # fmt: skip
    seen = {alias.name for line in block.body for alias in line.names}
    assert seen == set(dir(package)) - {"__version__"}
    for line in block.body:
        home = import_module("." * line.level + (line.module or ""), package.__package__)
        for alias in line.names:
            assert alias.name == alias.asname
            assert getattr(package, alias.name) is getattr(home, alias.name)


@pytest.mark.parametrize("module", [outrange, outrange.answers])
def test_an_unknown_name_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match=f"'{module.__name__}' has no attribute 'Rnage'"):
        module.Rnage  # noqa: B018
