"""Tests of feature names, from `--names` or from the titles of a csv file."""

import json

import numpy as np
import pytest

from outrange.cli.commands.report import _data
from outrange.cli.options.boxes import BoxOptions
from outrange.cli.run import run


keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("named")
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(1)]
    keras.Sequential([keras.Input((3,)), *layers]).save(folder / "m.keras")
    (folder / "d.csv").write_text("age,income,debt,approve\n20,100,1,0\n40,900,2,1\n")
    return str(folder / "m.keras"), str(folder / "d.csv")


NAMES = ("--names", "age, income, debt")


@pytest.mark.parametrize(
    "box",
    [
        ("--input", "age", "0", "1", "--input", "income", "0", "1", "--input", "debt", "0", "1"),
        ("--box", "0", "1"),
        ("--lo", "0,0,0", "--hi", "1,1,1"),
    ],
    ids=["by name", "one for all", "arrays"],
)
def test_boxes_of_named_features(files, capsys, box):
    assert run(["range", files[0], *NAMES, *box]) == 0
    named = capsys.readouterr().out
    assert run(["range", files[0], "--box", "0", "1"]) == 0
    nameless = capsys.readouterr().out
    assert "income = " in named and "income" not in nameless
    assert named.splitlines()[4].split()[:3] == nameless.splitlines()[4].split()[:3]


def test_properties_of_named_features(files, capsys):
    assert run(["verify", files[0], "x['age'] <= 2", *NAMES, "--box", "0", "1"]) == 0
    assert capsys.readouterr().out.startswith("holds")
    assert run(["verify", files[0], "y[0] <= 2", *NAMES]) == 2
    assert "needs an input set" in capsys.readouterr().err


def test_a_column_that_is_no_input_is_told(files, capsys):
    model, data = files
    assert run(["range", model, "--data", data]) == 2
    stderr = capsys.readouterr().err
    assert "takes 3 features, but the data has 4 columns" in stderr and "--target" in stderr
    assert run(["range", model, "--data", data, "--target", "approve"]) == 0
    assert "income = " in capsys.readouterr().out


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Create a model `x + 10 y + 100 z`, and return a function that writes tables beside it."""
    folder = tmp_path_factory.mktemp("tables")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[1.0], [10.0], [100.0]]), np.zeros(1)])
    model.save(folder / "sum.keras")

    def table(*lines):
        (folder / "table.csv").write_text("\n".join(lines) + "\n")
        return [
            "range",
            str(folder / "sum.keras"),
            "--format",
            "json",
            "--data",
            str(folder / "table.csv"),
        ]

    return table


def run_command(capsys, arguments):
    code = run([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, json.loads(printed.out)["hi"] if code == 0 else None, printed.err


def test_a_feature_called_y_is_not_taken_for_the_target_unasked(tables, capsys):
    arguments = tables("x,y,z,label", "1,2,3,7", "1,2,3,7")
    code, _, message = run_command(capsys, arguments)
    assert code == 2
    for part in ("`y` may be a target or a feature", "--target", "--names", "'label'"):
        assert part in message
    for options in (("--target", "label"), ("--names", "x,y,z")):
        code, hi, message = run_command(capsys, [*arguments, *options])
        assert (code, hi, message) == (0, [pytest.approx(321)], "")
    code, hi, message = run_command(capsys, [*arguments, "--target", "y"])
    assert (code, hi, message) == (0, [pytest.approx(731)], "")
    # Without `y` there are too few columns: it is a feature.
    code, hi, message = run_command(capsys, tables("x,y,z", "1,2,3"))
    assert (code, hi, message) == (0, [pytest.approx(321)], "")


def test_a_last_column_y_is_the_target_and_it_is_said(tables, capsys):
    arguments = tables("a,b,c,y", "1,2,3,7")
    code, hi, message = run_command(capsys, arguments)
    assert (code, hi) == (0, [pytest.approx(321)])
    assert message.count("\n") == 1 and "`y` of " in message and "as the target" in message
    assert "--target" in message
    for options in (("--target", "y"), ("--names", "a,b,c")):
        assert run_command(capsys, [*arguments, *options])[2] == ""


def test_a_first_line_of_numbers_is_data_unless_it_names_the_features(tables, capsys):
    arguments = tables("2019,2020,2021", "1,2,3")
    assert run_command(capsys, arguments)[1] == [pytest.approx(2019 + 20200 + 202100)]
    assert run_command(capsys, [*arguments, "--names", "a,b,c"])[1] == [pytest.approx(224319)]
    assert run_command(capsys, [*arguments, "--names", "2019,2020,2021"])[1] == [pytest.approx(321)]
    assert run_command(capsys, [*arguments, "--names", "2021,2020,2019"])[1] == [pytest.approx(123)]


def test_a_report_takes_the_columns_of_its_names(tables):
    *_, name = tables("z,label,y,x", "3,7,2,1")
    x = _data(BoxOptions(data=name, names="x,y,z"))
    np.testing.assert_array_equal(x, [[1, 2, 3]])
    x, y = _data(BoxOptions(data=name, names="x,z,label"))
    np.testing.assert_array_equal(x, [[1, 3, 7]])
    np.testing.assert_array_equal(y, [[2]])
    x, y = _data(BoxOptions(data=name))
    np.testing.assert_array_equal(x, [[3, 7, 1]])


def test_the_explorer_takes_the_titles(files, monkeypatch):
    pytest.importorskip("starlette")
    from outrange.explorer import serve

    shown = []
    monkeypatch.setattr(serve, "serve", lambda exhibit, ready, **options: shown.append(exhibit))
    assert run(["explore", files[0], "--data", files[1], "--target", "approve"]) == 0
    (exhibit,) = shown
    assert exhibit.hello()["inputs"] == ["age", "income", "debt"]
    assert exhibit.hello()["lo"] == [20, 100, 1]
