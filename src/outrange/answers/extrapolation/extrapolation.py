"""The answer of `outrange.extrapolation`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import OutrangeError
from ..answer import Answer
from ..range import Range
from ..render.diagrams import plot_beyond
from ..render.document import (
    BAD,
    GOOD,
    MOST_PRINTED,
    Block,
    Cell,
    Document,
    Interval,
    Listing,
    Paragraph,
    Table,
)
from ..render.text import number


@dataclass(frozen=True, eq=False)
class BrokenRule:
    """A rule of the training set, or of the model, that a row breaks.

    Args:
        row: Index of the row, from 0.
        columns: Names of the columns: one integer column, or all columns of a one-hot group.
        text: The rule and how the row breaks it.
        is_refused: Whether the model does not accept the row.
    """

    row: int
    columns: tuple[str, ...]
    text: str
    is_refused: bool = False


@dataclass(frozen=True, eq=False)
class Extrapolation(Answer):
    """Rows that lie outside a training set, with the affected columns and the distances.

    Args:
        model: Name of the model; empty without a model.
        names: Names of the columns.
        lo: `(columns,)`, smallest value of each column in the training set.
        hi: `(columns,)`, largest value of each column.
        count: Number of rows that were compared with the training set.
        outside: `(k,)`, indices of the rows outside the training set, from 0.
        values: `(k, columns)`, values of these rows.
        inner: Output range over the training set; None without a model.
        outer: Output range over the training set, widened to contain the rows outside it that the
            model accepts; None without a model, or if there are no such rows.
        broken: The integer columns and one-hot groups whose rule a row breaks, and the values that
            the model does not accept.
        sources: Models analyzed, each with its hash.
        over: The training set, as a box.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note saying by how much the time limit was exceeded, and in which phase; empty if
            it was not exceeded.

    Raises:
        OutrangeError: The shapes of the arrays do not match.
    """

    model: str
    names: tuple[str, ...]
    lo: np.ndarray
    hi: np.ndarray
    count: int
    outside: np.ndarray
    values: np.ndarray
    inner: Range | None = None
    outer: Range | None = None
    broken: tuple[BrokenRule, ...] = ()

    FORMAT = "outrange.extrapolation"
    INDEX = ("row", "column")

    def __post_init__(self) -> None:
        columns, rows = len(self.names), len(self.outside)
        if not self.lo.shape == self.hi.shape == (columns,) or rows > self.count:
            raise OutrangeError(
                "An extrapolation must have one range per column, and at most as many rows outside "
                "as were compared. This error is a bug in outrange; please report it. "
                f"Received: {columns} columns, shapes {self.lo.shape} and {self.hi.shape}, "
                f"{rows} rows outside of {self.count}."
            )
        if self.values.shape != (rows, columns):
            raise OutrangeError(
                "An extrapolation must have one value for each row outside and each column. This "
                "error is a bug in outrange; please report it. Received: values of shape "
                f"{self.values.shape} for {rows} rows and {columns} columns."
            )

    @property
    def by(self) -> np.ndarray:
        """Signed distances to the training ranges, `(k, columns)`, negative below and 0 within."""
        below, above = np.minimum(self.values - self.lo, 0), np.maximum(self.values - self.hi, 0)
        return below + above

    @property
    def shares(self) -> np.ndarray:
        """`(k, columns)`, absolute value of `by` divided by the width of the column's range.

        It is infinite for a value that differs from the single value of a constant column.
        """
        by, width = np.abs(self.by), np.broadcast_to(self.hi - self.lo, self.values.shape)
        limit = np.where(by > 0, np.inf, 0.0)
        return np.divide(by, width, out=limit, where=width > 0)

    def __bool__(self) -> bool:
        return len(self.outside) > 0

    @property
    def sentence(self) -> str:
        """The answer as one plain sentence."""
        if not len(self.outside):
            return f"{_rows(self.count)} within the training set."
        far = next(iter(self.records()), None)
        where = ""
        if far is not None and far["by"]:
            where = f"; the farthest value is in column `{far['column']}` of row {far['row']}"
        return f"{len(self.outside):,} of {_rows(self.count)} outside the training set{where}."

    def __repr__(self) -> str:
        rows = ", ".join(map(str, self.outside[:6])) + ", ..." * (len(self.outside) > 6)
        numbers = f": rows {rows}" if len(self.outside) else ""
        return f"Extrapolation({len(self.outside):,} of {self.count:,} outside{numbers})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per value outside its column's range or broken rule, farthest row first.

        Rows inside the training set have no dict. A one-hot group whose rule is broken has one
        dict. Its `column` lists the columns of the group, and its numbers are None.
        """
        by, shares = self.by, self.shares
        order = np.argsort(-shares.max(axis=1, initial=0.0), kind="stable")
        return [record for k in order for record in self._row(int(k), by[k], shares[k])]

    def _row(self, k: int, by: np.ndarray, shares: np.ndarray) -> list[dict[str, Any]]:
        row, columns = int(self.outside[k]), np.flatnonzero(by)
        entries = {
            self.names[i]: {
                "row": row, "column": self.names[i], "value": float(self.values[k, i]),
                "lo": float(self.lo[i]), "hi": float(self.hi[i]), "by": float(by[i]),
                "share": float(shares[i]), "rule": "",
            }
            for i in columns[np.argsort(-shares[columns], kind="stable")]
        }  # fmt: skip
        for broken in self.broken:
            if broken.row == row:
                name = ", ".join(broken.columns)
                empty = dict.fromkeys(("value", "lo", "hi", "by", "share"))
                entry = entries.setdefault(name, {"row": row, "column": name, **empty})
                entry["rule"] = broken.text
        return list(entries.values())

    def document(self) -> Document:
        """Return a document with the values outside their ranges and, with a model, output ranges.

        Output ranges are shown only if a row is outside.
        """
        records = self.records()
        beyond = [record for record in records if record["by"]]
        blocks: list[Block] = []
        if beyond:
            head = ("row", "column", "value", "training range", "outside by", "share of range")
            rows = list(map(_cells, beyond[:MOST_PRINTED]))
            blocks.append(Table(head, rows, "rlrrrr", max(len(beyond) - MOST_PRINTED, 0)))
        if self.broken:
            items = [f"row {broken.row}: {broken.text}" for broken in self.broken[:MOST_PRINTED]]
            omitted = max(len(self.broken) - MOST_PRINTED, 0)
            blocks.append(Listing("Broken rules:", items, omitted))
        if self.inner is not None and self.outer is not None:
            blocks += [Paragraph(self._widening()), self._outputs(self.inner, self.outer)]
        elif self.inner is not None:
            reason = (
                "The model accepts no row outside the training set, so it has no outputs there."
                if records
                else "No row lies outside the training set, so the output range does not change."
            )
            blocks.append(Paragraph(reason))
        return Document("Extrapolation", self.sentence, blocks, BAD if records else GOOD)

    def _widening(self) -> str:
        return (
            f"The table shows the output ranges of {self.model}: over the training set, and over "
            "the smallest box that contains the training set and the rows outside it"
            f"{' that the model accepts' if any(b.is_refused for b in self.broken) else ''}."
        )

    def _outputs(self, inner: Range, outer: Range) -> Table:
        lo, hi, out_lo, out_hi = (np.ravel(e) for e in (inner.lo, inner.hi, outer.lo, outer.hi))
        rows = [
            (name, Interval(float(a), float(b)), Interval(float(c), float(d)))
            for name, a, b, c, d in zip(inner.names, lo, hi, out_lo, out_hi, strict=True)
        ]
        head = ("output", "over the training set", "with the rows outside")
        return Table(head, rows[:MOST_PRINTED], "lrr", max(len(rows) - MOST_PRINTED, 0))

    def plot(self, ax: Any = None) -> Any:
        """Draw how far the rows lie beyond the training range of each column.

        The column with the farthest row comes first. At most `MOST_PRINTED` columns are drawn, and
        only columns in which some row lies outside.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        signed = np.copysign(self.shares, self.by)
        columns = np.flatnonzero(signed.any(axis=0))
        far = columns[np.argsort(-np.abs(signed[:, columns]).max(axis=0, initial=0), kind="stable")]
        shown = far[:MOST_PRINTED]
        return plot_beyond(self.sentence, [self.names[i] for i in shown], signed[:, shown], ax)


def _rows(count: int) -> str:
    return f"{count:,} row lies" if count == 1 else f"{count:,} rows lie"


def _cells(record: dict[str, Any]) -> tuple[Cell, ...]:
    share = record["share"]
    text = f"{number(100 * share)} %" if np.isfinite(share) else "constant column"
    ends = Interval(record["lo"], record["hi"])
    return (str(record["row"]), record["column"], record["value"], ends, record["by"], text)
