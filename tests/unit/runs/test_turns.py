"""Turns under a rate limit, one by one."""

from datetime import timedelta

import pytest

from flowkit.runs.policy import RateLimit
from flowkit.runs.turns import NO_TURNS, Promise, Turns, take_turns

MICROSECOND = timedelta(microseconds=1)


def every_fifty(burst=1):
    return RateLimit(most=2, per=100 * MICROSECOND, burst=burst)


def come(limit, count, *, turns=NO_TURNS, now=1_000):
    return take_turns(limit, turns, [None] * count, now)


def test_the_first_goes_at_once_and_the_others_one_after_the_other():
    turns, told = come(every_fifty(), 4)
    assert told == [None, Promise(1_050, 1_000), Promise(1_100, 1_000), Promise(1_150, 1_000)]
    assert turns == Turns(1_000, 4, 0, -1)


@pytest.mark.parametrize("now", [1_050, 1_099])
def test_a_turn_is_taken_when_it_is_up_and_a_little_later(now):
    turns, told = come(every_fifty(), 2)
    assert take_turns(every_fifty(), turns, [told[1]], now) == (Turns(1_000, 2, 1, -1), [None])


def test_a_turn_that_is_not_up_is_told_again():
    turns, told = come(every_fifty(), 2)
    assert take_turns(every_fifty(), turns, [told[1]], 1_049) == (turns, [told[1]])


def test_where_everybody_is_late_all_turns_move_on():
    """At the very instant at which the next would be up, where one at a time may burst."""
    turns, told = come(every_fifty(), 4)
    turns, again = take_turns(every_fifty(), turns, told[1:], 1_100)
    assert again == [None, Promise(1_150, 1_050), Promise(1_200, 1_050)]
    assert turns == Turns(1_050, 4, 1, 0)


def test_what_came_up_goes_out_at_once_up_to_the_burst():
    turns, told = come(every_fifty(3), 4)
    assert take_turns(every_fifty(3), turns, told[1:], 1_150)[1] == [None, None, None]


def test_one_that_was_left_out_moves_nobody():
    """Later ones went out meanwhile: it takes a new turn, behind those who wait."""
    turns, told = come(every_fifty(), 5)
    turns, _ = take_turns(every_fifty(), turns, [told[2]], 1_100)
    turns, again = take_turns(every_fifty(), turns, [told[1]], 1_140)
    assert again == [Promise(1_250, 1_000)]
    assert take_turns(every_fifty(), turns, [told[3]], 1_150)[1] == [None]


def test_what_went_out_last_may_have_an_earlier_turn():
    turns, told = come(every_fifty(3), 4)
    turns, _ = take_turns(every_fifty(3), turns, [told[2]], 1_100)
    turns, passed = take_turns(every_fifty(3), turns, [told[1]], 1_100)
    assert (passed, turns.used) == ([None], 2)


def test_a_turn_from_before_the_turns_moved_on_is_void():
    """The instants at which used turns come up would else be too near to each other."""
    limit = every_fifty(3)
    turns, told = come(limit, 5)
    turns, _ = take_turns(limit, turns, [told[2]], 1_100)
    turns, moved = take_turns(limit, turns, [told[3]], 1_300)
    assert (moved, turns) == ([None], Turns(1_150, 5, 3, 2))
    turns, again = take_turns(limit, turns, [told[1]], 1_300)
    assert again == [Promise(1_400, 1_150)]


@pytest.mark.parametrize("promise", [Promise(9_000, 1_000), Promise(900, 1_000), Promise(1_000, 1_000)])
def test_a_turn_that_nobody_was_told_is_none(promise):
    """Beyond all that were given, before the first, and one that was used."""
    turns, _ = come(every_fifty(), 2)
    turns = turns._replace(void=0)
    assert take_turns(every_fifty(), turns, [promise], 1_010)[1] == [Promise(1_100, 1_000)]


def test_nothing_is_saved_up_while_nobody_comes():
    turns, _ = come(every_fifty(9), 1)
    turns, told = come(every_fifty(9), 3, turns=turns, now=2_000)
    assert told == [None, Promise(2_050, 1_950), Promise(2_100, 1_950)]
