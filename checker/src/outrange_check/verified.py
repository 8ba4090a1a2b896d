"""The proved checker: a program whose soundness is a theorem of Coq, run after the check in Python.

`checker/verified` contains the proof and the program. This module sends it the network, the
claims and the proof trees of a certificate. The module decides nothing, but it must be trusted to
send the network and the claims that the certificate contains.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from math import lcm
from pathlib import Path
from typing import Any

from flint import fmpq

from .certificate import exact_number
from .network import ONE, Form, Network, Refused, need


PROGRAM = "outrange-check-verified"
MOST_MEMORY = 4 << 30
"""Maximum memory of the program in bytes; the limit applies on Linux only."""


def find_program() -> str:
    """Return the path of the proved program: the one built in this checkout, or one on PATH."""
    built = Path(__file__).parents[2] / "verified" / PROGRAM
    path = str(built) if built.exists() else shutil.which(PROGRAM)
    need(
        path is not None,
        f"--verified needs the program {PROGRAM}, which is neither built in this checkout nor on "
        "PATH. Run `make verified` in a checkout of outrange, or check without --verified",
    )
    return str(path)


def check_proved(claim: Any, network: Network, tree: bytes) -> str:
    """Check the claims of a certificate with the proved program.

    Args:
        claim: The claims, which the checker in Python has accepted.
        network: The network.
        tree: The bytes of the proof trees.

    Returns:
        A sentence that states that the program accepts the certificate, and a line with the SHA-256
        and the path of the program.

    Raises:
        Refused: The program is missing, does not support the kind of a claim or a curve, or does
            not accept the claims.
    """
    question = format_question(claim, network) + tree
    program = find_program()
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()
    verdict = ask_program(question, program)
    need(verdict == "CERTIFIED", f"the proved checker does not accept it ({verdict:.200})")
    return (
        "The proved checker accepts it too.\n"
        f"Proved checker (SHA-256): {digest} {Path(program).resolve()}"
    )


def ask_program(text: bytes, program: str | None = None) -> str:
    """Run the proved program on a question, and return the last line that it prints.

    Args:
        text: The question.
        program: The path of the program; None takes the one that `find_program` returns.
    """
    done = subprocess.run(
        [program or find_program()],
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


def format_question(claim: Any, network: Network) -> bytes:
    """Return the network and the claims as integers in base 16, ending in a newline."""
    return " ".join(_yield_question(claim, network)).encode() + b"\n"


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _yield_question(claim: Any, network: Network) -> Iterator[str]:
    """Yield the integers of a question, in the order in which `driver.ml` reads them."""
    units = [(block, form) for block in network.blocks for form in block.forms]
    yield from _format_integers(network.inputs, len(units))
    for block, form in units:
        if block.curve != "kink" or block.slopes is None:
            raise Refused(
                f"--verified: the proof covers kinks (ReLU, leaky ReLU, abs, max), not the curve "
                f"{block.curve!r}. Check without --verified"
            )
        yield from (
            *_format_rational(block.slopes[0]),
            *_format_rational(block.slopes[1]),
            *_yield_form(form),
        )
    yield from _format_integers(len(network.outputs))
    for form in network.outputs:
        yield from _yield_form(form)
    yield from _format_integers(len(claim["parts"]))
    for part in claim["parts"]:
        if "by" in part:
            raise Refused(
                "--verified: the proof does not cover claims about growth. Check without --verified"
            )
        for low, high in part["box"]:
            yield from (*_format_number(low), *_format_number(high))
        yield from _format_integers(len(part["claims"]))
        for goal in part["claims"]:
            yield from _yield_claim(goal)


def _yield_claim(goal: Any) -> Iterator[str]:
    """Yield the integers of one claim."""
    yield from _format_integers(len(goal["any"]))
    for term in goal["any"]:
        yield from (*_format_number(term["plus"]), *_format_integers(len(term["y"])))
        for name, pair in term["y"].items():
            yield from (*_format_integers(int(name)), *_format_number(pair))
    at = goal.get("attained")
    yield from (
        *_format_number(goal["least"]),
        *_format_integers(goal["strict"] is True, at is not None),
    )
    for pair in () if at is None else (*at["x"], at["value"]):
        yield from _format_number(pair)


def _format_integers(*values: int) -> Iterator[str]:
    return (format(int(value), "x") for value in values)


def _format_rational(value: fmpq) -> Iterator[str]:
    return _format_integers(int(value.p), int(value.q))


def _format_number(pair: Any) -> Iterator[str]:
    return _format_rational(exact_number(pair))


def _yield_form(form: Form) -> Iterator[str]:
    """Yield the integers of a form: a common denominator, the constant, and the terms.

    Terms are sorted, the last variable first.
    """
    over = lcm(*(int(value.q) for value in form.values()))
    variables = sorted((k for k in form if k != ONE), reverse=True)
    yield from _format_integers(over, int(form.get(ONE, fmpq(0)) * over), len(variables))
    for k in variables:
        yield from _format_integers(k, int(form[k] * over))
