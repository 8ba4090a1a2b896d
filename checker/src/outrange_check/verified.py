"""The proved checker: a program whose soundness is a theorem of Coq, run after the check in Python.

`checker/verified` contains the proof and the program. This module writes the network, the claims
and the tree of a certificate for the program. It decides nothing, but you must trust it to write
the network and the claims that the certificate contains.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from math import lcm
from pathlib import Path
from typing import Any

from flint import fmpq

from .network import ONE, Form, Network, Refused, exact_number, need


PROGRAM = "outrange-check-verified"
MOST_MEMORY = 4 << 30
"""Largest number of bytes of memory that the program may use (limited on Linux only)."""


def program() -> str:
    """Return the path of the proved program: the one built in this checkout, or one on PATH."""
    built = Path(__file__).parents[2] / "verified" / PROGRAM
    path = str(built) if built.exists() else shutil.which(PROGRAM)
    need(
        path is not None,
        f"--verified needs the program {PROGRAM}, which is neither built in this checkout nor on "
        "PATH. Run `make verified` in a checkout of outrange, or check without --verified",
    )
    return str(path)


def check_proved(claim: Any, network: Network, tree: bytes) -> None:
    """Check the claims of a certificate with the proved program.

    Args:
        claim: The claims, which the checker in Python has accepted.
        network: The network.
        tree: The bytes of the proof trees.

    Raises:
        Refused: The program is missing, cannot check such claims, or refuses these.
    """
    verdict = answer(question(claim, network) + tree)
    need(verdict == "CERTIFIED", f"the proved checker does not accept it ({verdict:.200})")


def answer(text: bytes) -> str:
    """Run the proved program on a question; return the line that it prints."""
    done = subprocess.run(
        [program()],
        input=text,
        capture_output=True,
        check=False,
        preexec_fn=_limit_memory if sys.platform == "linux" else None,
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    verdict = lines[-1] if lines else f"the program ended with exit code {done.returncode}"
    need(
        (done.returncode == 0) is (verdict == "CERTIFIED"),
        f"the proved checker printed {verdict!r:.200} and ended with exit code {done.returncode}",
    )
    return verdict


def question(claim: Any, network: Network) -> bytes:
    """Write the network and all that is claimed, as integers in base 16 and a newline."""
    return " ".join(_question(claim, network)).encode() + b"\n"


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _question(claim: Any, network: Network) -> Iterator[str]:
    """Yield the integers of a question, in the order in which `driver.ml` reads them."""
    units = [(block, form) for block in network.blocks for form in block.forms]
    yield from _integers(network.inputs, len(units))
    for block, form in units:
        if block.curve != "kink" or block.slopes is None:
            raise Refused(
                f"--verified: the proof covers kinks (ReLU, leaky ReLU, abs, max), not the curve "
                f"{block.curve!r}. Check without --verified"
            )
        yield from (*_rational(block.slopes[0]), *_rational(block.slopes[1]), *_form(form))
    yield from _integers(len(network.outputs))
    for form in network.outputs:
        yield from _form(form)
    yield from _integers(len(claim["parts"]))
    for part in claim["parts"]:
        if "by" in part:
            raise Refused(
                "--verified: the proof does not cover claims about growth. Check without --verified"
            )
        for low, high in part["box"]:
            yield from (*_number(low), *_number(high))
        yield from _integers(len(part["claims"]))
        for one in part["claims"]:
            yield from _claim(one)


def _claim(one: Any) -> Iterator[str]:
    yield from _integers(len(one["any"]))
    for term in one["any"]:
        yield from (*_number(term["plus"]), *_integers(len(term["y"])))
        for name, pair in term["y"].items():
            yield from (*_integers(int(name)), *_number(pair))
    at = one.get("attained")
    yield from (*_number(one["least"]), *_integers(one["strict"] is True, at is not None))
    for pair in () if at is None else (*at["x"], at["value"]):
        yield from _number(pair)


def _integers(*values: int) -> Iterator[str]:
    return (format(int(value), "x") for value in values)


def _rational(value: fmpq) -> Iterator[str]:
    return _integers(int(value.p), int(value.q))


def _number(pair: Any) -> Iterator[str]:
    return _rational(exact_number(pair))


def _form(form: Form) -> Iterator[str]:
    """Write a form over one denominator, the last variable first."""
    over = lcm(*(int(value.q) for value in form.values()))
    variables = sorted((k for k in form if k != ONE), reverse=True)
    yield from _integers(over, int(form.get(ONE, fmpq(0)) * over), len(variables))
    for k in variables:
        yield from _integers(k, int(form[k] * over))
