"""The Redis store on a real cluster of three servers: every script must find its keys in one slot.

With one partition it keeps every promise. With several it makes no promise that holds across subscribers, and what the
suite says of those is left out by name.
"""

from contextlib import closing
from typing import Final

import pytest
from redis.cluster import RedisCluster

from flowkit.stores.redis import RedisStore
from flowkit.testing.conformance import StoreConformance

ACROSS_SUBSCRIBERS: Final = (
    # A claim takes runs of one partition, and so of some subscribers.
    "test_a_call_that_was_begun_and_not_ended_is_in_doubt",
    "test_a_claim_of_which_a_part_was_taken_is_lost",
    "test_a_claim_that_was_given_back_can_be_taken_at_once",
    "test_a_claim_that_was_given_back_keeps_its_notes",
    "test_a_lapsed_claim_is_taken_over_as_it_stands",
    "test_a_run_whose_subscriber_has_another_label_by_then_stays_where_it_is",
    "test_after_the_second_death_the_runs_are_taken_one_at_a_time",
    "test_an_event_reaches_a_run_that_is_claimed",
    "test_calls_were_made_when_their_worker_took_the_runs",
    "test_labels_are_assigned_in_order",
    "test_moves_are_written_under_the_claim",
    "test_no_more_than_the_limit_is_taken_and_nothing_twice",
    "test_notes_of_claims_side_by_side_are_kept_apart",
    "test_outcomes_that_were_noted_come_along",
    "test_pages_of_runs_follow_on_each_other",
    "test_pages_of_the_journal_follow_on_each_other",
    "test_runs_are_given_oldest_first_and_by_whose_they_are",
    "test_runs_are_taken_by_their_instant_and_then_by_age",
    "test_the_first_inputs_of_an_effect_are_kept_until_it_is_settled",
    "test_the_inputs_of_a_settled_effect_are_let_go",
    "test_the_journal_is_read_by_whose_it_is",
    "test_the_last_look_finds_the_runs_that_others_wrote_to",
    "test_the_last_look_finds_what_was_suppressed",
    "test_the_next_instant_is_told",
    "test_their_runs_go_on",
    "test_they_are_due_as_they_say",
    "test_what_a_claim_holds_and_did_not_move_is_given_back",
    "test_what_a_dead_worker_had_written_stands",
    "test_what_a_window_holds_is_in_flight",
    "test_what_has_its_outcome_is_in_flight_no_more",
    "test_what_was_noted_follows_each_run",
    # What one batch writes in several partitions is in no order.
    "test_each_of_an_intake_has_entered",
    "test_parts_are_written_in_their_order",
    "test_runs_are_as_old_as_the_batch_says",
    "test_the_journal_is_kept_as_it_was_written",
    "test_the_list_is_read_in_pages",
)


class TestRedisOnACluster(StoreConformance):
    partitions = 1

    @pytest.fixture
    def store(self, valkey_cluster, valkey_prefix, ticks):
        with closing(RedisCluster.from_url(valkey_cluster)) as client:
            yield RedisStore(client, prefix=valkey_prefix, partitions=self.partitions, lease_clock=ticks)


class TestRedisInPartitions(TestRedisOnACluster):
    partitions = 8


for name in ACROSS_SUBSCRIBERS:
    assert hasattr(StoreConformance, name), name
    setattr(TestRedisInPartitions, name, None)
