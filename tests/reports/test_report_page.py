"""Tests of the `outrange report` page in a browser: accessible, self-contained, not cut off."""

import contextlib
import io
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from explorer.chromium import browser
from outrange.cli.run import run


keras = pytest.importorskip("keras")

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Create a classifier, and its data with titles."""
    folder = tmp_path_factory.mktemp("report")
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)], name="small"
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.save(folder / "small.keras")
    rows = rng.uniform(-1, 1, (20, 3))
    lines = [",".join(map(str, [*row, int(row[0] > 0)])) for row in rows.tolist()]
    (folder / "rows.csv").write_text("\n".join(["speed,angle,load,class", *lines]))
    return folder


def report(folder, *arguments):
    """Run the command in this process; `tests/cli` covers separate processes."""
    out, err, command = io.StringIO(), io.StringIO(), ["report", "small.keras", *arguments]
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["outrange", *command]),
    ):
        code = run(command)
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


@pytest.fixture(scope="module")
def command_page(files):
    """Return the page of the command, with every section."""
    done = report(
        files, "--data", "rows.csv", "--target", "class", "--names", "speed,angle,load",
        "--units", "speed=m/s", "--title", "Two classes",
        "--property", "y[0] <= 100", "--property", "y.argmax() == 0",
        "--time-limit", "200", "-o", "page.html",
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr
    return files / "page.html", done


@pytest.mark.slow
def test_the_command_writes_the_page_and_says_what_is_in_it(command_page):
    path, done = command_page
    page = path.read_text()
    outcome = re.search(r"Requirements: (.*)", done.stdout)
    assert outcome and "100: proved; " in outcome[1] and outcome[1].endswith(": not met")
    assert done.stderr == ""
    assert "outrange report small.keras --data rows.csv --target class" in page
    assert "<h1>Two classes</h1>" in page and "m/s" in page
    assert "How many decisions stay right" in page and "Diagnosis of small" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Describe the inputs"),
        (("--box", "0", "1", "-o", "no/such/folder/page.html"), "The folder of -o must exist"),
        (("--box", "0", "1", "--time-limit", "0"), "--time-limit"),
        (("--box", "0", "1", "--property", "y[0] <"), "y[0] <"),
        (("--data", "none.csv"), "none.csv"),
    ],
)
def test_mistakes_are_one_short_message(files, arguments, message, monkeypatch, capfd):
    monkeypatch.chdir(files)
    code = run(["report", "small.keras", *arguments])
    out, err = capfd.readouterr()
    assert code == 2, err
    assert message in err and out == ""
    assert "Traceback" not in err and len(err.splitlines()) == 1


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_nothing_and_nothing_is_fetched(command_page, scheme, width):
    axe = Path(os.environ.get("OUTRANGE_AXE", "node_modules/axe-core/axe.min.js"))
    with browser() as engine:
        context = engine.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True
        )
        page, requests = context.new_page(), []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(command_page[0].as_uri())
        assert len(requests) == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        if not axe.exists():
            pytest.skip("needs axe-core: npm install axe-core, or its path in OUTRANGE_AXE")
        page.evaluate(axe.read_text())
        violations = page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", TAGS
        )
        assert not [
            (broken["id"], broken["nodes"][0]["html"]) for broken in violations["violations"]
        ]
