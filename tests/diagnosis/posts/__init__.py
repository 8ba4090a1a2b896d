"""Forty programs from public posts, with corrected twins: what `diagnose` names, and what not.

The programs are written anew from what the posts describe, with synthetic data; no text or code of
theirs is here. Those in `earlier.py` were chosen after the first rules were written. Those in
`drawn.py` were chosen and trained without a run of `diagnose`, by someone who had not read the
rules, and run once when the rules were frozen. `python -m diagnosis.posts` (with `tests` on the
path) prints what `diagnose` says to each.
"""

from diagnosis.posts.drawn import DRAWN
from diagnosis.posts.earlier import EARLIER
from diagnosis.posts.post import Post


__all__ = ["DRAWN", "EARLIER", "POSTS", "Post"]

POSTS = (*EARLIER, *DRAWN)
