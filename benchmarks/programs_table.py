"""The tables that `programs.py` prints from its records."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any


LEVELS = ("PROVED", "MEASURED", "SUSPECTED")
Record = dict[str, Any]


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % confidence interval for a proportion."""
    if not total:
        return 0.0, 1.0
    z, part = 1.959964, hits / total
    middle = (part + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(part * (1 - part) / total + z * z / (4 * total**2)) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits: int, total: int) -> str:
    """Format a proportion, such as `"30 of 40 (75 %, 95 % interval 60 to 86 %)"`."""
    lo, hi = wilson(hits, total)
    part = 100 * hits / max(total, 1)
    return f"{hits} of {total} ({part:.0f} %, 95 % interval {100 * lo:.0f} to {100 * hi:.0f} %)"


def table(records: list[Record]) -> None:
    """Print all tables, and a list of the misses at the end."""
    by_kind = defaultdict(list)
    for one in records:
        by_kind[one["kind"]].append(one)
    every = [r for r in by_kind["harmful"] if r.get("named") != "built"]
    twins = [*by_kind["base"], *by_kind["harmless"]]
    sure = [r for r in every if r["named"] in LEVELS[:2]]
    named = [r for r in every if r["named"] in LEVELS]
    by_loss = sum(r.get("by_skill", "harmful") != "harmful" for r in every)
    print(f"\n{len(every)} harmful mutants, {by_loss} of them by loss or chances alone. "
          "The cause is named")  # fmt: skip
    print(f"  PROVED              {share(sum(r['named'] == 'PROVED' for r in every), len(every))}")
    print(f"  PROVED or MEASURED  {share(len(sure), len(every))}")
    print(f"  at any level        {share(len(named), len(every))}")
    _alarms(twins)
    print(f"Left out: {len(by_kind['undecided'])} mutants that are neither, "
          f"{len(by_kind['does not learn'])} bases that do not learn, "
          f"{len(by_kind['harmful']) - len(every)} that Keras does not build.")  # fmt: skip
    _times([*every, *twins])
    _by("operator", every)
    _by("base", every)
    _lists(every, twins)


def _alarms(twins: list[Record]) -> None:
    print(f"{len(twins)} healthy programs ({sum(r['kind'] == 'base' for r in twins)} bases). "
          "With a finding")  # fmt: skip
    for level in LEVELS:
        hit = [r for r in twins if any(f[1] == level for f in r["findings"])]
        strange = [r for r in hit if any(f[1] == level and not f[4] for f in r["findings"])]
        print(f"  {level:9} {share(len(hit), len(twins))}; {len(strange)} of them not about "
              "what was changed")  # fmt: skip


def _times(records: list[Record]) -> None:
    first = [r for r in records if r["kind"] == "base"]
    _time("with nothing compiled before", first)
    _time("after it, in the same process", [r for r in records if r["kind"] != "base"])
    for one in (r for r in records if r.get("failed")):
        print(f"  diagnose raised at seed {one['seed']}: {one['failed']}")


def _time(when: str, records: list[Record]) -> None:
    seconds = sorted(r["seconds"] for r in records)
    if seconds:
        worst = max(records, key=lambda r: r["seconds"])
        print(f"Seconds a call {when}: median {seconds[len(seconds) // 2]:.1f}, 95 % "
              f"{seconds[int(0.95 * len(seconds))]:.1f}, worst {seconds[-1]:.1f} "
              f"({worst['base']}, {worst.get('operator', 'healthy')}).")  # fmt: skip


def _by(what: str, records: Iterable[Record]) -> None:
    rows = defaultdict(list)
    for one in records:
        rows[one[what]].append(one["named"])
    print(f"\n{what:32} harmful  proved  measured  suspected  missed")
    for name, found in sorted(rows.items()):
        counts = [found.count(level) for level in (*LEVELS, "-")]
        print(f"{name:32} {len(found):7} {counts[0]:7} {counts[1]:9} {counts[2]:10} {counts[3]:7}")


def _lists(every: list[Record], twins: list[Record]) -> None:
    print("\nNot named at PROVED or MEASURED:")
    for one in sorted(every, key=lambda r: (r["operator"], r["seed"])):
        if one["named"] not in LEVELS[:2]:
            found = " ".join(f"{f[0]}:{f[1]}" for f in one["findings"]) or "nothing"
            print(f"  seed {one['seed']:<9} {one['operator']:32} {one['base']:22} "
                  f"drop {one['drop']:.2f}  found {found}")  # fmt: skip
    print("\nFindings on healthy programs:")
    for one in twins:
        for code, level, _, message, own in one["findings"]:
            mark = " (about what was changed)" if own else ""
            print(f"  seed {one['seed']:<9} {one.get('operator', 'base'):32} {one['base']:22} "
                  f"{code}:{level}{mark} {message}")  # fmt: skip
