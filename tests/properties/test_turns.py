"""Rate limits: whatever comes when, and however late workers are, no more go out than may, and in their order."""

from bisect import bisect_left
from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from flowkit.runs.policy import RateLimit
from flowkit.runs.turns import NO_TURNS, Promise, Turns, take_turns

MICROSECOND = timedelta(microseconds=1)

limits = st.builds(
    lambda most, length, burst: RateLimit(most=most, per=max(length, most) * MICROSECOND, burst=burst),
    st.integers(1, 12),
    st.integers(1, 1_000),
    st.integers(1, 6),
)
# What happens: so long after the last, so many come, and whoever is due is served, all of them or only some.
happenings = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 8), st.none() | st.sets(st.integers(0, 30))), max_size=25
)


class Queue:
    """Who waits under a limit, and who went out when: each knows what it was told, and nothing else."""

    def __init__(self, limit):
        self.limit = limit
        self.turns = NO_TURNS
        self.waiting: dict[int, Promise] = {}
        self.sent: list[tuple[int, int]] = []
        self.deferrals: dict[int, int] = {}
        self.came = 0

    def serve(self, now, coming, absent=()):
        """Serve who is due, those that a worker holds and that died left out, and who comes."""
        due = sorted((promise.at, name) for name, promise in self.waiting.items() if promise.at <= now)
        names = [name for place, (_, name) in enumerate(due) if place not in absent]
        asked = [self.waiting.pop(name) for name in names]
        new = range(self.came, self.came + coming)
        self.came += coming
        self.turns, told = take_turns(self.limit, self.turns, [*asked, *([None] * coming)], now)
        for name, promise in zip([*names, *new], told, strict=True):
            if promise is None:
                self.sent.append((now, name))
            else:
                assert promise.at > now
                self.waiting[name] = promise
                self.deferrals[name] = self.deferrals.get(name, 0) + 1

    def drain(self, now):
        while self.waiting:
            now = max(now, min(promise.at for promise in self.waiting.values()))
            self.serve(now, 0)


def most_in_any(times, length):
    """Count the most instants within any half-open time of that length: by hand, over each one that begins at one."""
    return max((bisect_left(times, at + length) - place for place, at in enumerate(times)), default=0)


@given(limits, happenings)
def test_no_time_holds_more_than_may_go_out(limit, happenings):
    queue, now = Queue(limit), 1_000
    for pause, coming, absent in happenings:
        now += pause
        queue.serve(now, coming, absent or ())
    queue.drain(now)
    times = sorted(at for at, _ in queue.sent)
    assert len(times) == queue.came
    assert most_in_any(times, limit.per // MICROSECOND) <= limit.most + limit.burst


@given(limits, happenings)
def test_where_workers_are_punctual_no_time_holds_more_than_the_limit(limit, happenings):
    """Whoever is due is served at once; each is deferred once at the most, and they go out in their order."""
    queue, now = Queue(limit), 1_000
    for pause, coming, _ in happenings:
        while queue.waiting and (due := min(promise.at for promise in queue.waiting.values())) <= now + pause:
            queue.serve(due, 0)
        now += pause
        queue.serve(now, coming)
    queue.drain(now)
    times = [at for at, _ in queue.sent]
    assert times == sorted(times)
    assert most_in_any(times, limit.per // MICROSECOND) <= limit.most
    assert [name for _, name in queue.sent] == list(range(queue.came))
    assert set(queue.deferrals.values()) <= {1}


@given(limits, happenings)
def test_no_order_is_turned_round_where_nobody_is_left_out(limit, happenings):
    """However late everybody is served."""
    queue, now = Queue(limit), 1_000
    for pause, coming, _ in happenings:
        now += pause
        queue.serve(now, coming)
    queue.drain(now)
    assert [name for _, name in sorted(queue.sent)] == list(range(queue.came))


@given(limits, st.integers(1, 60))
def test_a_crowd_is_spread_as_evenly_as_microseconds_allow(limit, crowd):
    queue = Queue(limit)
    queue.serve(5_000, crowd)
    queue.drain(5_000)
    pace = Fraction(limit.per // MICROSECOND, limit.most)
    for number, (at, name) in enumerate(queue.sent):
        assert name == number
        assert 0 <= at - 5_000 - number * pace < 1


@given(limits, st.integers(0, 10**12), st.integers(0, 2**40))
def test_a_number_is_found_again_from_what_was_told(limit, number, origin):
    """So nothing but the instant and the origin is kept with who waits."""
    before = Turns(origin, number, -1, -1)
    turns, told = take_turns(limit, before, [None, None], origin - 1)
    again, still = take_turns(limit, turns, told, origin - 1)
    assert (again, still) == (turns, told)
