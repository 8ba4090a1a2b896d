"""Functions that prove claims, write certificates and run the checker on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from outrange_check.build import combine, exact
from outrange_check.certificate import largest
from outrange_check.curves import BITS
from outrange_check.network import Form, Network, Refused
from outrange_check.readers import read

from ..core import Box, InputError, OutOfTime, check_deadline, seconds_left
from ..graph import Graph
from .errors import NoCertificateError, NoTreeError
from .exact_network import exact_network
from .file import Claim, ProvedBox, write_certificate
from .prove import AHEAD, Goal, prove_box
from .provers.growth_prover import growth_goals
from .resolution import resolution_loss


PART = ".part"
"""Suffix of a certificate's file name until the file is complete and checked."""


@dataclass(frozen=True, eq=False)
class Subject:
    """The network that a certificate is about, and its model file.

    Args:
        network: The network in exact numbers.
        file: The model file, or None for a model in memory.
        sha256: SHA-256 of that file, or None.
    """

    network: Network
    file: str | None
    sha256: str | None


def read_subject(graph: Graph, file: str | None, known: str | None = None) -> Subject:
    """Return the `Subject` of a model; a model file is read by the checker's own reader.

    Args:
        graph: The graph that outrange read from the model.
        file: The model file; None for a model in memory.
        known: SHA-256 of the file at the time when the graph was read, or None.

    Raises:
        InputError: Certificates do not cover some part of the network (the message names it), or
            the file no longer matches the graph.
    """
    if file is None:
        return Subject(exact_network(graph), None, None)
    try:
        network, digest = read(file)
    except Refused as why:
        raise InputError(f"{file} cannot be certified: {why}") from None
    if known is not None and known != digest:
        raise InputError(
            f"{file} cannot be certified, because it has changed since it was read. Load it again."
        )
    if network.inputs != graph.size:
        raise InputError(
            f"{file} cannot be certified: the checker reads {network.inputs} inputs, but "
            f"outrange reads {graph.size}. Leave out `certificate=`."
        )
    return Subject(network, file, digest)


def output_form(network: Network, row: np.ndarray, plus: float) -> Form:
    """Return the linear form `row @ outputs + plus` with exact coefficients."""
    used = np.flatnonzero(row)
    terms = [(exact(float(row[i])), network.outputs[i]) for i in used]
    return combine(terms, exact(float(plus)))


Part = tuple[Box, Sequence[tuple[Claim, float]]]
"""A box, and its claims, each with the scale of its tolerances. If a claim compares a derivative
with 0, its scale is passed as 0 and estimated during the proof."""


def certify(
    path: str | os.PathLike,
    about: Subject,
    parts: Sequence[Part],
    notes: dict[str, Any],
) -> None:
    """Prove claims by a tree that can be checked independently, and write the certificate.

    The certificate appears at `path` only after the checker has accepted it.

    Args:
        path: The file to write.
        about: The network in exact numbers.
        parts: The boxes and their claims.
        notes: Notes that are stored in the file but not certified.

    Raises:
        OutOfTime: The ambient deadline passed; nothing is written.
        NoCertificateError: No tree was found, or the checker refuses it; nothing is written.
    """
    model = None
    if about.file is not None and about.sha256 is not None:
        model = (Path(about.file).name, about.sha256)
    path, refused = Path(path), ""
    none: NoCertificateError | None = None
    part = path.with_name(f"{path.name}.{os.getpid()}{PART}")  # two processes may write one file
    try:
        # The first search for a tree leaves room for float64 rounding. With smooth curves, the
        # second leaves none, and the checker decides whether that suffices. Where float64 cannot
        # decide the side of a kink, a tree may list units other than those the checker finds
        # undecided; box splits list none.
        for again in (False, True):
            try:
                proved = _prove_parts(about, parts, again)
            except NoTreeError as why:
                none = why
                continue
            write_certificate(part, about.network, proved, model, notes)
            if not (refused := run_checker(part, about.file)):
                os.replace(part, path)
                return
    finally:
        part.unlink(missing_ok=True)
    if none is None:
        none = NoCertificateError(
            f"the checker does not certify the proof ({refused}); the answer is still valid; "
            "this is a bug in outrange, please report it"
        )
    raise _explain_resolution(about, parts) or none


def _explain_resolution(about: Subject, parts: Sequence[Part]) -> NoCertificateError | None:
    """Return an error if the checker's resolution is too coarse for a claim, or None."""
    for box, claims in parts:
        by = claims[0][0].by
        forms, sizes = [_forms(about, claim) for claim, _ in claims], [size for _, size in claims]
        whole = Network(about.network.inputs, list(about.network.blocks), about.network.outputs)
        if by is None:
            goals = [largest(whole, each) for each in forms]
        else:
            goals, sampled_slopes = growth_goals(whole, by, box, [each[0] for each in forms])
            sizes = [
                size or slope for size, slope in zip(sizes, sampled_slopes.tolist(), strict=True)
            ]
        for lost, size in zip(resolution_loss(whole, box, goals), sizes, strict=True):
            if not lost <= AHEAD * size:
                what = "a value" if by is None else "a slope"
                return NoCertificateError(
                    f"the checker computes in steps of 2^-{BITS}, and with inputs and weights of "
                    f"this size it can certify {what} only to within {lost:.1g}, but the claim "
                    f"needs {AHEAD * size:.1g}"
                )
    return None


def _forms(about: Subject, claim: Claim) -> list[Form]:
    return [
        output_form(about.network, row, plus)
        for row, plus in zip(claim.rows, claim.plus, strict=True)
    ]


def _prove_parts(about: Subject, parts: Sequence[Part], again: bool) -> list[ProvedBox]:
    """Return every box with its claims and the tree that proves them.

    Args:
        about: The network in exact numbers.
        parts: The boxes and their claims.
        again: Whether this is the last attempt; see `prove_box`.

    Raises:
        NoTreeError: No tree was found for a box.
    """
    proved_boxes = []
    for box, claims in parts:
        goals = [Goal(_forms(about, claim), claim.least, scale) for claim, scale in claims]
        tree = prove_box(about.network, box, goals, again, claims[0][0].by)
        if tree is None:
            raise NoTreeError(
                "no proof tree was found, because a bound is attained up to float64 rounding; "
                "pass a larger `tol`"
                if claims[0][0].by is None
                else "no proof tree was found, because splitting the set does not separate units "
                "whose kinks coincide, or a slope is attained up to float64 rounding"
            )
        proved_boxes.append(ProvedBox(box, [claim for claim, _ in claims], tree))
    check_deadline()
    return proved_boxes


def describe_certificate(path: str | os.PathLike) -> str:
    """Return a sentence stating the certificate's path, and that the checker accepted it."""
    return f"Certificate: {os.fspath(path)}, checked by outrange-check."


def run_checker(path: str | os.PathLike, model: str | None) -> str:
    """Run `outrange-check` on a certificate, in a separate process.

    Returns:
        The checker's reason if it refuses the certificate, otherwise an empty string.

    Raises:
        OutOfTime: The ambient deadline passed.
    """
    command = [sys.executable, "-m", "outrange_check", os.fspath(path)]
    if model is not None:
        command += ["--model", model]
    left = seconds_left()
    try:
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=None if left == np.inf else max(0.0, left),
        )
    except subprocess.TimeoutExpired:
        raise OutOfTime from None
    lines = (run.stdout + run.stderr).strip().splitlines()
    return "" if run.returncode == 0 else " ".join(lines[-1:]) or f"exit code {run.returncode}"
