"""What is lost without each special-purpose method of the search, under counted work.

    python benchmarks/ablation.py [--budget 4] [--plain 1] [--data] [--only NAME]

Each question is asked twice: with all methods, and without the one that it was made for. Plain
ranges are also asked without each of the methods; the table shows the methods that change the
answer. A budget counts work instead of time, so the figures do not depend on the machine or on
other processes. `--data` adds instances of the competition (set `OUTRANGE_DATA`).
"""

import argparse

from ablation_rows import Outcome, Row, data_rows, method_rows, plain_rows

from cases import data_folder
from outrange.search.common.method import Method, leave_out
from outrange.search.methods.table import METHODS


def cells(row: Row, budget: float) -> tuple[str, str, str, str]:
    """Ask the question of a method with the method and without it."""
    (method,) = (m for m in METHODS if m.name == row.method)
    on = row.ask(budget)
    with leave_out(method):
        off = row.ask(budget)
    check_contradiction(on, off, row.title)
    return method.name, row.title, str(on), str(off)


def plain_cells(row: Row, budget: float) -> tuple[str, str, str, str]:
    """Ask a plain question with all methods, and without each of them."""
    on, others = row.ask(budget), []
    for method in METHODS:
        off = ask_without(method, row, budget)
        check_contradiction(on, off, row.title)
        if str(off) != str(on):
            others.append(f"{off} without {method.name}")
    return "(plain)", row.title, str(on), "; ".join(others) or "the same without each method"


def ask_without(method: Method, row: Row, budget: float) -> Outcome:
    """Ask a question without one method."""
    with leave_out(method):
        return row.ask(budget)


def check_contradiction(on: Outcome, off: Outcome, title: str) -> None:
    """Stop if two verdicts contradict each other.

    Raises:
        SystemExit: One verdict is `sat` and the other is `unsat`.
    """
    if {on.status, off.status} == {"sat", "unsat"}:
        raise SystemExit(f"{title}: {on} with all methods, {off} without one.")


def main() -> None:
    """Ask all questions and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=4.0, help="units of work per question")
    parser.add_argument("--plain", type=float, default=1.0, help="units per plain question")
    parser.add_argument("--data", action="store_true", help="add instances of the competition")
    parser.add_argument("--only", default="", help="part of the name of a method or question")
    args = parser.parse_args()
    rows = [*method_rows(), *(data_rows(data_folder()) if args.data else ()), *plain_rows()]
    print("| method | question | with all methods | without this method |")
    print("| --- | --- | --- | --- |")
    for row in rows:
        if args.only in row.title or (row.method and args.only in row.method):
            ask = (cells, args.budget) if row.method else (plain_cells, args.plain)
            print("| " + " | ".join(ask[0](row, ask[1])) + " |", flush=True)


if __name__ == "__main__":
    main()
