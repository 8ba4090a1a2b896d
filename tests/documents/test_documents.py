"""The Python examples of README and docs run, and print what they say they print."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import independent_milp
import outrange


ROOT = Path(__file__).parents[2]
PAGES = sorted(page for place in (".", "docs", "tests") for page in (ROOT / place).glob("*.md"))
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples(text: str) -> str:
    """The page with everything but its Python blocks blanked, so that line numbers stay right."""
    kept, inside = [], False
    for line in text.splitlines():
        fence = re.match(r"\s*```(\w*)", line)
        if fence:
            inside = fence[1] == "python" and not inside
        kept.append(line if inside and not fence else "")
    return "\n".join(kept) + "\n"


def run(page: Path) -> dict:
    """Run a page's examples; returns the names they leave behind."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=OPTIONS)
    found = parser.get_doctest(examples(page.read_text()), {}, page.name, str(page), 0)
    report = []
    runner.run(found, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)
    return found.globs


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(page)


def test_the_range_the_readme_prints_is_that_of_a_mixed_integer_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep = run(ROOT / "README.md")["deep"]
    answer = outrange.output_range(deep, (0, 1))
    w0, b0, w1, b1 = (np.asarray(w, np.float64) for w in deep.get_weights())
    net = [("dense", w0, b0), ("pieces", (0.0,), (0.0, 1.0), 0.0), ("dense", w1, b1)]
    for output in range(4):
        least, most = independent_milp.output_range(net, np.zeros(5), np.ones(5), output)
        assert least.closed
        assert most.closed
        apart = [answer.lo[output] - least.bound, answer.hi[output] - most.bound]
        assert np.max(np.abs(apart)) <= 1.1e-6 * (most.value - least.value)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
