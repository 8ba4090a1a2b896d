"""Location of an operation or an error: its submodule and line of user code."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from sysconfig import get_path
from typing import Any

from .api import torch


_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in .*\n\s*(?P<code>.*)')

_LIBRARY = Path(__file__).parents[2]


def operation_place(node: Any) -> str:
    """Return a node's submodule and the user's line of code, or `""` if they are not recorded."""
    frames = [m.groups() for m in _FRAME.finditer(node.meta.get("stack_trace") or "")]
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    module = f"submodule `{path}` ({str(kind).split('.')[-1]})" if path else ""
    return ", ".join(part for part in (module, _user_line(frames)) if part)


def error_place(error: BaseException) -> str:
    """Return the last line of the user's code in a traceback, or `""` if it contains none."""
    frames = traceback.extract_tb(error.__traceback__)
    return _user_line([(f.filename, str(f.lineno), f.line or "") for f in frames])


def _user_line(frames: list[tuple[Any, ...]]) -> str:
    """Return the code, file and line of the last frame of user code, or `""` if there is none."""
    libraries = (str(Path(torch().__file__).parent), str(_LIBRARY), get_path("stdlib"))
    user_frames = [f for f in frames if not f[0].startswith(libraries) and "<" not in f[0]]
    if not user_frames:
        return ""
    file, line, code = user_frames[-1]
    return f"`{code.strip()[:80]}` ({Path(file).name}, line {line})"
