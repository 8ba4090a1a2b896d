"""The rules that public docstrings keep: Google style, with shapes, units, errors and sources."""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import outrange
from outrange.core import errors


SECTIONS = ("Args", "Returns", "Raises", "Example")
BOUNDING = ("Sound", "Complete", "Cost", "Reference")

UNBOUNDED = frozenset(
    "avoid ball compare data_box implies linear_plant load read read_property recommend "
    "sample_range within wire".split()
)
"""The functions that bound nothing; every other function says why its bounds are sound."""

ARRAYS = frozenset("box center hi lo mask rows x y y_pred y_true".split())
"""Parameters that hold numbers in a shape, whatever their annotation says."""

TIMES = frozenset("budget each seconds time_limit".split())

SHAPE = re.compile(r"\bshapes?\b|`\([^`]*,[^`]*\)`|broadcast")
REFERS = re.compile(r"(?:[Aa]s for|[Ss]ee|[Aa]s in) `(?:outrange\.)?([\w.]+)`")
LIKEWISE = re.compile(r"\b(?:Likewise|likewise|The same)\b")
NOT_A_VERB = re.compile(r"(?:A|An|The|That|What|Whether|Where|Which|How|It|Like|`.*)(?: |$)")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


class Docstring:
    """A docstring, divided into its sections.

    Args:
        text: The docstring with its indentation cleaned.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.summary = text.split("\n", 1)[0]
        self.sections: dict[str, list[str]] = {}
        self.order: list[str] = []
        section: list[str] | None = None
        for line in text.splitlines():
            head = re.fullmatch(r"(\w+):", line)
            if head and head[1] in SECTIONS:
                section = self.sections.setdefault(head[1], [])
            elif line and not line.startswith(" "):
                section = None
            elif section is not None:
                section.append(line)
        heads = "|".join((*SECTIONS, *BOUNDING))
        self.order = re.findall(rf"^({heads}):", text, re.MULTILINE)

    def entries(self, section: str) -> dict[str, str]:
        """The entries of `Args` or `Raises`: name to description."""
        descriptions: dict[str, str] = {}
        name = ""
        for line in self.sections.get(section, []):
            head = re.fullmatch(r" {4}(\*{0,2}\w[\w., ]*):(?: (.*))?", line)
            if head:
                name = head[1].lstrip("*")
                descriptions[name] = head[2] or ""
            elif line.strip() and name:
                descriptions[name] += " " + line.strip()
        return descriptions

    def paragraph(self, word: str) -> str:
        """The text after `word:` up to the next of its kind or an empty line."""
        stop = "|".join(BOUNDING)
        head = re.search(rf"^{word}: (.*?)(?=\n\n|\n(?:{stop}):|\Z)", self.text, re.M | re.S)
        return head[1] if head else ""


def function_problems(name: str, function: Callable[..., Any], bounds: bool) -> Iterator[str]:
    """Yield the rules that the docstring of a public function breaks."""
    doc = Docstring(inspect.getdoc(function) or "")
    signature = inspect.signature(function)
    yield from _summary_problems(name, doc)
    if NOT_A_VERB.match(doc.summary):
        yield f"{name}: the first line begins with a verb, not {doc.summary.split()[0]!r}"
    yield from args_problems(name, doc, signature)
    wanted = ["Raises", "Example"]
    if signature.return_annotation not in (None, "None"):
        wanted.append("Returns")
    yield from (f"{name}: no `{part}`" for part in wanted if part not in doc.sections)
    yield from _raises_problems(name, doc, function)
    yield from _example_problems(name, doc)
    if bounds:
        yield from _bounding_problems(name, doc)
    yield from _order_problems(name, doc)


def class_problems(name: str, cls: type, record: bool) -> Iterator[str]:
    """Yield the rules that the docstring of a public class breaks.

    A record needs no `Raises` or `Example`: only the package creates it.
    """
    doc = Docstring(inspect.getdoc(cls) or "")
    yield from _summary_problems(name, doc)
    yield from args_problems(name, doc, inspect.signature(cls))
    if not record:
        wanted = ("Raises", "Example")
        yield from (f"{name}: no `{part}`" for part in wanted if part not in doc.sections)
    yield from _raises_problems(name, doc, cls)
    yield from _example_problems(name, doc)
    yield from _order_problems(name, doc)


def method_problems(name: str, method: Callable[..., Any], stated: bool) -> Iterator[str]:
    """Yield the rules that the docstring of a public method breaks.

    A method without arguments says in its summary what it returns; one that fulfils what a base
    class states (`stated`) needs no sections of its own.
    """
    doc = Docstring(inspect.getdoc(method) or "")
    yield from _summary_problems(name, doc)
    yield from _raises_problems(name, doc, method)
    yield from _example_problems(name, doc)
    yield from _order_problems(name, doc)
    signature = inspect.signature(method)
    arguments = [p for p in signature.parameters if p not in ("self", "cls")]
    if stated or not arguments or _as_numpy(doc, arguments):
        return
    yield from args_problems(name, doc, signature)
    if signature.return_annotation not in (None, "None") and "Returns" not in doc.sections:
        yield f"{name}: no `Returns`"
    if re.search(r"^\s+raise \w", inspect.getsource(method), re.M) and "Raises" not in doc.sections:
        yield f"{name}: no `Raises`"


def _as_numpy(doc: Docstring, arguments: list[str]) -> bool:
    """Whether the docstring refers to a NumPy function that documents the same arguments."""
    named = re.search(r"as `numpy\.(\w+)`", doc.text)
    other = getattr(np, named[1], None) if named else None
    return other is not None and set(arguments) <= set(inspect.signature(other).parameters)


def args_problems(name: str, doc: Docstring, signature: inspect.Signature) -> Iterator[str]:
    """Parameters that `Args` does not describe, and arrays without shape, times without unit."""
    parameters = [p for p in signature.parameters if p not in ("self", "cls")]
    described = doc.entries("Args")
    optional = {"kwargs"} | ({"kernel_initializer", "bias_initializer"} & set(parameters))
    yield from (f"{name}: `{p}` is not in `Args`" for p in parameters if p not in described)
    yield from (
        f"{name}: `Args` has `{p}`, the signature does not"
        for p in described
        if p not in parameters and p not in optional
    )
    for parameter, description in described.items():
        annotation = str(getattr(signature.parameters.get(parameter), "annotation", ""))
        if _is_array(parameter, annotation) and not _says(parameter, description, described, SHAPE):
            yield f"{name}: `{parameter}` has no shape"
        seconds = re.compile("[Ss]econds?")
        if parameter in TIMES and not _says(parameter, description, described, seconds):
            yield f"{name}: `{parameter}` has no unit"


def _is_array(parameter: str, annotation: str) -> bool:
    numbers = re.search(r"\b(?:float|int|bool|str)\b", annotation) and "ndarray" not in annotation
    return "ndarray" in annotation or (parameter in ARRAYS and not numbers)


def _says(parameter: str, said: str, described: Mapping[str, str], wanted: re.Pattern[str]) -> bool:
    """Whether a description, or one that it refers to, holds what is wanted."""
    if wanted.search(said):
        return True
    names = list(described)
    before = names[: names.index(parameter)] if parameter in names else []
    if LIKEWISE.search(said) and before:
        return _says(before[-1], described[before[-1]], described, wanted)
    for target in REFERS.findall(said):
        other = _docstring_of(target).entries("Args")
        if parameter in other and _says(parameter, other[parameter], other, wanted):
            return True
    return False


def _docstring_of(target: str) -> Docstring:
    described: Any = outrange
    for part in target.split("."):
        described = getattr(described, part, None)
    return Docstring(inspect.getdoc(described) or "")


def _summary_problems(name: str, doc: Docstring) -> Iterator[str]:
    if not re.search(r"[.?]$", doc.summary):
        yield f"{name}: the first line is no sentence: {doc.summary!r}"


def _raises_problems(name: str, doc: Docstring, owner: Any) -> Iterator[str]:
    if "Raises" in doc.sections and not doc.entries("Raises"):
        yield f"{name}: `Raises` names no error"
    for listed in doc.entries("Raises"):
        for error in listed.split(", "):
            homes = (errors, builtins, sys.modules[owner.__module__])
            error_class = next((getattr(h, error) for h in homes if hasattr(h, error)), None)
            if not (isinstance(error_class, type) and issubclass(error_class, Exception)):
                yield f"{name}: `Raises` has {error!r}, no error of this library or of Python"


def _example_problems(name: str, doc: Docstring) -> Iterator[str]:
    example = "\n".join(doc.sections.get("Example", []))
    if "Example" in doc.sections and ">>> " not in example:
        yield f"{name}: `Example` has nothing to run"
    if "+SKIP" in example:
        yield f"{name}: `Example` is skipped"


def _bounding_problems(name: str, doc: Docstring) -> Iterator[str]:
    shared = r"^Sound, complete, cost, reference: as for `outrange\.([\w.]+)`"
    same = re.search(shared, doc.text, re.M)
    if same:
        other = _docstring_of(same[1])
        if not all(other.paragraph(word) for word in BOUNDING):
            yield f"{name}: refers to `{same[1]}`, which does not say it either"
        return
    yield from (f"{name}: no `{word}:`" for word in BOUNDING if not doc.paragraph(word))
    reference = doc.paragraph("Reference")
    if reference and not (YEAR.search(reference) and re.search(r"\*[^*]+\*", reference)):
        yield f"{name}: `Reference` needs authors, a title in italics and a year"


def _order_problems(name: str, doc: Docstring) -> Iterator[str]:
    wanted = sorted(doc.order, key=(*SECTIONS, *BOUNDING).index)
    if doc.order != wanted or len(set(doc.order)) < len(doc.order):
        yield f"{name}: sections come as {doc.order}, not as {wanted}"
