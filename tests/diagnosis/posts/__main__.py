"""Prints what `diagnose` says to each program and to its corrected twin."""

import outrange
from diagnosis.posts import POSTS


def main() -> None:
    """Print a line per post: the level, all findings above SUSPECTED, and the alarms."""
    for post in POSTS:
        faulty = outrange.diagnose(*post.build(), **post.options)
        fixed = outrange.diagnose(*post.build(fixed=True), **post.options)
        seen = [*faulty.findings, *faulty.notes]
        named = [f"{f.code}:{f.level.name}{' note' * f.note}" for f in seen if f.code in post.codes]
        others = [f"{f.code}:{f.level.name}" for f in faulty if f.code not in post.codes]
        alarms = [f"{f.code}:{f.level.name}" for f in fixed.at_least("measured")]
        print(f"{post.link}\n  named {named}  others {others}  alarms {alarms}", flush=True)


if __name__ == "__main__":
    main()
