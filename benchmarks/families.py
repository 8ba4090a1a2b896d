"""Families of the verification competitions, with 60 s per instance and a row per family.

    python benchmarks/families.py                              ours, every instance of the ten
    python benchmarks/families.py --families cgan,lsnc --rivals nnenum
    python benchmarks/families.py --families sat_relu --only unsat --json families.json

Instances run one after another, each in a separate process, including start-up and loading. An
undecided instance counts with the full limit. The file `expected.csv` contains verdicts on which
other verifiers agree.
"""

import argparse
import json
import statistics
from dataclasses import asdict
from pathlib import Path

from verify import RIVALS, Outrange, expected, instances

from cases import data_folder


FAMILIES = (
    "cgan",
    "nn4sys",
    "tllverifybench",
    "lsnc",
    "ml4acopf",
    "metaroom",
    "sat_relu",
    "traffic_signs",
    "yolo",
    "vit",
)
HEAD = f"{'family':16s}{'':14s}{'decided':>9s}{'sat':>5s}{'unsat':>6s}"
HEAD += f"{'median':>8s}{'total':>8s}{'slowest':>8s}{'within':>8s}"


def measured(folder: Path, verifiers: dict, cap: float, only: str) -> tuple[list[dict], int]:
    """Run each verifier on every instance; return the outcomes and the number of contradictions."""
    known, rows, wrong = expected(folder), [], 0
    for onnx, vnnlib in instances(folder, 1):
        names = tuple(path.name.removesuffix(".gz") for path in (onnx, vnnlib))
        if only not in " ".join(names):
            continue
        row = {name: v.decide(onnx, vnnlib, cap) for name, v in verifiers.items()}
        verdicts = {o.verdict for o in row.values()} | {known.get(names, "unknown")}
        against = {"sat", "unsat"} <= verdicts
        wrong += against
        cells = "  ".join(f"{name} {o.verdict} {o.wall:.2f}" for name, o in row.items())
        print(f"  {names[1]:60s} {cells}{'  CONTRADICTION' if against else ''}", flush=True)
        rows.append({"instance": names} | {name: asdict(o) for name, o in row.items()})
    return rows, wrong


def summary(family: str, name: str, rows: list[dict], cap: float, within: float) -> str:
    """Return the row of a family for one verifier."""
    outcomes = [row[name] for row in rows]
    done = [o["verdict"] in ("sat", "unsat") for o in outcomes]
    wall = [o["wall"] if ok else cap for o, ok in zip(outcomes, done, strict=True)]
    counts = [sum(o["verdict"] == verdict for o in outcomes) for verdict in ("sat", "unsat")]
    soon = sum(ok and o["wall"] <= within for o, ok in zip(outcomes, done, strict=True))
    return (
        f"{family:16s}{name:14s}{sum(done):5d}/{len(done):<3d}{counts[0]:5d}{counts[1]:6d}"
        f"{statistics.median(wall):8.2f}{sum(wall):8.1f}{max(wall):8.2f}{soon:8d}"
    )


def main() -> int:
    """Run and print everything; return 1 if any verdicts contradict each other, otherwise 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--only", default="", help="instances whose names contain this")
    parser.add_argument("--cap", type=float, default=60.0, help="seconds an instance")
    parser.add_argument("--within", type=float, default=25.0, help="count instances within this")
    parser.add_argument("--rivals", default="", help="names of rivals, separated by commas")
    parser.add_argument("--json", help="write everything there")
    options = parser.parse_args()
    verifiers = {"outrange": Outrange()}
    for name in filter(None, options.rivals.split(",")):
        rival = RIVALS[name]()
        if reason := rival.available():
            print(f"without {name}: {reason}")
            continue
        verifiers[name] = rival
    lines, record, bad = [HEAD], {}, 0
    for family in options.families.split(","):
        print(family)
        rows, wrong = measured(data_folder() / family, verifiers, options.cap, options.only)
        record[family], bad = rows, bad + wrong
        for name in verifiers if rows else ():
            lines.append(summary(family, name, rows, options.cap, options.within))
            still = [r["instance"][1] for r in rows if r[name]["verdict"] not in ("sat", "unsat")]
            lines += [f"{'':16s}  open: {instance}" for instance in still]
        if options.json:
            Path(options.json).write_text(json.dumps(record, indent=1))
    print("\n".join(["", *lines, "", f"{bad} contradictions."]))
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
