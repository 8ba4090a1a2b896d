"""Programs from public posts: the list is well formed, and the proofs among its findings stand."""

import pytest


pytest.importorskip("keras")

import outrange
from diagnosis.posts import POSTS
from outrange.answers.diagnosis import Level
from outrange.diagnosis import RULES


LEVELS = ("", "NOTE", *Level.__members__)
PROVED = [post for post in POSTS if post.level in ("NOTE", "PROVED")]


def test_every_post_has_a_link_a_cause_and_a_level():
    assert len({post.link for post in POSTS}) == len(POSTS) == 40
    for post in POSTS:
        assert post.link.startswith(("https://", "http://"))
        assert set(post.codes) <= set(RULES)
        assert post.level in LEVELS


@pytest.mark.parametrize("post", PROVED, ids=lambda post: post.codes[0])
def test_what_is_proved_needs_no_training_and_fails_on_the_twin(post):
    """Facts of program and data are proved without a step, and never of the corrected program."""
    faulty, fixed = (
        outrange.diagnose(*post.build(fixed=is_fixed), train=0, **post.options)
        for is_fixed in (False, True)
    )
    facts = [f for f in (*faulty.findings, *faulty.notes) if f.level is Level.PROVED]
    assert any(fact.code in post.codes for fact in facts)
    assert not fixed.at_least("measured")
