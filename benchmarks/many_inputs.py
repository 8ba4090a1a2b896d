"""Comparison with other verifiers on networks with many inputs (images), instance by instance.

    python benchmarks/many_inputs.py                          every sixth instance of each family
    python benchmarks/many_inputs.py --every 1 --families oval21
    python benchmarks/many_inputs.py --rivals none
    python benchmarks/many_inputs.py --every 1 --keep runs.jsonl     can be stopped, and goes on

`verifiers.py` describes the rivals, their settings and where they are installed. Instances run one
after another, with all verifiers in turn on each. An undecided instance counts with the full limit.
"""

import argparse
import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

from verifiers import AlphaBetaCrown, Nnenum, Outcome
from verify import Outrange, expected, packed, told

from cases import data_folder


FAMILIES = ("mnist_fc", "oval21", "eran")


def instances(folder: Path, every: int) -> list[tuple[Path, Path]]:
    """Return every `every`-th instance of a family."""
    listed = next(
        p for p in (folder / "instances.csv", folder / f"{folder.name}_instances.csv") if p.exists()
    )
    rows = [row for row in csv.reader(listed.open()) if row]
    return [(packed(folder / onnx), packed(folder / vnnlib)) for onnx, vnnlib, *_ in rows[::every]]


class Kept:
    """A file with a line for each finished instance, which contains the outcomes of all verifiers.

    Args:
        path: The file; None to store nothing.
        names: Names of the verifiers. Lines about other verifiers, or with another limit, are
            ignored.
        cap: Limit in seconds per instance.
    """

    def __init__(self, path: str | None, names: list[str], cap: float):
        self._path, self._cap = None if path is None else Path(path), cap
        self.rows: dict[str, dict[str, Outcome]] = {}
        if self._path is None or not self._path.exists():
            return
        for line in self._path.read_text().splitlines():
            read = json.loads(line)
            if read["cap"] == cap and list(read["outcomes"]) == names:
                found = {who: Outcome(**o) for who, o in read["outcomes"].items()}
                self.rows[read["instance"]] = found

    def add(self, label: str, row: dict[str, Outcome]) -> None:
        """Add a finished instance."""
        if self._path is not None:
            # Leave out the verifiers' output: it contains paths, and the file is meant to be kept.
            outcomes = {who: asdict(replace(o, detail="")) for who, o in row.items()}
            line = {"instance": label, "cap": self._cap, "outcomes": outcomes}
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def family(name: str, verifiers: dict, options) -> tuple[int, list]:
    """Run one family and print its table; return the number of contradictions, and the record."""
    folder = data_folder() / name
    known, wrong, results, record = expected(folder), 0, [], []
    kept = Kept(options.keep, list(verifiers), options.cap)
    for onnx, vnnlib in instances(folder, options.every):
        label = f"{onnx.name.split('.')[0]} {vnnlib.name}"
        if options.only not in label:
            continue
        row = kept.rows.get(label)
        if row is None:
            row = {who: v.decide(onnx, vnnlib, options.cap) for who, v in verifiers.items()}
            kept.add(label, row)
        results.append(row)
        names = onnx.name.removesuffix(".gz"), vnnlib.name.removesuffix(".gz")
        verdicts = {o.verdict for o in row.values()} | {known.get(names, "unknown")}
        against = {"sat", "unsat"} <= verdicts
        wrong += against
        cells = "  ".join(f"{who} {o.verdict} {o.wall:.1f}" for who, o in row.items())
        print(f"{label:64s} {cells}{'  CONTRADICTION' if against else ''}", flush=True)
        record.append({"instance": label} | {who: asdict(o) for who, o in row.items()})
    if results:
        floors = dict.fromkeys(verifiers, 0.0)
        print("\n".join(["", name, *told(verifiers, results, floors, options.cap), ""]))
    return wrong, record


def main() -> int:
    """Run and print everything; return 1 if any verdicts contradict each other, otherwise 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--every", type=int, default=6, help="take every k-th instance")
    parser.add_argument("--only", default="", help="instances whose names contain this")
    parser.add_argument("--cap", type=float, default=60.0, help="seconds an instance")
    parser.add_argument("--rivals", default="nnenum,alpha-beta-CROWN", help="names, or none")
    parser.add_argument("--json", help="write everything there")
    parser.add_argument("--keep", help="a file of lines that this run adds to and goes on from")
    options = parser.parse_args()
    verifiers: dict = {"outrange": Outrange()}
    rivals = {kind.name: kind for kind in (Nnenum, AlphaBetaCrown)}
    for name in [n for n in str(options.rivals).split(",") if n != "none"]:
        rival = rivals[name]()
        if reason := rival.available():
            print(f"without {name}: {reason}")
            continue
        verifiers[name] = rival
    wrong, record = 0, {}
    for name in options.families.split(","):
        found, record[name] = family(name, verifiers, options)
        wrong += found
    print(f"{wrong} contradictions between verdicts (and with expected.csv).")
    if options.json:
        Path(options.json).write_text(json.dumps(record, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
