"""Tests that error messages name command-line options, not Python arguments."""

import re

import pytest

from outrange.cli.messages import TRANSLATIONS
from outrange.cli.run import run


keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("messages")
    model = keras.Sequential([keras.Input((2,), name="car"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.save(folder / "m.keras")
    (folder / "d.csv").write_text("speed,load,price\n1,2,3\n4,5,6\n")
    return str(folder / "m.keras"), str(folder / "d.csv")


PYTHON = re.compile(r"names=|outrange\.load|DataFrame|A dict box|scikit-learn|`Network`|'y'\.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["range", "M", "--input", "speed", "0", "1"], "`--names NAME,NAME,...`"),
        (
            ["range", "M", "--names", "speed,load", "--input", "sped", "0", "1"],
            "`--input` must name every input",
        ),
        (["range", "M", "--names", "speed,load", "--input", "speed", "0", "1"], "0 0` fixes it"),
        (
            ["range", "M", "--names", "a,b,c", "--box", "0", "1"],
            "`--names`, or the columns of a table, must contain one name",
        ),
        (["range", "M", "--names", "a,a", "--box", "0", "1"], "`--names` must all be different"),
        (["range", "M", "--lo", "0,0,0", "--hi", "1,1,1"], "`--lo` and `--hi` of input `car`"),
        (["range", "D", "--box", "0", "1"], "MODEL must be a file ending in .keras"),
        (["range", "D", "--box", "0", "1"], "This looks like a data file"),
        (["diagnose", "M", "D"], "The targets must be the column `y`, or the column"),
    ],
)
def test_errors_speak_of_options(files, capfd, arguments, told):
    options = [dict(zip("MD", files, strict=True)).get(part, part) for part in arguments]
    assert run(options) == 2
    err = capfd.readouterr().err
    assert told in err and not PYTHON.search(err)


def test_every_pattern_is_of_some_message():
    """Each pattern must match a message, so that a reworded message fails here."""
    from pathlib import Path

    import outrange

    sources = Path(outrange.__file__).parent.rglob("*.py")
    text = "".join(re.sub(r'"\s+f?"', "", path.read_text()) for path in sources)
    for pattern, _ in TRANSLATIONS:
        assert all(words in text for words in re.findall(r"[A-Za-z ]{9,}", pattern)), pattern
