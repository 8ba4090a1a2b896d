"""A search for false proofs: random programs are diagnosed, and every PROVED finding is attacked.

    KERAS_BACKEND=jax python benchmarks/false_proofs.py --programs 3000 --out proofs-jax.jsonl
    KERAS_BACKEND=torch python benchmarks/false_proofs.py --programs 500 --time 1800

Programs are drawn by `tests/diagnosis/attacks`. A proof is attacked with other weights, other
inputs, differentiation or training, depending on what the rule claims.
"""

import argparse
import json
import secrets
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


MEASURED_ALONE = ("OR034",)
"""Rules without proofs that are skipped: their fresh starts take as long as everything else."""


def examined(keras: Any, seed: int) -> dict[str, Any]:
    """Return the number of proofs of each rule for one program, and the contradicted ones."""
    import outrange
    from diagnosis.attacks.contradictions import contradiction
    from diagnosis.attacks.random_programs import random_program

    proofs, unchecked, fallen = Counter(), Counter(), []
    program = random_program(keras, seed)
    answer = outrange.diagnose(
        program.model, program.x, program.y, ignore=MEASURED_ALONE, **program.options
    )
    for finding in (*answer, *answer.notes):
        if finding.level.name != "PROVED":
            continue
        found = contradiction(keras, program, finding)
        if found is None:
            unchecked[finding.code] += 1
        else:
            proofs[finding.code] += 1
        if found:
            fallen.append([finding.code, finding.layer, finding.message, found])
    return {"seed": seed, "proofs": proofs, "unchecked": unchecked, "contradicted": fallen}


def main() -> None:
    """Read the options and run."""
    warnings.simplefilter("ignore")
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--programs", type=int, default=3000)
    options.add_argument("--first", type=int, help="the first seed; drawn anew by default")
    options.add_argument("--time", type=float, default=float("inf"), help="seconds")
    options.add_argument("--out", type=Path, help="JSON lines, added to")
    given = options.parse_args()
    end = time.monotonic() + given.time
    done = given.out.read_text().splitlines() if given.out and given.out.exists() else []
    records = [json.loads(line) for line in done]
    first = given.first if given.first is not None else secrets.randbelow(10**8)
    if records:
        first = records[0]["seed"]
    for seed in range(first + len(records), first + given.programs):
        if time.monotonic() > end:
            break
        records.append(attempt(seed))
        if given.out:
            with given.out.open("a") as file:
                file.write(json.dumps(records[-1]) + "\n")
    report(records)


def attempt(seed: int) -> dict[str, Any]:
    """Examine one program; return an error that says why if it cannot be built or diagnosed."""
    import keras

    import shared_draws

    shared_draws.share()
    try:
        found = examined(keras, seed)
    except Exception as error:
        text = f"{type(error).__name__}: {str(error)[:200]}"
        print(f"seed {seed} raised {text}", flush=True)
        traceback.print_exc()
        found = {"seed": seed, "raised": text}
    for code, layer, message, why in found.get("contradicted", ()):
        print(f"seed {seed} {code} {layer!r} CONTRADICTED: {why}\n    {message}", flush=True)
    if seed % 50 == 0 and keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()
    return found


def report(records: list[dict[str, Any]]) -> None:
    """Print the counts by rule."""
    whole = [r for r in records if "raised" not in r]
    proofs: Counter = sum((Counter(r["proofs"]) for r in whole), Counter())
    unchecked: Counter = sum((Counter(r["unchecked"]) for r in whole), Counter())
    fallen = Counter(f[0] for r in whole for f in r["contradicted"])
    print(f"{len(whole)} programs ({len(records) - len(whole)} raised): {proofs.total()} proofs "
          f"attacked, {unchecked.total()} not, {fallen.total()} contradicted.")  # fmt: skip
    for code in sorted({*proofs, *unchecked}):
        print(f"  {code} {proofs[code]:6} attacked {unchecked[code]:4} not {fallen[code]:4} false")


if __name__ == "__main__":
    main()
