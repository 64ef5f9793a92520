"""A host with ports of its own, in the way in which a type checker has to accept it; checked, not run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, assert_never, assert_type

from attrs import define, field, frozen

import flowkit
from flowkit import (
    Action,
    AllOf,
    AsyncEngine,
    Awaited,
    Branch,
    CalendarDays,
    CallHandler,
    CallWebhook,
    Case,
    CheckEngagement,
    Condition,
    DictTemplates,
    DirectoryTemplates,
    DocumentError,
    Engine,
    Entry,
    Equals,
    Event,
    EventHas,
    EventIs,
    Exit,
    Facts,
    FrequencyCap,
    GoTo,
    HttpWebhooks,
    Instead,
    Kind,
    Line,
    LinkRules,
    LinkTokens,
    LocalTime,
    LookBack,
    MailPolicy,
    MemoryProfiles,
    MemoryStore,
    Needs,
    Node,
    Not,
    Offset,
    Outcome,
    OutgoingMessage,
    PreferredTime,
    Problem,
    ProfileDate,
    RateLimit,
    Result,
    Run,
    RunHas,
    SendEmail,
    SendPolicy,
    SmtpSender,
    SqliteStore,
    Status,
    SubscriberHas,
    Template,
    Trigger,
    TriggerType,
    Unit,
    UpdateProfile,
    UpdateSegments,
    VersionState,
    VirtualClock,
    Wait,
    WaitForEvent,
    WaitUntil,
    Weekday,
    Window,
    Workflow,
)
from flowkit.ports import (
    Addressed,
    Audience,
    Clock,
    Consent,
    Handler,
    HandlerRequest,
    InDoubt,
    Lookup,
    ProfileChange,
    Profiles,
    Sender,
    Store,
    Templates,
    WebhookRequest,
)
from flowkit.ports import Webhooks as WebhooksPort
from flowkit.testing.recording import RecordingConsent, RecordingHandler, RecordingSender, RecordingWebhooks
from flowkit.workflows.waits import WaitRule

# ---------------------------------------------------------------------------------------------------------------------
# Definitions

waits: Sequence[WaitRule] = (
    CalendarDays(1, at=time(15)),
    LocalTime(time(9), on=(Weekday.MON,)),
    Window(opens_at=time(22), closes_at=time(6)),
    ProfileDate("renewal", offset=Offset.read("-7d"), on_missing=Instead.EXIT, on_past=GoTo("mark")),
    PreferredTime("preferred_hour", fallback=time(10)),
)
newcomers: Condition = AllOf((EventIs(("signup",)), EventHas({"source": Equals("website")})))
onboarding = Workflow(
    "onboarding",
    "Onboarding",
    trigger=Trigger(
        "signup",
        trigger_type=TriggerType.COMPOSITE,
        condition=AllOf((newcomers, Not(SubscriberHas({"internal": Equals(True)})))),
        cooldown=timedelta(days=7),
        max_executions=3,
    ),
    nodes=[
        Node(
            "start",
            "Start",
            actions=[
                Action("hello", SendEmail("hello", subject="Hello"), failure_path="give_up"),
                Action("wait", Wait(timedelta(hours=72))),
                *(Action(f"wait_{number}", WaitUntil(rule)) for number, rule in enumerate(waits)),
                Action("look", CheckEngagement(("opens",)), delay=timedelta(minutes=5)),
            ],
            engagement_threshold={"opens": 1},
            next_nodes={"engaged": "mark", "not_engaged": "end"},
        ),
        Node(
            "mark",
            "Mark",
            actions=(
                Action("segment", UpdateSegments(add=("active",))),
                Action("profile", UpdateProfile(set={"stage": "active"}, increment={"score": 1.5})),
                Action("call", CallWebhook("https://example.com/hook", response={"score": "result.score"})),
                Action("own", CallHandler("score", parameters={"model": "spring"})),
            ),
            next_nodes={"default": "part"},
        ),
        Node(
            "part",
            "Part",
            actions=[
                Action(
                    "fork",
                    Branch(
                        [
                            Case("pro", SubscriberHas({"plan": Equals("pro")})),
                            Case("hot", RunHas({"score": Equals(5)})),
                        ],
                        otherwise="others",
                    ),
                )
            ],
            next_nodes={"pro": "listen", "others": "end"},
            max_visits=3,
        ),
        Node(
            "listen",
            "Listen",
            actions=[
                Action(
                    "await",
                    WaitForEvent(
                        [
                            Awaited("bought", EventIs(("purchase",))),
                            Case("pro", SubscriberHas({"plan": Equals("pro")})),
                        ],
                        timeout=timedelta(days=3),
                        look_back=LookBack.ENTRY,
                    ),
                )
            ],
            next_nodes={"default": "give_up"},
        ),
        Node("give_up", "Give up", actions=[Action("leave", Exit("nothing to do"))]),
    ],
)
assert_type(onboarding.nodes, Mapping[str, Node])
assert_type(onboarding.nodes["start"].actions, tuple[Action, ...])


# ---------------------------------------------------------------------------------------------------------------------
# Ports of the host's own: frozen, mutable, with fields and with properties; none of them inherits anything


@frozen
class Service:
    """A sender whose members are fields."""

    key_window: timedelta | None = timedelta(days=2)
    timeout: timedelta = timedelta(seconds=5)
    in_doubt: InDoubt = InDoubt.ASSUME_SENT
    needs: Needs = field(factory=lambda: Needs(attributes=frozenset({"email"})))

    def send(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        return [Outcome(Result.DONE, reference=message.key) for message in messages]

    def lookup(self, keys: Sequence[str]) -> dict[str, Outcome]:
        return {key: Outcome(Result.RETRY, retry_after=timedelta(minutes=1)) for key in keys}


@frozen
class Texts:
    """A sender of text messages, which says where it finds the address."""

    address: str | None = "phone"
    key_window: timedelta | None = None
    timeout: timedelta = timedelta(seconds=5)
    in_doubt: InDoubt = InDoubt.RESEND
    needs: Needs = field(factory=Needs)

    def send(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        return [Outcome(Result.DONE, reference=message.channel) for message in messages]


class Pigeon:
    """A sender whose members are properties, and which has to be awaited."""

    @property
    def key_window(self) -> None:
        return None

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=1)

    @property
    def in_doubt(self) -> InDoubt:
        return InDoubt.RESEND

    @property
    def needs(self) -> Needs:
        return Needs()

    async def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        return [Outcome(Result.SKIPPED, "no pigeon flies today") for _ in messages]


@define
class Users:
    """Profiles over a table."""

    connection: sqlite3.Connection

    def facts(self, ids: Sequence[str], needs: Needs) -> Mapping[str, Facts]:
        del needs
        return {one: Facts({"email": f"{one}@example.com"}, segments=frozenset({"all"})) for one in ids}

    def change(self, changes: Sequence[ProfileChange]) -> Sequence[Outcome]:
        return [Outcome(Result.DONE, self._changed(change)) for change in changes]

    def _changed(self, change: ProfileChange) -> str:
        match change.operation:
            case UpdateSegments(add=add):
                return ", ".join(add)
            case UpdateProfile(set=values):
                return ", ".join(values)
            case _:
                assert_never(change.operation)


class Shelf:
    async def template(self, template_id: str) -> Template | None:
        return Template(template_id, subject="Hello", text="Hello") if template_id == "hello" else None


class Asked:
    async def status(self, ids: Sequence[str], topic: str) -> Mapping[str, flowkit.ConsentStatus]:
        return dict.fromkeys(ids, flowkit.ConsentStatus.SUBSCRIBED if topic else flowkit.ConsentStatus.UNKNOWN)


class Calls:
    timeout = timedelta(seconds=3)

    def call(self, requests: Sequence[WebhookRequest]) -> Sequence[Outcome]:
        return [Outcome(Result.FAILED, request.method) for request in requests]


def score(requests: Sequence[HandlerRequest]) -> list[Outcome]:
    return [Outcome.giving({"score": len(request.parameters)}) for request in requests]


async def score_later(requests: Sequence[HandlerRequest]) -> Sequence[Outcome]:
    return [Outcome(Result.DONE, output="{}") for _ in requests]


@define
class Scores:
    key_window: timedelta = timedelta(days=1)

    def __call__(self, requests: Sequence[HandlerRequest]) -> Sequence[Outcome]:
        return score(requests)


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 5, 4, 12, tzinfo=UTC)


def fit(connection: sqlite3.Connection, sqlite: SqliteStore) -> None:
    """Each object fits its protocol, those of the host and those that ship."""
    senders: list[Sender] = [
        Service(),
        Pigeon(),
        Texts(),
        RecordingSender(),
        SmtpSender("localhost", 25, sender="a@example.com"),
    ]
    lookup: Lookup = Service()
    addressed: Addressed = Texts()
    profiles: list[Profiles] = [Users(connection), MemoryProfiles()]
    audiences: list[Audience] = [MemoryProfiles()]
    templates: list[Templates] = [Shelf(), DictTemplates({}), DirectoryTemplates(Path())]
    consents: list[Consent] = [Asked(), flowkit.MemoryConsent(), RecordingConsent()]
    webhooks: list[WebhooksPort] = [Calls(), RecordingWebhooks(), HttpWebhooks(allow=["10.0.0.0/8"])]
    handlers: list[Handler] = [score, score_later, Scores(), RecordingHandler()]
    clocks: list[Clock] = [Noon(), VirtualClock(datetime.now(UTC)), flowkit.SystemClock()]
    stores: list[Store] = [MemoryStore(), sqlite, sqlite.joined(connection)]
    del senders, lookup, addressed, profiles, audiences, templates, consents, webhooks, handlers, clocks, stores


# ---------------------------------------------------------------------------------------------------------------------
# Engines


def host(path: Path, connection: sqlite3.Connection) -> Sequence[Run]:
    """What a host without an event loop does."""
    store = SqliteStore(path, synchronous="NORMAL")
    engine = Engine(
        store,
        sender=Service(),
        channels={"sms": Texts(), "push": Service()},
        profiles=Users(connection),
        templates=DictTemplates({"hello": Template("hello", subject="Hello", text="Hello {{ email }}")}),
        webhooks=Calls(),
        handlers={"score": score},
        clock=Noon(),
        mail=MailPolicy(
            tokens=LinkTokens({"1": bytes(16)}, current="1"),
            unsubscribe_url="https://example.com/leave/{token}",
            links=LinkRules({"utm_source": "mail"}, hosts=["example.com"]),
        ),
        policy=SendPolicy(
            quiet_hours=Window(opens_at=time(22), closes_at=time(7)),
            caps=[
                FrequencyCap(name="weekly", most=3, per=timedelta(days=7)),
                FrequencyCap(name="day", most=1, per=Unit.DAY),
            ],
            rate_limit=RateLimit(most=100, per=timedelta(minutes=1)),
        ),
    )
    assert_type(engine.publish(onboarding).number, int)
    events, rejected = flowkit.load_events(
        '[{"subscriber_id": "ada", "event": {"type": "signup", "source": "website"}}]'
    )
    assert_type(events, list[Event])
    assert_type(rejected, list[tuple[int, DocumentError]])
    assert_type(engine.ingest(events, connection=None).started, int)
    assert_type(engine.advance(limit=10).done, int)
    assert_type(engine.changed(["ada"]).started, int)
    assert_type(engine.backfill("onboarding", where=EventIs(("signup",)), backfill_id="spring"), bool)
    assert_type(engine.sweeps()[0].due_at, datetime | None)
    assert_type(engine.explain("ada", "onboarding").text, str)
    assert_type(engine.suppress(["ada"], reason=flowkit.SuppressionReason.BOUNCE), flowkit.Suppressed)
    assert_type(engine.suppressions(), Sequence[flowkit.Suppression])
    assert_type(engine.unsuppress(["ada"], reason=flowkit.SuppressionReason.BOUNCE), Sequence[str])
    assert_type(engine.next_due(), datetime | None)
    assert_type(engine.pause("onboarding", clock="run"), int)
    assert_type(engine.resume("onboarding"), int)
    assert_type(engine.exit("ada", "onboarding", reason="asked").refused, Mapping[str, str])
    assert_type(engine.migrate("onboarding", targets={"start": "exit"}, dry_run=True).total.kept, Mapping[str, int])
    assert_type(engine.versions("onboarding")[0].state, VersionState)
    runs = engine.runs(subscriber_id="ada")
    assert_type(runs, Sequence[Run])
    assert_type(runs[0].status, Status)
    assert_type(runs[0].variables, Mapping[str, Any])
    assert_type(engine.requeue(engine.runs(status=Status.FAILED)).refused, Mapping[str, str])
    assert_type(runs[0].due_at, datetime | None)
    assert_type(engine.journal(run=runs[0]), Sequence[Line])
    store.close()
    return runs


async def asynchronous_host() -> int:
    """What a host with one does."""
    engine = AsyncEngine(
        MemoryStore(),
        sender=Pigeon(),
        templates=Shelf(),
        profiles=MemoryProfiles(),
        webhooks=Calls(),
        handlers={"score": score_later},
    )
    await engine.publish(onboarding)
    assert_type((await engine.ingest([Event("signup", "ada", properties={"source": "website"})])).refused, int)
    return (await engine.advance()).skipped


# ---------------------------------------------------------------------------------------------------------------------
# Values


def reasons(lines: Sequence[Line]) -> Iterator[str]:
    """The kinds are closed: a checker sees that no case is missing."""
    for line in lines:
        entry = line.entry
        assert_type(entry, Entry)
        match entry.kind:
            case Kind.ENTERED | Kind.LEFT | Kind.COMPLETED | Kind.WAITING | Kind.PASSED | Kind.WOKEN | Kind.DECIDED:
                yield entry.node or ""
            case Kind.DONE | Kind.SKIPPED | Kind.RETRYING | Kind.FAILED | Kind.EXITED | Kind.LATE | Kind.REFUSED:
                yield str(entry.data.get("reason", ""))
            case Kind.REQUEUED:
                yield str(entry.data["after"])
            case Kind.DEFERRED:
                yield str(entry.data["by"])
            case Kind.GOAL:
                yield str(entry.data["goal"])
            case Kind.HELD_OUT:
                yield str(entry.data["trigger"])
            case Kind.OBSERVED:
                yield str(entry.data["type"])
            case Kind.PAUSED | Kind.RESUMED:
                yield str(entry.data["clock"])
            case Kind.MIGRATED:
                yield str(entry.data["node"])
            case Kind.FEEDBACK:
                yield str(entry.data["type"])
            case _:
                assert_never(entry.kind)


def problems(document: str) -> Sequence[Problem]:
    """What is wrong with a document comes as data."""
    try:
        assert_type(flowkit.load_workflow(document), Workflow)
    except DocumentError as error:
        return error.problems
    return ()


assert_type(flowkit.dump_workflow(onboarding), dict[str, object])
assert_type(flowkit.dump_event(Event("signup", "ada")), dict[str, object])
