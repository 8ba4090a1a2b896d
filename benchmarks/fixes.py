"""A test whether the fixes in findings help: they are applied as printed and trained on a copy.

    python benchmarks/fixes.py
    python benchmarks/fixes.py --sources real --codes OR001 OR006
    python benchmarks/fixes.py --sources generated --seeds 0 40

Programs are the faulty ones of tests/diagnosis/real, the rules' own examples, and mutants of the
generator in tests/diagnosis/generated. Every finding above SUSPECTED is used once per program and
code. Its fix is read as printed, alternative by alternative. A fix is good if the loss after the
same number of steps is lower with it, or if the rule no longer has a finding. Fixes that cannot be
automated (such as replacing an operation in a custom loss) are counted separately.
"""

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import keras

import outrange


def real() -> Iterator[tuple]:
    """Yield the faulty programs of the real questions in the tests."""
    from diagnosis.real import CASES

    for case in CASES:
        yield case.source, lambda case=case: (case.faulty(keras), {})


def examples() -> Iterator[tuple]:
    """Yield the faulty examples of every rule."""
    from outrange.diagnosis import RULES

    for code, rule in sorted(RULES.items()):
        for i, example in enumerate(rule.examples):
            yield (
                f"{code}-{i}",
                lambda example=example: (example.faulty(keras), dict(example.options)),
            )


def generated(first: int, last: int) -> Iterator[tuple]:
    """Yield mutants of generated programs, whether the mutation hurts or not."""
    from diagnosis.generated.program import build, data
    from diagnosis.generated.sample import base_of, mutant_of

    for seed in range(first, last):

        def make(seed=seed):
            _, mutant = mutant_of(seed, base_of(seed))
            options = {"epochs": mutant.epochs, "batch_size": mutant.batch}
            return (build(keras, mutant, seed), *data(mutant)), options

        yield f"seed {seed}", make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", nargs="+", default=["real", "examples", "generated"])
    parser.add_argument("--codes", nargs="*", default=[])
    parser.add_argument("--seeds", nargs=2, type=int, default=[0, 30])
    parser.add_argument("--most", type=int, default=10**6, help="programs of a source")
    given = parser.parse_args()
    kinds = {"real": real, "examples": examples, "generated": lambda: generated(*given.seeds)}
    good, bad, by_hand = Counter(), Counter(), Counter()
    for source in given.sources:
        for number, (name, make) in enumerate(kinds[source]()):
            if number >= given.most:
                break
            keras.utils.set_random_seed(0)
            began, seen = time.perf_counter(), set()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program, options = make()
                found = outrange.diagnose(*program, train="fixes", **options)
            for finding in found.at_least("measured"):
                if finding.code in seen or (given.codes and finding.code not in given.codes):
                    continue
                seen.add(finding.code)
                tried = finding.cost.get("tried")
                kind = by_hand if tried is None else (
                    good if tried["lowers"] or tried["gone"] else bad
                )  # fmt: skip
                kind[finding.code] += 1
                mark = {id(good): "good", id(bad): "BAD", id(by_hand): "by hand"}[id(kind)]
                shown = finding.tried or finding.fix.replace("\n", " ")
                print(f"{name:22} {finding.code} {finding.level.name:8} {mark:8} {shown}",
                      flush=True)  # fmt: skip
            spent = time.perf_counter() - began
            if spent > 30:
                print(f"{name:22} took {spent:.0f} s", flush=True)
    tried = good.total() + bad.total()
    print(f"\n{tried} fixes were made and trained: {good.total()} lower the loss or take the "
          f"finding away. {by_hand.total()} more are for the user's hands.")  # fmt: skip
    for code in sorted({*good, *bad, *by_hand}):
        print(f"  {code}: {good[code]} good, {bad[code]} not, {by_hand[code]} by hand")


if __name__ == "__main__":
    main()
