"""Tests of the two files of `outrange verify-all`: each mends the other after an interruption."""

import pytest

from cases import some
from outrange.api.batch.results import Result, Results


@pytest.mark.parametrize(("verdict", "x"), [("sat", [0.5]), ("unsat", None)])
def test_a_torn_line_is_dropped_wherever_it_is_torn(tmp_path, verdict, x):
    """Truncating the files within their last two lines loses only what was truncated."""
    names = [f"p{i}" for i in range(4)]
    with Results(tmp_path / "results.csv") as results:
        for name in names:
            results.add(Result("n", name, verdict, 1.5, 'a "quoted", word', x, x))
    rows, lines = (tmp_path / "results.csv").read_bytes(), (tmp_path / "results.jsonl").read_bytes()
    # Among them one behind the end of a line, or before it.
    for behind in some(range(200), 25, lambda n: b"\n" in lines[len(lines) - n - 1 :][:2]):
        (tmp_path / "results.csv").write_bytes(rows)
        (tmp_path / "results.jsonl").write_bytes(lines[: len(lines) - behind])
        # The row says all but the witness: a counterexample whose witness is gone is not done.
        left = names if x is None else names[: lines[: len(lines) - behind].count(b"\n")]
        with Results(tmp_path / "results.csv") as results:
            assert [r.vnnlib for r in results.known.values()] == left
        # The row is written after the line, so it is cut where the line is whole, or both are.
        (tmp_path / "results.csv").write_bytes(rows[: len(rows) - min(behind, 60)])
        (tmp_path / "results.jsonl").write_bytes(lines)
        with Results(tmp_path / "results.csv") as results:
            assert [r.vnnlib for r in results.known.values()] == names
        assert (tmp_path / "results.csv").read_bytes() == rows
    for behind in some(range(1, len(lines) - lines.rfind(b"\n", 0, -1)), 15, lambda n: n == 1):
        (tmp_path / "results.csv").write_bytes(rows[: rows.rfind(b"\n", 0, -1) + 1])
        (tmp_path / "results.jsonl").write_bytes(lines[:-behind])
        with Results(tmp_path / "results.csv") as results:
            complete = list(results.known.values())
            assert [r.vnnlib for r in complete] == names[:3]
            results.add(Result("n", "p3", verdict, 1.5, 'a "quoted", word', x, x))
        assert (tmp_path / "results.csv").read_bytes() == rows
        assert (tmp_path / "results.jsonl").read_bytes() == lines


def test_one_file_mends_the_other(tmp_path):
    with Results(tmp_path / "results.csv") as results:
        for name in "ab":
            results.add(Result("n", name, "unsat", 1.0))
    for lost in ("results.csv", "results.jsonl"):
        (tmp_path / lost).unlink()
        with Results(tmp_path / "results.csv") as results:
            assert [r.vnnlib for r in results.known.values()] == ["a", "b"]
            results.add(Result("n", "a", "unsat", 2.0))
        assert (tmp_path / "results.csv").read_text().count("\n") == 3
