"""Comparison with other verifiers on ACAS Xu, instance by instance, with a process for each run.

    python benchmarks/verify.py                     about 30 instances, every rival, 60 s each
    python benchmarks/verify.py --every 1 --rivals ReluVal
    python benchmarks/verify.py --folder rl_benchmarks --rivals none

`verifiers.py` describes the rivals and where they are installed. Instances run one after another,
with all verifiers in turn on each. An undecided run counts with the full limit. "Without start-up"
subtracts the verifier's current start-up time on this machine.
"""

import argparse
import csv
import json
import statistics
import sys
from dataclasses import asdict
from pathlib import Path

from processes import run
from verifiers import AlphaBetaCrown, Marabou, Nnenum, Outcome, ReluVal, Rival, judged, word

from cases import data_folder


class Outrange(Rival):
    """Our own command line, started as by a user."""

    name = "outrange"
    variables = ()

    def idle(self):
        # As for the other verifiers, load everything that a decision needs, and decide nothing.
        modules = "onnx, outrange.cli.app, outrange.frontends.onnx, outrange.frontends.vnnlib"
        return [sys.executable, "-c", f"import {modules}, outrange.questions.verify"]

    def ask(self, onnx, vnnlib, folder, seconds):
        command = [
            sys.executable,
            "-m",
            "outrange",
            "verify",
            onnx,
            vnnlib,
            "--time-limit",
            str(seconds),
        ]
        ran = run(command, folder, seconds)
        return judged(ran, word(r"^(sat|unsat|unknown|timeout)\b", ran.output))


RIVALS = {kind.name: kind for kind in (Nnenum, ReluVal, Marabou, AlphaBetaCrown)}


def instances(folder: Path, every: int) -> list[tuple[Path, Path]]:
    """Return every `every`-th network of each property, and all networks of a property with few."""
    rows = [row for row in csv.reader((folder / "instances.csv").open()) if row]
    groups: dict[str, list] = {}
    for onnx, vnnlib, *_ in rows:
        groups.setdefault(vnnlib, []).append((onnx, vnnlib))
    chosen = [row for part in groups.values() for row in (part[::every] if len(part) > 9 else part)]
    return [(packed(folder / onnx), packed(folder / vnnlib)) for onnx, vnnlib in chosen]


def packed(path: Path) -> Path:
    """Return the path of a file, or that of its gzipped form."""
    return path if path.exists() else path.with_name(path.name + ".gz")


def expected(folder: Path) -> dict[tuple[str, str], str]:
    """Return the verdicts on which other verifiers agree, by file names."""
    if not (folder / "expected.csv").exists():
        return {}
    rows = csv.DictReader((folder / "expected.csv").open())
    return {(Path(r["onnx"]).name, Path(r["vnnlib"]).name): r["verdict"] for r in rows}


def told(verifiers, results, floors, cap) -> list[str]:
    """Return the lines of the table of medians and totals."""
    lines = [
        f"{'':18s}{'decided':>9s}{'median':>9s}{'total':>9s}{'slowest':>9s}"
        f"{'start-up':>10s}{'median-':>9s}{'total-':>9s}{'cpu total':>11s}"
    ]
    for name in verifiers:
        outcomes: list[Outcome] = [row[name] for row in results]
        done = [o.verdict in ("sat", "unsat") for o in outcomes]
        wall = [o.wall if ok else cap for o, ok in zip(outcomes, done, strict=True)]
        less = [max(0.0, seconds - floors[name]) for seconds in wall]
        lines.append(
            f"{name:18s}{sum(done):6d}/{len(done):<2d}{statistics.median(wall):9.2f}"
            f"{sum(wall):9.1f}{max(wall):9.2f}{floors[name]:10.2f}"
            f"{statistics.median(less):9.2f}{sum(less):9.1f}{sum(o.cpu for o in outcomes):11.1f}"
        )
    return lines


def main() -> int:
    """Run and print everything; return 1 if any verdicts contradict each other, otherwise 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", default="acasxu")
    parser.add_argument("--every", type=int, default=8, help="take every k-th network")
    parser.add_argument("--only", default="", help="instances whose names contain this")
    parser.add_argument("--cap", type=float, default=60.0, help="seconds an instance")
    parser.add_argument("--rivals", default=",".join(RIVALS), help="names, or none")
    parser.add_argument("--json", help="write everything there")
    options = parser.parse_args()
    folder = data_folder() / options.folder
    verifiers = {"outrange": Outrange()}
    for name in options.rivals.split(",") if options.rivals != "none" else []:
        rival = RIVALS[name]()
        if reason := rival.available():
            print(f"without {name}: {reason}")
            continue
        verifiers[name] = rival
    floors = {name: verifier.floor() for name, verifier in verifiers.items()}
    known, wrong, results, record = expected(folder), 0, [], []
    for onnx, vnnlib in instances(folder, options.every):
        label = f"{onnx.name.split('.')[0].removeprefix('ACASXU_run2a_')} {vnnlib.name}"
        if options.only not in label:
            continue
        row = {name: v.decide(onnx, vnnlib, options.cap) for name, v in verifiers.items()}
        results.append(row)
        names = tuple(path.name.removesuffix(".gz") for path in (onnx, vnnlib))
        verdicts = {o.verdict for o in row.values()} | {known.get(names, "unknown")}
        against = {"sat", "unsat"} <= verdicts
        wrong += against
        cells = "  ".join(f"{name} {o.verdict} {o.wall:.2f}" for name, o in row.items())
        print(f"{label:44s} {cells}{'  CONTRADICTION' if against else ''}", flush=True)
        record.append({"instance": label} | {name: asdict(o) for name, o in row.items()})
    if not results:
        raise SystemExit(f"No instance has `{options.only}` in its names.")
    print("\n".join(["", *told(verifiers, results, floors, options.cap), ""]))
    print(f"{wrong} contradictions between verdicts (and with expected.csv).")
    if options.json:
        Path(options.json).write_text(json.dumps({"floors": floors, "rows": record}, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
