"""The rules of entry: each alone at its edges, and every combination of them against a table written out by hand."""

from datetime import timedelta
from itertools import product

import pytest

from flowkit.triggers.entry import Refusal, Standing, refusal
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import EntryPolicy, Reentry, Trigger
from tests.support.journeys import DAY, NOW

MICROSECOND = timedelta(microseconds=1)
WEEK = 7 * DAY // MICROSECOND


def gate(entry=None, **fields):
    return Gate.of("w", 1, Trigger("t", entry=entry or EntryPolicy(), **fields))


# ------------------------------------------------------------------------------------------------------------
# Each alone


@pytest.mark.parametrize(
    ("now", "opens_in"),
    [
        (NOW, WEEK),
        (NOW + 1, WEEK - 1),
        (NOW + WEEK - 1, 1),
        (NOW + WEEK, None),
        (NOW + WEEK + 1, None),
        (NOW - 5, WEEK + 5),
    ],
)
def test_a_cooldown_is_closed_at_exactly_its_period(now, opens_in):
    """Entered on Monday at 10:00 with seven days: on the next Monday at 10:00:00 one enters again."""
    expected = None if opens_in is None else Refusal("cooldown", opens_in)
    assert refusal(gate(cooldown=7 * DAY), Standing(1, NOW), now) == expected


def test_without_a_rule_one_enters_at_once_again():
    assert refusal(gate(), Standing(100, NOW, living=7, concurrent=7), NOW) is None


def test_a_cooldown_of_a_microsecond_is_one():
    assert refusal(gate(cooldown=MICROSECOND), Standing(1, NOW), NOW) == Refusal("cooldown", 1)
    assert refusal(gate(cooldown=MICROSECOND), Standing(1, NOW), NOW + 1) is None


def test_who_never_entered_waits_for_nothing():
    rules = gate(EntryPolicy(reentry=Reentry.NEVER, max_concurrent=1), cooldown=7 * DAY, max_executions=1)
    assert refusal(rules, Standing(), NOW) is None


@pytest.mark.parametrize(("entries", "refused"), [(0, False), (2, False), (3, True), (4, True)])
def test_entries_are_counted_over_all_time(entries, refused):
    found = refusal(gate(max_executions=3), Standing(entries, NOW - 100 * WEEK), NOW)
    assert found == (Refusal("max_executions") if refused else None)


@pytest.mark.parametrize(("places", "refused"), [(None, False), (2, False), (1, False), (0, True), (-1, True)])
def test_entries_of_all_are_counted_by_the_places_left(places, refused):
    found = refusal(gate(max_executions_total=3), Standing(places=places), NOW)
    assert found == (Refusal("max_executions_total") if refused else None)


@pytest.mark.parametrize(("concurrent", "refused"), [(0, False), (1, False), (2, True), (3, True)])
def test_runs_at_once_are_counted_for_the_key(concurrent, refused):
    found = refusal(gate(EntryPolicy(max_concurrent=2)), Standing(9, NOW, 9, concurrent), NOW)
    assert found == (Refusal("max_concurrent", by="w") if refused else None)


def test_another_workflow_of_the_group_is_named():
    found = refusal(gate(EntryPolicy(exclusion_group="promo")), Standing(excluding="other"), NOW)
    assert found == Refusal("exclusion_group", by="other")


@pytest.mark.parametrize(
    ("reentry", "entries", "living", "refused"),
    [
        (Reentry.ALWAYS, 5, 5, False),
        (Reentry.NEVER, 0, 0, False),
        (Reentry.NEVER, 1, 0, True),
        (Reentry.AFTER_EXIT, 1, 0, False),
        (Reentry.AFTER_EXIT, 1, 1, True),
    ],
)
def test_whether_one_may_come_again(reentry, entries, living, refused):
    found = refusal(gate(EntryPolicy(reentry=reentry)), Standing(entries, NOW, living, living), NOW)
    assert (found is not None and found.reason == "reentry") is refused


def test_where_time_does_not_help_no_time_is_told():
    """A limit that is used up goes before a cooldown that will end."""
    assert refusal(gate(cooldown=DAY, max_executions=1), Standing(1, NOW), NOW) == Refusal("max_executions", None)


# ------------------------------------------------------------------------------------------------------------
# All together

RULES = ("reentry", "max_executions", "max_executions_total", "cooldown", "max_concurrent", "exclusion_group")


@pytest.mark.parametrize("closed", list(product((False, True), repeat=len(RULES))))
def test_the_first_rule_that_is_closed_is_the_reason(closed):
    """For each of the 64 combinations the rules are built so that exactly these are closed."""
    shut = dict(zip(RULES, closed, strict=True))
    rules = gate(
        EntryPolicy(
            reentry=Reentry.NEVER if shut["reentry"] else Reentry.ALWAYS,
            max_concurrent=1 if shut["max_concurrent"] else 2,
            exclusion_group="promo",
        ),
        max_executions=1 if shut["max_executions"] else 2,
        max_executions_total=10,
        cooldown=DAY if shut["cooldown"] else timedelta(),
    )
    standing = Standing(
        entries=1,
        last_entry=NOW - 1,
        living=1,
        concurrent=1,
        excluding="other" if shut["exclusion_group"] else None,
        places=0 if shut["max_executions_total"] else 1,
    )
    found = refusal(rules, standing, NOW)
    assert (found and found.reason) == next((name for name in RULES if shut[name]), None)
