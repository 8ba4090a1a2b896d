"""README stays short, its badges right, and pages for newcomers free of the project's history."""

import re
import runpy
import tomllib
from pathlib import Path


ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WORDS = 700
"""Words that README may have, those of its code included."""

HISTORY = re.compile(
    r"\b(used to|previously|formerly|no longer|we tried|tried,? and (left out|rejected)|was changed"
    r"|in earlier versions)\b"
)
OTHER_MEANINGS = (
    "used to bound", "used to compute", "used to estimate", "used to prove",
)  # fmt: skip
"""Phrases of the present that contain a word of history."""

EXEMPT = ("decisions", "releasing.md", "_build")
"""Pages and folders of docs/ that are about the past, and what Sphinx writes."""


def _pages() -> list[Path]:
    pages = [page for kind in ("md", "py", "ipynb") for page in DOCS.rglob(f"*.{kind}")]
    pages = [page for page in pages if page.relative_to(DOCS).parts[0] not in EXEMPT]
    return [ROOT / "README.md", *sorted(pages)]


def history(text: str) -> list[str]:
    """Return the words of history in a page."""
    text = re.sub(r"\s+", " ", text)
    for phrase in OTHER_MEANINGS:
        text = text.replace(phrase, "")
    return [match[0] for match in HISTORY.finditer(text)]


def test_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(re.findall(r"\S*\w\S*", text)) <= WORDS


def test_badges_are_right():
    tool = runpy.run_path(str(DOCS / "tools" / "badges.py"))
    for name, (label, value) in tool["facts"]().items():
        drawn = (DOCS / "badges" / f"{name}.svg").read_text()
        assert drawn == tool["badge"](label, value), "run: python docs/tools/badges.py docs/badges"
        assert f"docs/badges/{name}.svg" in (ROOT / "README.md").read_text()


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cited == [project["version"]]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_paths_that_pages_name_exist():
    package, lost = ROOT / "src" / "outrange", []
    for page in (page for page in _pages() if page.suffix == ".md"):
        for path in re.findall(r"`([\w./]+/(?:[\w.]+\.(?:py|c|h|md))?)`", page.read_text()):
            homes = [home for home in (package, ROOT) if (home / path.split("/")[0]).is_dir()]
            if homes and not any((home / path).exists() for home in homes):
                lost.append(f"{page.name}: {path}")
    assert not lost


def test_pages_have_no_history_of_the_project():
    pages = _pages()
    assert len(pages) > 40
    words_by_page = {page.relative_to(ROOT).as_posix(): history(page.read_text()) for page in pages}
    assert not {page: words for page, words in words_by_page.items() if words}


def test_words_of_history_are_seen():
    text = "It was tried and left out, and is no\nlonger needed; a bound used to prove it."
    assert history(text) == ["tried and left out", "no longer"]
