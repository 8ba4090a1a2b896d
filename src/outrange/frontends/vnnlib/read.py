"""Detection of a VNN-LIB file's version, and dispatch to its reader."""

import os
import re
from dataclasses import replace

from ...core import PropertySource, Specification, UnsupportedError
from . import version1 as first, version2 as second
from .errors import line_of, refusal
from .files import as_path, read_text, stem
from .tokens import words


VERSIONS = ("2.0", "2.1")
"""Versions that a file may state. Version 2.1 only clarifies 2.0. Files in 1.0 state no version."""


def read_vnnlib(path: str | os.PathLike[str]) -> Specification:
    """Read a VNN-LIB file: a description of the unsafe inputs and outputs of a network.

    Version 1.0 is parsed here, version 2.0 by the `vnnlib` package. Input `X_i`
    and output `Y_j` are the network's flat inputs and outputs, in row-major order. Numbers are
    combined exactly and rounded to the nearest double once per coefficient. A property in version
    1.0 refers to real numbers, whatever arithmetic the network uses. A property in version 2.0
    refers to the element type that its file declares, `real` or `float32`. The numbers in a
    `float32` property are first rounded to float32.

    Args:
        path: A file ending in `.vnnlib` or `.vnnlib.gz`; gzip is detected by content.

    Returns:
        The specification; its `unsafe` is the conjunction of all assertions.

    Raises:
        InputError: There is no such file, or `vnnlib` is needed but not installed.
        ModelError: The file is damaged or malformed; the message states the line.
        UnsupportedError: The file uses something unsupported, such as a product of variables in
            float32.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".vnnlib") as file:
        ...     _ = file.write("(declare-const X_0 Real) (declare-const Y_0 Real)"
        ...                    "(assert (<= X_0 0.5)) (assert (>= (* 2 Y_0) X_0))")
        ...     file.flush()
        ...     read_vnnlib(file.name).unsafe.parts[1]
        Atom(terms=((0, 1.0), (1, -2.0)), offset=0.0, strict=False)
    """
    file = as_path(path)
    text, digest = read_text(file)
    read = first.read if _version(file.name, text) == "1.0" else second.read
    source = PropertySource(file.name, digest, "file")
    return replace(read(text, stem(file), file.name), source=source)


def _version(name: str, text: str) -> str:
    """Return the version that a leading form `(vnnlib-version <...>)` states, or 1.0 by default.

    Raises:
        UnsupportedError: The stated version is not supported.
    """
    opening = [match for match, _ in zip(words(text), range(3), strict=False)]
    if [match.group() for match in opening[:2]] != ["(", "vnnlib-version"]:
        return "1.0"
    stated = opening[2].group() if len(opening) > 2 else ""
    match_version = re.fullmatch(r"<([0-9]+\.[0-9]+)>", stated)
    if match_version is None or match_version[1] not in VERSIONS:
        raise refusal(
            name,
            line_of(text, opening[0].start()),
            "the version must be 1.0 (a file without a version form), 2.0 or 2.1; version 2.0 "
            "is stated as `(vnnlib-version <2.0>)`.",
            f"(vnnlib-version {stated}",
            UnsupportedError,
        )
    return match_version[1]
