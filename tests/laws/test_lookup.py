"""Laws of tables with an integer index."""

from dataclasses import replace

import numpy as np
import pytest

from outrange.ops.lookup import lookup
from outrange.ops.relaxation.relax import most_offset, relax
from outrange.ops.table_rows import TableRows
from outrange.testing import LawBroken
from outrange.testing.definition import Oracle
from outrange.testing.facts import check_definition, check_range
from outrange.testing.lines import check_relax


TABLES = {
    "one row": [3.5],
    "two rows": [-1.0, 0.1],
    "a zigzag": [0.1, -2.0, 0.3, 7.0, 0.0, -0.7, 0.1],
    "many rows": np.random.default_rng(0).normal(size=1000),
}


def check(step):
    oracle = Oracle(step)
    for law in (check_definition, check_range, check_relax):
        law(step, oracle)


@pytest.mark.parametrize("name", TABLES)
def test_every_law_of_a_curve(name):
    check(lookup(TABLES[name]))


@pytest.mark.parametrize("name", TABLES)
def test_the_range_is_that_of_the_rows(name):
    entries, rng = np.asarray(TABLES[name]), np.random.default_rng(1)
    ends = np.sort(rng.integers(-2, len(entries) + 2, (500, 2)).astype(float), axis=1)
    least, most = lookup(entries).range(*ends.T)
    for (a, b), low, high in zip(ends.astype(int), least, most, strict=True):
        part = entries[np.clip(np.arange(a, b + 1), 0, len(entries) - 1)]
        assert (low, high) == (part.min(), part.max())


def test_two_rows_have_their_own_line():
    lines = relax(lookup([0.25, -1.0, 0.5]), [1.0], [2.0])
    for at, value in ((1.0, -1.0), (2.0, 0.5)):
        for slope, offset in ((lines.lo_slope, lines.lo_offset), (lines.hi_slope, lines.hi_offset)):
            assert slope[0] * at + offset[0] == pytest.approx(value, abs=1e-13)


def test_a_line_of_any_slope():
    step, x = lookup(TABLES["a zigzag"]), np.arange(1.0, 6.0)
    for slope in (-3.0, 0.0, 0.5):
        offset = most_offset(step, [slope], [1.0], [5.0])[0]
        assert (step.f(x) <= slope * x + offset).all()


WRONG = {
    "another table": {"f": lambda x: np.asarray(x) * 0.0},
    "a table too short": {"rows": TableRows(TABLES["a zigzag"][:4])},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_table(name):
    with pytest.raises(LawBroken):
        check(replace(lookup(TABLES["a zigzag"]), **WRONG[name]))
