"""The audit of the proof fails for any other assumption, and leaves no program.

The tests run the rules of `checker/verified/Makefile` on the expected output of Coq, which is in
`assumptions.txt`, with changes. They need `make`, but not Coq: a script takes its place.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


FOLDER = Path(__file__).parents[2] / "checker" / "verified"
EXPECTED = (FOLDER / "assumptions.txt").read_text()
PROGRAM = "outrange-check-verified"

pytestmark = pytest.mark.skipif(
    os.name != "posix" or not shutil.which("make") or not shutil.which("diff"),
    reason="needs make and diff",
)


def audit(folder, printed, target, source=""):
    """Run a target of the Makefile after a proof for which Coq printed a text.

    Args:
        folder: An empty folder.
        printed: The output of Coq and of `coqchk`.
        target: The target.
        source: A line that is appended to a file of the proof.

    Returns:
        The finished process, and whether the program of an earlier build is still there.
    """
    for name in ("Makefile", "assumptions.txt", "Extract.v", "driver.ml", "work.ml"):
        shutil.copy(FOLDER / name, folder)
    for path in FOLDER.glob("*.v"):
        (folder / path.name).write_text(path.read_text() + source * (path.stem == "Grid"))
    head, summary = printed.split("\nCONTEXT SUMMARY", 1)
    (folder / "Soundness.out").write_text(head)
    (folder / "Example.out").write_text("")
    (folder / "summary").write_text("\nCONTEXT SUMMARY" + summary)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "coqchk").write_text(f"#!/bin/sh\ncat '{folder}/summary' >&2\n")
    (tools / "ocamlfind").write_text(f"#!/bin/sh\ntouch {PROGRAM}\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    for name in ("proved", "checker.ml", PROGRAM):  # the program of an earlier build
        (folder / name).touch()
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=folder, env=os.environ | {"PATH": path, "MAKEFLAGS": ""},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done, (folder / PROGRAM).exists()


def test_the_expected_assumptions_are_accepted(tmp_path):
    """Axioms of the standard library are printed by `coqchk`, used or not."""
    printed = EXPECTED.replace("* Axioms:", "* Axioms:\n    Coq.Logic.Classical_Prop.classic")
    done, is_built = audit(tmp_path, printed, "all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_built


def test_the_audit_prints_the_theorem_and_its_assumptions(tmp_path):
    done, _ = audit(tmp_path, EXPECTED, "audit")
    assert done.returncode == 0, done.stdout + done.stderr
    for text in ("check_sound", "ClassicalDedekindReals.sig_forall_dec :"):
        assert text in done.stdout


ASSUMED = {
    "a dotted name": "Classical_Prop.classic : forall P : Prop, P \\/ ~ P",
    "several capital letters": "Eqdep.Eq_rect_eq.eq_rect_eq :",
    "a lower-case name": "lower : False",
    "a digit": "h2 : False",
    "a fixed point": "loop is assumed to be guarded.",
}


@pytest.mark.parametrize("target", ["all", "audit"])
@pytest.mark.parametrize("line", ASSUMED.values(), ids=ASSUMED)
def test_another_assumption_is_refused(tmp_path, line, target):
    done, is_built = audit(tmp_path, EXPECTED.replace("Axioms:", f"Axioms:\n{line}", 1), target)
    assert done.returncode != 0
    assert line in done.stdout
    assert not is_built


CHANGED = {
    "a missing assumption": ("ClassicalDedekindReals.sig_forall_dec :", ""),
    "another theorem": ("In p ps -> part_holds n p", "True"),
    "an unused axiom": ("* Axioms:", "* Axioms:\n    Grid.lower"),
    "no check of recursion": ("unsafe (co)fixpoints: <none>", "unsafe (co)fixpoints:\n    loop"),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_another_output_is_refused(tmp_path, change):
    printed = EXPECTED.replace(*change, 1)
    assert printed != EXPECTED
    done, is_built = audit(tmp_path, printed, "all")
    assert done.returncode != 0
    assert not is_built


@pytest.mark.parametrize(
    "source",
    ["Axiom lower : False.", "Unset Guard Checking.", "#[bypass_check(guard)] Fixpoint f := f."],
)
def test_words_that_skip_a_proof_are_refused(tmp_path, source):
    done, is_built = audit(tmp_path, EXPECTED, "all", source)
    assert done.returncode != 0
    assert source in done.stdout
    assert not is_built
