"""README names every extra of the package."""

import re
import tomllib
from pathlib import Path


ROOT = Path(__file__).parents[2]


def test_readme_names_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (line,) = re.findall(r"^Extras: (.*?)\.\s", (ROOT / "README.md").read_text(), re.M | re.S)
    named = re.findall(r"[\w-]+", re.sub(r"\(.*?\)", "", line, flags=re.S))
    assert sorted(named) == sorted(project["optional-dependencies"])
