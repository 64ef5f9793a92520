"""Caps and rate limits under any interleaving of workers, with retries, calls that end in doubt, and deaths."""

import tempfile
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.aio import AsyncEngine
from flowkit.events import Needs
from flowkit.ports import InDoubt
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.policy import FrequencyCap, RateLimit, SendPolicy
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.triggers.calendar import Unit
from tests.properties.test_interleaving import Pausing, interleaved
from tests.support.journeys import DAY, HOUR, START, Ticks, node, send, signup, wait, workflow

PEOPLE = {"a": {"timezone": "Europe/Berlin"}, "b": {"timezone": "America/New_York"}, "c": {}}


class Death(BaseException):
    """The worker is gone."""


@frozen
class Answer:
    """What becomes of a message, and what the receiver says."""

    delivers: bool
    says: Outcome | BaseException


ANSWERS = (
    Answer(delivers=False, says=Outcome(Result.RETRY, "busy")),
    Answer(delivers=False, says=Outcome(Result.FAILED, "refused")),
    Answer(delivers=False, says=Outcome(Result.SKIPPED, "blocked")),
    Answer(delivers=True, says=Outcome(Result.UNKNOWN, "nobody knows")),
    Answer(delivers=True, says=TimeoutError()),
    Answer(delivers=False, says=TimeoutError()),
    Answer(delivers=True, says=Death()),
    Answer(delivers=False, says=Death()),
)
GOOD = Answer(delivers=True, says=DONE)


class Receiver:
    """Hands over one message a call; the log says what was delivered, to whom, and at which instant of the worker."""

    timeout = timedelta(seconds=5)
    key_window = None
    in_doubt = InDoubt.RESEND
    needs = Needs()

    def __init__(self, log, answers):
        self.now = START
        self.log = log
        self.answers = answers

    def send(self, messages):
        [message] = messages
        answer = next(self.answers, GOOD)
        if answer.delivers:
            self.log.append((self.now, message.subscriber_id, message.key))
        if isinstance(answer.says, BaseException):
            raise answer.says
        return [answer.says]


@frozen
class Round:
    """What happens at about one instant: so much later, these come, and the workers advance."""

    pause: timedelta
    coming: tuple[str, ...]
    workers: int
    skew: tuple[int, ...]


rounds = st.lists(
    st.builds(
        Round,
        st.sampled_from([timedelta(), timedelta(seconds=7), timedelta(minutes=20), 5 * HOUR, 20 * HOUR]),
        st.lists(st.sampled_from(sorted(PEOPLE)), max_size=6).map(tuple),
        st.integers(1, 3),
        st.tuples(*[st.integers(-3, 3)] * 3),
    ),
    min_size=1,
    max_size=7,
)
caps = st.builds(
    FrequencyCap,
    name=st.just("few"),
    most=st.integers(1, 3),
    per=st.sampled_from([HOUR, DAY, 7 * DAY, *Unit]),
    defer=st.none() | st.sampled_from([DAY, 30 * DAY]),
)
limits = st.builds(
    RateLimit, most=st.integers(1, 4), per=st.sampled_from([timedelta(minutes=1), HOUR]), burst=st.integers(1, 4)
)
answers = st.lists(st.sampled_from(ANSWERS) | st.just(GOOD) | st.just(GOOD), max_size=60)


def lived(store, policy, schedule, given_answers, turns):
    """Live through rounds with up to three workers, and on until nothing is due; give what was delivered."""
    log: list[tuple[object, str, str]] = []
    script = iter(given_answers)
    receivers = [Receiver(log, script) for _ in range(3)]
    profiles = MemoryProfiles(PEOPLE)
    crew = [
        AsyncEngine(
            Pausing(store),
            clock=VirtualClock(START),
            sender=Pausing(receiver),
            profiles=Pausing(profiles),
            policy=policy,
            batch=2,
        )
        for receiver in receivers
    ]
    flow = workflow(node("start", send(), wait(timedelta(minutes=30)), send(action_id="again")))
    interleaved([crew[0].publish(flow)], turns)
    now, number = START, 0

    async def work(index, moment):
        receivers[index].now = moment
        try:
            await crew[index].advance(now=moment)
        except Death:
            return

    for one in schedule:
        now += one.pause
        events = []
        for name in one.coming:
            number += 1
            events.append(signup(name, str(number)))
        interleaved([crew[0].ingest(events, now=now)], turns)
        moments = [now + timedelta(seconds=skew) for skew in one.skew[: one.workers]]
        interleaved([work(index, moment) for index, moment in enumerate(moments)], turns)
    for _ in range(400):
        [due] = interleaved([crew[0].next_due()], turns)
        if due is None:
            break
        now = max(now, due)
        interleaved([work(index, now) for index in range(2)], turns)
    else:
        raise AssertionError("it comes to an end")
    return log


def stores(stack, *, durable):
    if not durable:
        return MemoryStore(ticks=Ticks())
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL", lease_clock=Ticks())
    stack.callback(store.close)
    return store


def turned(draws):
    """Whose turn it is, for ever."""
    while True:
        yield from draws


def most_in_a_time(times, length):
    """Count by hand: the most different messages in any half-open time of that length that begins with one."""
    return max((len({key for at, key in times if start <= at < start + length}) for start, _ in times), default=0)


def most_in_a_period(times, unit, tz):
    """Count by hand, by what a calendar on the wall of that zone shows."""
    periods = defaultdict(set)
    for at, key in times:
        day = at.astimezone(tz).date()
        shown = {
            Unit.DAY: day,
            Unit.WEEK: day.isocalendar()[:2],
            Unit.MONTH: (day.year, day.month),
            Unit.YEAR: day.year,
        }
        periods[shown[unit]].add(key)
    return max(map(len, periods.values()), default=0)


@given(caps, rounds, answers, st.lists(st.integers(0, 5), min_size=1, max_size=40), st.booleans())
@settings(max_examples=120, deadline=None)
def test_no_subscriber_gets_more_than_a_cap_lets_through(cap, schedule, given_answers, draws, durable):
    with ExitStack() as stack:
        store = stores(stack, durable=durable)
        log = lived(store, SendPolicy(caps=[cap]), schedule, given_answers, turned(draws))
    for name, profile in PEOPLE.items():
        times = [(at, key) for at, whose, key in log if whose == name]
        if isinstance(cap.per, timedelta):
            assert most_in_a_time(times, cap.per) <= cap.most
        else:
            zone = profile.get("timezone")
            assert most_in_a_period(times, cap.per, ZoneInfo(zone) if zone else UTC) <= cap.most


@given(limits, rounds, answers, st.lists(st.integers(0, 5), min_size=1, max_size=40), st.booleans())
@settings(max_examples=120, deadline=None)
def test_no_time_holds_more_than_a_rate_limit_lets_through(limit, schedule, given_answers, draws, durable):
    """Each attempt is a call of its own, but one that a worker died in: that is made again by whoever takes over."""
    calm = [answer for answer in given_answers if not isinstance(answer.says, Death)]
    with ExitStack() as stack:
        store = stores(stack, durable=durable)
        log = lived(store, SendPolicy(rate_limit=limit), schedule, calm, turned(draws))
    times = sorted(at for at, _, _ in log)
    for start in times:
        assert sum(start <= at < start + limit.per for at in times) <= limit.most + limit.burst


@given(rounds, st.lists(st.integers(0, 5), min_size=1, max_size=40), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_cap_lets_all_through_that_it_may(schedule, draws, durable):
    """With nobody failing, each message goes out or finds as many in the time before it as the cap lets through."""
    cap = FrequencyCap(name="few", most=2, per=DAY)
    with ExitStack() as stack:
        store = stores(stack, durable=durable)
        log = lived(store, SendPolicy(caps=[cap]), schedule, [], turned(draws))
        lines = store.lines(limit=100_000)
    sent = [(line.at, line.subscriber_id) for line in lines if line.entry.kind == "done"]
    assert sorted(sent) == sorted((at, whose) for at, whose, _ in log)
    for line in lines:
        if line.entry.kind == "skipped":
            near = [at for at, whose in sent if whose == line.subscriber_id and abs(line.at - at) < DAY]
            assert len(near) >= cap.most
