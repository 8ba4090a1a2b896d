"""The Python examples of README and docs run and print the outputs shown."""

import ast
import doctest
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import independent_milp
import outrange
from documents.refresh import refresh_page
from documents.results import OPTIONS, Results


ROOT = Path(__file__).parents[2]
PAGES = sorted(page for place in (".", "docs", "tests") for page in (ROOT / place).glob("*.md"))


TABLE = """output     lo   hi  relative gap  range
──────────────────────────────────────
force    -3.5  2.1    {}  ███"""


def examples(text: str) -> str:
    """Return the page with everything but its Python blocks blanked, to keep line numbers."""
    lines, inside = [], False
    for line in text.splitlines():
        fence = re.match(r"\s*```(\w*)", line)
        if fence:
            inside = fence[1] == "python" and not inside
        lines.append(line if inside and not fence else "")
    return "\n".join(lines) + "\n"


def run(page: Path) -> dict:
    """Run a page's examples and return the names they define."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(Results(), optionflags=OPTIONS)
    example = parser.get_doctest(examples(page.read_text()), {}, page.name, str(page), 0)
    report = []
    runner.run(example, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)
    return example.globs


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _page_parameter(page: Path):
    """Return the page, marked `wallclock` if its examples use executors."""
    has_executors = "Executor(" in examples(page.read_text())
    return pytest.param(page, marks=[pytest.mark.wallclock] if has_executors else [])


@pytest.mark.parametrize("page", [_page_parameter(page) for page in PAGES], ids=map(_name, PAGES))
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(page)


def test_the_range_the_readme_prints_is_that_of_a_mixed_integer_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run(ROOT / "README.md")
    w0, b0, w1, b1 = (np.asarray(w, np.float64) for w in names["model"].get_weights())
    net = [("dense", w0, b0), ("pieces", (0.0,), (0.0, 1.0), 0.0), ("dense", w1, b1)]
    least, most = independent_milp.output_range(net, -np.ones(6), np.ones(6), 0)
    assert least.closed
    assert most.closed
    exact = names["exact"]
    apart = [exact.lo[0] - least.bound, exact.hi[0] - most.bound]
    assert np.max(np.abs(apart)) <= 1.1e-6 * (most.value - least.value)


def test_links_to_scripts_lead_to_built_pages_in_the_built_documentation():
    tool = runpy.run_path(str(ROOT / "docs" / "tools" / "built_links.py"))
    page = "[a](gallery/1_x/plot_b.py), [c\nd](tutorial/plot_1.py), [n](tour.ipynb), [e](api.md)"
    assert tool["rewritten"](page) == (
        '[a](examples/1_x/plot_b.rst), [c\nd](learn/plot_1.rst), <a href="tour.html">n</a>, '
        "[e](api.md)"
    )
    assert tool["rewritten"]("[a](../tutorial/plot_b.py)") == "[a](../learn/plot_b.rst)"


def test_every_public_name_is_in_the_reference():
    pages = [ROOT / "docs" / "api.md", *(ROOT / "docs" / "api").glob("*.md")]
    reference = "\n".join(page.read_text() for page in pages)
    described = set(
        re.findall(r"^\.\. auto(?:function|class|exception):: outrange\.(\S+)", reference, re.M)
    )
    listed = set(re.findall(r"^   outrange\.(\S+)", reference, re.M))
    assert described == listed
    names = set(outrange.__all__) - {"x", "y", "u"}
    assert names <= described
    for module in {*outrange._MODULES} - {"callbacks", "layers", "losses", "testing"}:
        assert {f"{module}.{name}" for name in dir(getattr(outrange, module))} <= described
    assert {"testing.assert_holds", "testing.assert_range"} <= described
    errors = {name for name in vars(outrange.core.errors) if name.endswith("Error")}
    assert errors <= {name.rpartition(".")[2] for name in described}


def test_blocks_of_pages_end_with_their_last_line_and_have_no_comments_for_the_formatter():
    nodes = pytest.importorskip("docutils.nodes")
    page = nodes.container()
    page += [nodes.literal_block(text, text) for text in (">>> 1\n1\n\n", "a  # fmt: skip\n\nb")]
    runpy.run_path(str(ROOT / "docs" / "tools" / "trimmed_blocks.py"))["trim"](None, page)
    assert [block.astext() for block in page] == [">>> 1\n1", "a\n\nb"]
    assert [block.rawsource for block in page] == [">>> 1\n1", "a\n\nb"]


def test_a_thumbnail_is_drawn_without_changes_to_its_figure(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, ax = pyplot.subplots(figsize=(6, 4))
    numbers = pyplot.get_fignums()
    ax.plot([0, 1], [0, 1], label="line")
    ax.legend()
    ax.set(title="title", ylabel="a label that is longer than a thumbnail is high")
    path = tmp_path / "small.png"
    runpy.run_path(str(ROOT / "docs" / "tools" / "thumbnails.py"))["draw"](figure, path)
    assert pyplot.imread(path).shape[:2] == (340, 680)
    assert pyplot.get_fignums() == numbers
    assert (ax.get_title(), figure.get_size_inches().tolist()) == ("title", [6, 4])
    assert ax.get_legend() is not None
    pyplot.close(figure)


@pytest.mark.parametrize(("use", "extra"), [
    (".plot(", "plot"), ("outrange.explore(", "explore"), (".to_frame(", "pandas"),
    ("import keras", "keras"),
])  # fmt: skip
def test_the_notebook_says_how_to_install_what_its_cells_need(use, extra):
    cells = json.loads((ROOT / "docs" / "tour.ipynb").read_text())["cells"]
    code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert use in code
    setup = re.search(r"pip install \"\.\[(.*?)\]\"", "".join(cells[0]["source"]))
    assert setup is not None and extra in setup[1].split(",")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("exact; 0.45 s, 1 box.", "exact; 1.20 s, 12,345 boxes.", True),
        ("lo 6.87431 rest", "lo 6.8743  rest", True),
        ("gap 9e-07", "gap 5.1e-14", False),
        ("lo 0.00012", "lo 0.00013", False),
        ("share 1e-09", "share -1e-09", False),
        (TABLE.format("     9e-07"), TABLE.format("   5.1e-14"), True),
        (TABLE.format("     9e-07").replace("-3.5", "-3.4"), TABLE.format("   5.1e-14"), False),
        (f"{TABLE}\n<BLANKLINE>\nlo 1", f"{TABLE}\n\nlo 2", False),
        ("array([1., 2.5])", "array([1., 2.50000001])", True),
        ("lo 6.87431", "lo 6.87451", False),
        ("HOLDS in 1 s", "VIOLATED in 1 s", False),
        ("[1, 2]", "[1, 2, 3]", False),
    ],
)
def test_results_are_compared_by_what_they_say(want, got, same):
    assert Results().check_output(want + "\n", got + "\n", OPTIONS) is same


def test_a_page_is_refreshed_where_it_is_wrong_and_only_there():
    page = "Text\n\n```python\n>>> 1 + 1\n3\n>>> print('a\\n\\nb')\n>>> 0.5\n0...\n\n```\nend\n"
    right = page.replace("\n3\n", "\n2\n").replace("b')\n", "b')\na\n<BLANKLINE>\nb\n")
    assert refresh_page(page) == right


def test_links_inside_the_pages_are_checked(tmp_path):
    links = "b.html#here https://x.org/ #top b.html#gone d.html #nowhere".split()
    body = "".join(f'<a href="{link}">there</a>' for link in links)
    (tmp_path / "a.html").write_text(f'<h1 id="top">A</h1><img src="c.png">{body}')
    (tmp_path / "b.html").write_text('<p id="here"></p><img srcset="c.png, c.png 2x">')
    tool = runpy.run_path(str(ROOT / "docs" / "tools" / "check_links.py"))
    lost = [f"a.html: {link}" for link in ("#nowhere", "b.html#gone", "c.png", "d.html")]
    assert sorted(tool["broken"](tmp_path)) == [*lost, "b.html: c.png"]
    (tmp_path / "c.png").touch()
    assert "b.html: c.png" not in tool["broken"](tmp_path)


def test_every_case_of_the_gallery_has_a_title_a_text_and_a_figure():
    cases = sorted((ROOT / "docs" / "gallery").rglob("*.py"))
    assert len(cases) >= 12
    for case in cases:
        source = case.read_text()
        title, line, _, text, *_ = ast.get_docstring(ast.parse(source), clean=False).split("\n")
        assert title, f"{case.name} has no title"
        assert set(line) == {"="}, f"the title of {case.name} is not underlined"
        assert len(line) == len(title), f"the line below the title of {case.name} is not as long"
        assert text, f"{case.name} does not say what it is about"
        assert "plt.show()" in source, f"{case.name} draws nothing"
        assert len(source.splitlines()) <= 110, f"{case.name} is not short"


def test_what_is_to_be_installed_can_be():
    """The package is not on an index yet, so pages must not install its extras from there."""
    texts = [*PAGES, *(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]
    extra = re.compile(r"install .{0,3}outrange\[")
    assert not [path.name for path in texts if extra.search(path.read_text())]
