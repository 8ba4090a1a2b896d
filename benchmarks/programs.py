"""The scorecard of `diagnose` on random programs: healthy ones, and mutants of these.

    python benchmarks/programs.py                       # 100 bases and their mutants, drawn anew
    python benchmarks/programs.py --seeds 0 100         # seeds for work on the rules: below 1,000
    python benchmarks/programs.py --out score.jsonl --time 3600   # goes on where it stopped

Each base and mutant is trained from ten starts. A mutant is harmful if it is significantly worse on
unseen rows in its predictions, its own loss or its predicted probabilities; otherwise it is a
healthy twin of its base. A finding names a cause if its rule or words are listed in
`tests/diagnosis/generated` for the mutation.
"""

import argparse
import inspect
import json
import secrets
import sys
import time
import warnings
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from programs_table import table


WORK = 1000
"""Seeds below this are for work on the rules, and seeds above it for scores."""


class Trainings:
    """A cache of trainings in a file of JSON lines, by the trained program."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = dict(json.loads(line) for line in lines if line.endswith("]"))

    def __call__(self, keras: Any, program: Any) -> tuple[Any, Any, Any, str]:
        """Return skills, gains and predicted probabilities of ten starts, and the error, if any."""
        import numpy as np

        from diagnosis.generated.judge import fingerprint
        from diagnosis.generated.train import train_program

        key = fingerprint(program)
        if key not in self.known:
            done = train_program(keras, program)
            scores = (done.skills, done.gains, done.chances)
            self.known[key] = [*([round(float(v), 4) for v in a] for a in scores), done.error]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps([key, self.known[key]]) + "\n")
        *scores, error = self.known[key]
        skills, gains, chances = map(np.array, scores)
        return skills, gains, chances, error


def diagnosed(model: Any, program: Any) -> dict[str, Any]:
    """Return the findings and the time of one call, as a user makes it."""
    import outrange
    from diagnosis.generated.program import data

    x, y = data(program)
    known = inspect.signature(outrange.diagnose).parameters
    options = {name: value for name, value in program.fit.items() if name in known}
    start = time.perf_counter()
    try:
        found = list(outrange.diagnose(model, x, y, **options))
        failed = ""
    except Exception as error:  # whatever it raises is a miss, and is listed
        found, failed = [], f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 2), "failed": failed, "found": found}


def record(keras: Any, program: Any, operator: Any = None) -> dict[str, Any]:
    """Diagnose a program; return the level at which its cause is named, and all findings."""
    from diagnosis.generated.program import build

    try:
        model = build(keras, program)
    except (ValueError, TypeError) as error:  # Keras itself says what is wrong
        return {"findings": [], "named": "built", "seconds": 0.0, "failed": str(error)[:200]}
    done = diagnosed(model, program)
    found = done.pop("found")
    named = [f.level for f in found if operator is not None and operator.names(f)]
    done["named"] = max(named).name if named else "-"
    done["findings"] = [
        [f.code, f.level.name, f.title, f.message[:160],
         operator is not None and operator.names(f)] for f in found
    ]  # fmt: skip
    return done


def group(keras: Any, seed: int, train: Trainings, todo: list[int], healthy: bool = False) -> Any:
    """Yield the records of all programs of a group; with `healthy`, without harmful mutants."""
    import numpy as np

    from diagnosis.generated import sample
    from diagnosis.generated.judge import is_healthy, verdict, worse_of
    from diagnosis.generated.losses import comparable

    base = sample.base_of(seed)
    skills, *others, error = train(keras, base)
    about = {"base": base.base, "skill": round(float(skills.mean()), 3)}
    if error or not is_healthy(skills):
        yield {"seed": seed, "kind": "does not learn", **about, "error": error}
        return
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()  # so that the base is diagnosed with nothing compiled before
    yield {"seed": seed, "kind": "base", **about, **record(keras, base)}
    for one in todo:
        operator, mutant = sample.mutant_of(one, base)
        theirs, *theirs_others, error = train(keras, mutant)
        seen = by_skill = verdict(skills, theirs)
        for ours, other in zip(others, theirs_others, strict=True):
            if comparable(base, mutant) and np.isfinite([*ours, *other]).all():
                seen = worse_of(seen, verdict(ours, other))
        line = {"seed": one, "kind": seen.kind, **about, "operator": operator.name,
                "drop": round(seen.drop, 3), "effect": round(seen.effect, 2),
                "chance": seen.chance, "by_skill": by_skill.kind, "raises": error}  # fmt: skip
        if healthy and seen.kind == "harmful":
            line["kind"] = "not asked"
        elif seen.kind != "undecided":
            line |= record(keras, mutant, operator)
        yield line


def groups(options: argparse.Namespace, out: Path) -> list[int]:
    """Return the first seed of each group: those in an existing file, or new ones."""
    from diagnosis.generated.sample import GROUP

    if out.exists() and (lines := out.read_text().splitlines()):
        return json.loads(lines[0])["groups"]
    if options.seeds:
        return list(range(options.seeds[0] - options.seeds[0] % GROUP, options.seeds[1], GROUP))
    return [GROUP * (WORK // GROUP + secrets.randbelow(10**8)) for _ in range(options.bases)]


def main() -> None:
    """Read the options and run."""
    warnings.simplefilter("ignore")
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", nargs=2, type=int, metavar=("A", "B"), help="A to B - 1")
    options.add_argument("--bases", type=int, default=100, help="how many are drawn anew")
    options.add_argument("--time", type=float, default=float("inf"), help="seconds")
    options.add_argument("--out", type=Path, help="JSON lines; an old file is gone on with")
    options.add_argument("--cache", type=Path, help="trainings of before",
                         default=Path.home() / ".cache/outrange/trained.jsonl")  # fmt: skip
    options.add_argument("--healthy", action="store_true", help="diagnose no mutant that hurts")
    options.add_argument("--table", action="store_true", help="print what is in --out, no more")
    given = options.parse_args()
    end = time.monotonic() + given.time
    out = given.out or Path(f"programs-{time.strftime('%Y%m%d-%H%M%S')}.jsonl")
    if not given.table:
        run(groups(given, out), given.cache, out, end, given.healthy)
    table([json.loads(line) for line in out.read_text().splitlines()[1:]])


def run(seeds: list[int], cache: Path, out: Path, end: float, healthy: bool = False) -> None:
    """Add the missing records to the file `out`."""
    import keras

    import shared_draws
    from diagnosis.generated.sample import GROUP

    shared_draws.share()
    if not out.exists() or not out.read_text():
        out.write_text(json.dumps({"groups": seeds, "backend": keras.backend.backend()}) + "\n")
    lines = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    done = {line["seed"] // GROUP for line in lines if line["kind"] == "end"}
    train = Trainings(cache)
    for seed in seeds:
        if seed // GROUP in done:
            continue
        if time.monotonic() > end:
            break
        found = list(group(keras, seed, train, list(range(seed, seed + GROUP)), healthy))
        with out.open("a") as file:
            for line in [*found, {"seed": seed, "kind": "end"}]:
                file.write(json.dumps(line) + "\n")
        print(seed, *(f"{x.get('operator', x['base'])}: {x['kind']} {x.get('named', '')};"
                      for x in found), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
