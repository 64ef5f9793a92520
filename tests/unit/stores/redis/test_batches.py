"""What is particular to how the store writes: large batches, shared texts, partitions, and calls made twice."""

from contextlib import closing

import pytest
from redis import Redis

from flowkit.errors import StoreError
from flowkit.ports import Cap, Move, Reservation
from flowkit.stores.redis import RedisStore
from flowkit.stores.redis.layout import Layout
from flowkit.testing.bench import DONE_STATE, NOW, WAITING, Bench, Ticks

MANY = 1300
"""More than one script writes."""


@pytest.fixture
def stores(valkey_url, valkey_prefix):
    """Opens stores under one prefix, each as a process of its own."""
    opened = []

    def give(**options):
        opened.append(RedisStore(valkey_url, prefix=valkey_prefix, lease_clock=Ticks(), **options))
        return opened[-1]

    yield give
    for store in opened:
        store.close()


@pytest.fixture(params=[1, 5])
def bench(request, stores):
    with closing(Bench(stores(partitions=request.param), Ticks(), lambda same: same)) as bench:
        yield bench


def entering(bench, numbers):
    changes = [
        bench.change(f"s{number}", "1", ledgers=["w"], started=[bench.begun(f"s{number}", "1")]) for number in numbers
    ]
    return bench.commit(*changes)


def claims(bench):
    while (claim := bench.claim(limit=MANY)) is not None:
        yield claim


def test_a_large_batch_is_written_in_parts_and_whole(bench):
    assert not entering(bench, range(MANY))
    assert {run.subscriber_id for run in bench.runs(limit=2 * MANY)} == {f"s{number}" for number in range(MANY)}
    held = 0
    for claim in claims(bench):
        held += len(claim.runs)
        half = len(claim.runs) // 2
        moves = [Move(claim.runs[:half], WAITING, NOW + 5, ()), Move(claim.runs[half:], DONE_STATE, None, ())]
        assert not bench.commit(moves=moves, claim=claim, ends=True)
    assert held == MANY
    assert bench.claim() is None
    assert {run.state for run in bench.runs(limit=2 * MANY)} == {WAITING, DONE_STATE}
    assert not bench.store.in_flight(["s0"])


def test_a_claim_of_which_a_part_is_refused_has_not_ended(bench):
    entering(bench, range(MANY))
    claim = bench.held(limit=MANY)
    moved = claim.runs[0]
    bench.commit(bench.change(moved.subscriber_id, "2", moves=[Move((moved,), WAITING, NOW, ())]))
    refused = bench.commit(moves=[Move(claim.runs, DONE_STATE, None, ())], claim=claim, ends=True)
    assert list(refused.runs) == [moved]
    assert bench.extend(claim)
    assert not bench.commit(moves=[Move(bench.read(moved), DONE_STATE, None, ())], claim=claim, ends=True)
    assert not bench.extend(claim)


def test_pages_over_all_partitions_leave_out_nothing_and_repeat_nothing(bench):
    entering(bench, range(60))
    for limit in (1, 7, 60, 61):
        found, lines = [], []
        while page := bench.runs(after=found[-1].handle if found else 0, limit=limit):
            found += page
        while page := bench.lines(after=lines[-1].number if lines else 0, limit=limit):
            lines += page
        assert len({run.id for run in found}) == len(found) == 60
        assert len({line.number for line in lines}) == len(lines) == 60
    [count] = bench.living()
    assert count.runs == 60


def test_what_one_process_writes_in_turn_is_read_in_that_order(bench):
    names = [f"s{number}" for number in range(30)]
    runs = [bench.enter(name) for name in names]
    assert [run.handle for run in runs] == sorted(run.handle for run in runs)
    assert [line.subscriber_id for line in bench.lines()] == names


def test_places_for_all_subscribers_are_never_more_than_the_limit(bench):
    taken = 0
    for first in range(0, 40, 8):
        changes = [bench.change(f"s{number}", "1", totals=[("w", 1)]) for number in range(first, first + 8)]
        taken += 8 - len(bench.commit(*changes, limits={"w": 19}).subscriber_ids)
    assert taken == bench.total("w") == 19


def test_a_place_of_who_was_refused_goes_to_the_next(bench):
    bench.commit(bench.change("a", "0"))
    stale = bench.change("a", "1", totals=[("w", 1)])
    bench.commit(bench.change("a", "1"))
    changes = [stale, *(bench.change(name, "1", totals=[("w", 1)]) for name in "bc")]
    assert sorted(bench.commit(*changes, limits={"w": 1}).subscriber_ids) == ["a", "c"]
    assert bench.total("w") == 1


def test_all_partitions_refuse_what_was_decided_before_a_publication(bench):
    bench.publish()
    before = bench.stamp()
    changes = [bench.change(f"s{number}", "1") for number in range(20)]
    bench.publish(content="second")
    assert len(bench.commit(*changes, stamp=before).subscriber_ids) == 20
    assert not bench.commit(*changes, stamp=bench.stamp())


def test_who_takes_a_sweep_tells_the_partitions_that_a_dead_publisher_did_not(stores, monkeypatch):
    store = stores(partitions=5)
    with closing(Bench(store, Ticks(), lambda same: same)) as bench:
        bench.publish()
        before = bench.stamp()
        with monkeypatch.context() as patch:
            patch.setattr(store._editions, "tell", lambda: None)  # It dies before it has told anybody.
            bench.hold(None)
        changes = [bench.change(f"s{number}", "1") for number in range(20)]
        assert bench.claim_sweep() is not None
        assert len(bench.commit(*changes, stamp=before).subscriber_ids) == 20


def test_a_claim_that_is_asked_for_twice_is_given_twice(bench, monkeypatch):
    """As by a driver whose connection broke after the first time: nothing is held that nobody knows of."""
    entering(bench, range(9))
    monkeypatch.setattr("flowkit.stores.redis.claims.token_hex", lambda _: "f" * 16)
    monkeypatch.setattr("flowkit.stores.redis.claims.randrange", lambda _: 0)
    first, again = bench.claim(limit=1), bench.claim(limit=1)
    assert first is not None
    assert again is not None
    assert (again.token, list(again.runs)) == (first.token, list(first.runs))


def test_of_places_that_have_lapsed_nothing_is_left(stores, valkey_url, valkey_prefix):
    """Also of a subscriber who gets one message after the other, so that there is always a place that counts."""
    store = stores()
    for number in range(20):
        caps = [Cap(name, 9, NOW + number - span, NOW + number + span) for name, span in (("day", 2), ("week", 3))]
        store.reserve([Reservation(f"key-{number}", "s", tuple(caps))], NOW + number)
    with closing(Redis.from_url(valkey_url, decode_responses=True)) as client:
        assert set(client.hkeys(f"{{{valkey_prefix}}}:placed")) == {"key-17", "key-18", "key-19"}
        store.unreserve(["key-16", "key-17", "key-18", "key-19"])
        assert not client.exists(f"{{{valkey_prefix}}}:placed", f"{{{valkey_prefix}}}:p:s")


def test_texts_that_rows_share_are_known_to_every_process(stores):
    one, other = stores(), stores()
    with (
        closing(Bench(one, Ticks(), lambda same: same)) as first,
        closing(Bench(other, Ticks(), lambda _: other)) as second,
    ):
        entering(first, range(5))
        assert second.runs() == first.runs()
        assert second.lines() == first.lines()


def test_a_text_that_the_server_lost_is_given_again_and_a_row_without_it_is_an_error(stores, valkey_url, valkey_prefix):
    with closing(Bench(stores(), Ticks(), lambda same: same)) as bench, closing(Redis.from_url(valkey_url)) as client:
        entering(bench, range(5))
        client.delete(f"{{{valkey_prefix}}}:text")
        with closing(Bench(stores(), Ticks(), lambda same: same)) as other:
            with pytest.raises(StoreError, match="has lost a part"):
                other.runs()
            assert not entering(bench, range(5, 9)), "who knows the text writes it again"
            assert len(other.runs()) == 9


def test_a_script_leaves_no_key_of_its_own_behind(bench, valkey_url, valkey_prefix):
    """When all has ended, nothing of claims, notes, windows, frozen inputs and the queue is left."""
    entering(bench, range(20))
    for claim in claims(bench):
        bench.store.open_window(claim, {run.id + ":x": run for run in claim.runs})
        bench.freeze(claim, {run.id + ":x": "input" for run in claim.runs})
        for run in claim.runs:
            bench.store.attempts(claim).begin(run.id + ":x")
        assert not bench.commit(moves=[Move(claim.runs, DONE_STATE, None, ())], claim=claim, ends=True)
    with closing(Redis.from_url(valkey_url, decode_responses=True)) as client:
        kinds = {key.split("}:", 1)[1].split(":")[0] for key in client.scan_iter(match=f"{{{valkey_prefix}*")}
    assert kinds & {"claim", "claims", "notes", "window", "f", "due", "held", "live"} == set()


def test_a_handle_tells_partition_and_name():
    layout = Layout("x", 7)
    for part in range(7):
        for number in (1, 2, 1_000_000):
            handle = layout.handle(number, part)
            assert layout.place(handle) == (part, f"{number:010x}")
            assert layout.after(handle, part) == number
            for other in range(7):
                after = layout.after(handle, other)
                assert layout.handle(after, other) <= handle < layout.handle(after + 1, other)


def test_subscribers_are_spread_evenly_and_for_good():
    layout = Layout("x", 8)
    parts = [layout.part_of(f"subscriber_{number}") for number in range(8000)]
    assert min(map(parts.count, range(8))) > 850
    assert parts[:8] == [4, 7, 6, 7, 3, 7, 5, 7]
