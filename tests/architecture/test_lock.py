"""The lock of development holds everything that the project says it needs."""

import re
import tomllib
from pathlib import Path


ROOT = Path(__file__).parents[2]


def _names(lines) -> set[str]:
    return {re.split(r"[<>=!~;\[ ]", line)[0].lower().replace("_", "-") for line in lines}


def test_the_lock_holds_what_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = _names(
        [
            *project["dependencies"],
            *(line for name in ("keras", "onnx", "plot", "vnnlib", "dev") for line in extras[name]),
        ]
    )
    pinned = _names((ROOT / "requirements" / "dev.txt").read_text().splitlines()[1:])
    assert wanted - {"outrange"} <= pinned
