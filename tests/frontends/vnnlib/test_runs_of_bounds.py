"""Bounds that are read as one run have the same meaning as one by one."""

import re

import pytest

from outrange.core.errors import ModelError
from outrange.frontends.vnnlib import read_vnnlib, tokens, version1


DECLARED = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)\n"
ROWS = "(<= X_0 0.5)(>= X_1\n -1e-3 ) (<= X_1 2.)(<= Y_0 3)"


def _parts(tmp_path, text):
    path = tmp_path / "p.vnnlib"
    path.write_text(DECLARED + text)
    return read_vnnlib(path).unsafe


@pytest.mark.parametrize(
    "inside",
    [
        ROWS,
        f"{ROWS}(<= Y_0 X_0){ROWS}",
        f"{ROWS}(<= 0.5 X_0)(= X_1 Y_0) ; (<= X_0 7)\n{ROWS}",
        f"(< X_0 1){ROWS}(or {ROWS})(<= X_0 X_1 Y_0){ROWS}",
        f"(<= (* 2 X_0) 1){ROWS}(not (<= X_0 0.25)){ROWS}",
        f"{ROWS}(let ((a X_1)) (and (<= X_0 0.5) (<= a 2))){ROWS}",
    ],
)
def test_a_run_of_comparisons_is_what_each_is_alone(inside, tmp_path, monkeypatch):
    in_runs = _parts(tmp_path, f"(assert (and {inside}))")
    # No run is recognized where there is no bound.
    monkeypatch.setattr(version1, "BOUND", re.compile("never"))
    assert in_runs == _parts(tmp_path, f"(assert (and {inside}))")


@pytest.mark.parametrize(
    "wrong", ["(<= X_7 1)", "(<= X_0 1.2.3)", "(<=X_0 1)", "(<= X_0)", "(<= Z 1)", "(<= X_0 1e999)"]
)
def test_what_is_wrong_in_a_run_is_refused(wrong, tmp_path):
    with pytest.raises(ModelError, match=r"p\.vnnlib"):
        _parts(tmp_path, f"(assert (and {ROWS}{wrong}{ROWS}))")


def test_every_character_of_a_run_is_read():
    text = f"(assert (and {ROWS} {ROWS})) ; end\n(x)"
    assert not tokens.RUN.sub("", text).strip()
