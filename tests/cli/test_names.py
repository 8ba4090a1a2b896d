"""Features of a model by name: by `--names`, or by the titles of a csv file."""

import pytest

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
    told = capsys.readouterr().err
    assert "takes 3 features, and the data has 4 columns" in told and "--target" in told
    assert run(["range", model, "--data", data, "--target", "approve"]) == 0
    assert "income = " in capsys.readouterr().out


def test_the_explorer_takes_the_titles(files, monkeypatch):
    pytest.importorskip("starlette")
    from outrange.explorer import serve

    shown = []
    monkeypatch.setattr(serve, "serve", lambda exhibit, ready, **options: shown.append(exhibit))
    assert run(["explore", files[0], "--data", files[1], "--target", "approve"]) == 0
    (exhibit,) = shown
    assert exhibit.hello()["inputs"] == ["age", "income", "debt"]
    assert exhibit.hello()["lo"] == [20, 100, 1]
