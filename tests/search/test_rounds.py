"""Members take turns in order, and a turn is twice as long in each round as in the last."""

from outrange.search.common.portfolio import Rounds


def test_turns_double_with_every_round_and_members_leave():
    rounds = Rounds("abc", 0.5)
    last = {"a": 3, "b": 1, "c": 2}
    turns = []
    while rounds.going:
        member, at = rounds.current, rounds.turn
        turns.append((member, at))
        is_last = sum(m == member for m, _ in turns) == last[member]
        begins = rounds.end_turn(goes_on=not is_last)
        assert begins == (rounds.turn > at)
    assert turns == [("a", 0.5), ("b", 0.5), ("c", 0.5), ("a", 1.0), ("c", 1.0), ("a", 2.0)]
