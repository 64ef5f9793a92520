"""The main job: a welcome series of ten days, on real parts, in about a second.

Ten people sign up on a website, and half of them open the welcome. Whoever did gets tips after three days and a demo
five days later; whoever did not is asked once to come back. Real are the store (a SQLite file), the templates (the
folder beside this file) and the mail, which goes over SMTP to a server that this script starts on the loopback
interface. Only the clock is made up: it jumps from one thing that happens to the next.

Run it from a checkout, with aiosmtpd installed:

    python examples/welcome_series.py
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import NamedTuple

from aiosmtpd.smtp import SMTP, Envelope, Session

from flowkit import (
    Action,
    AllOf,
    CheckEngagement,
    DirectoryTemplates,
    Engine,
    Entry,
    Equals,
    Event,
    EventHas,
    EventIs,
    Kind,
    Line,
    MemoryProfiles,
    Node,
    Run,
    SendEmail,
    SmtpSender,
    SqliteStore,
    Trigger,
    VirtualClock,
    Wait,
    Workflow,
    load_workflow,
)

HERE = Path(__file__).parent
START = datetime(2026, 5, 4, 9, tzinfo=UTC)  # a Monday
MIDNIGHT = START.replace(hour=0)
DAYS = 10


# ---------------------------------------------------------------------------------------------------------------------
# The workflow, as code. welcome_series.json says the same in the words of a document.


def welcome_series() -> Workflow:
    return Workflow(
        "welcome_series_v2",
        "Welcome Series V2",
        trigger=Trigger(
            "new_subscriber_trigger",
            condition=AllOf((EventIs(("subscriber_signup",)), EventHas({"source": Equals("website")}))),
            priority=10,
            cooldown=timedelta(days=7),
        ),
        nodes=[
            Node(
                "start",
                "Welcome Email",
                actions=[Action("send_welcome", SendEmail("welcome_email_v2", subject="Welcome to our community!"))],
                next_nodes={"default": "wait_3_days"},
            ),
            Node(
                "wait_3_days",
                "Wait 3 Days",
                actions=[Action("wait_3_days", Wait(timedelta(hours=72)))],
                next_nodes={"default": "check_engagement"},
            ),
            Node(
                "check_engagement",
                "Check Engagement",
                actions=[Action("evaluate_engagement", CheckEngagement(("opens", "clicks")))],
                engagement_threshold={"opens": 1, "clicks": 0},
                next_nodes={"engaged": "send_tips_email", "not_engaged": "send_reengagement"},
            ),
            Node(
                "send_tips_email",
                "Send Tips Email",
                actions=[
                    Action(
                        "send_tips",
                        SendEmail("getting_started_tips", subject="Here are some tips to get started"),
                    )
                ],
                next_nodes={"default": "wait_5_days"},
            ),
            Node(
                "send_reengagement",
                "Send Re-engagement",
                actions=[
                    Action(
                        "send_reengagement",
                        SendEmail("reengagement_v1", subject="We missed you - here's what you're missing"),
                    )
                ],
                next_nodes={"default": "end"},
            ),
            Node(
                "wait_5_days",
                "Wait 5 Days",
                actions=[Action("wait_5_days", Wait(timedelta(hours=120)))],
                next_nodes={"default": "send_product_demo"},
            ),
            Node(
                "send_product_demo",
                "Send Product Demo",
                actions=[Action("send_demo", SendEmail("product_demo_email", subject="See our product in action"))],
                next_nodes={"default": "end"},
            ),
        ],
    )


# ---------------------------------------------------------------------------------------------------------------------
# The people, and what they do

PEOPLE: Mapping[str, Mapping[str, object]] = {
    "ada": {"firstName": "Ada", "company": "Smith & Sons", "favoriteCategory": "roadmaps"},
    "ben": {"firstName": "Ben", "location": {"city": "Lyon"}},
    "chloe": {"firstName": "Chloé", "favoriteCategory": "interviews"},
    "dev": {"firstName": "Dev", "location": {"city": "Pune"}},
    "elin": {},  # left the form's name field empty
    "farid": {"firstName": "Farid"},
    "grace": {"firstName": "Grace", "company": "Northern Line"},
    "hiro": {"location": {"city": "Osaka"}},
    "ines": {"firstName": "Inês", "company": "Oficina 12"},
    "jo": {"firstName": "Jo", "location": {"city": "Cork"}},
}
OPENS = {"ada": 2, "chloe": 5, "elin": 20, "grace": 31, "ines": 69}  # hours after the signup


def profiles() -> MemoryProfiles:
    return MemoryProfiles(
        {
            name: {"email": f"{name}@example.com", "signupDate": "4 May 2026", **attributes}
            for name, attributes in PEOPLE.items()
        }
    )


class Happening(NamedTuple):
    at: datetime
    event: Event


def happenings() -> list[Happening]:
    """What the outside world does, in order: each event bears the id that its source gave it."""
    found: list[Happening] = []

    def happens(at: datetime, kind: str, name: str, event_id: str, **properties: str) -> None:
        found.append(Happening(at, Event(kind, name, id=event_id, occurred_at=at, properties=properties)))

    for index, name in enumerate(PEOPLE):
        signup = START + timedelta(minutes=12 * index)
        happens(signup, "subscriber_signup", name, f"signup-{name}", source="website")
        if name in OPENS:
            happens(signup + timedelta(hours=OPENS[name]), "email_open", name, f"open-{name}")
    # The mail service reports one open a second time, as such services do: it is accepted once.
    happens(START + timedelta(hours=3), "email_open", "ada", "open-ada")
    # And one person fills in the form again: the trigger's cooldown keeps him from a second welcome.
    happens(START + timedelta(days=2, hours=5), "subscriber_signup", "farid", "signup-farid-2", source="website")
    return sorted(found)


# ---------------------------------------------------------------------------------------------------------------------
# A mail server


class Received(NamedTuple):
    recipient: str
    content: bytes


class Inbox:
    """What the server does with a message: keep it."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[Received] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        assert isinstance(envelope.content, bytes)
        self.received += [Received(recipient, envelope.content) for recipient in envelope.rcpt_tos]
        return "250 OK"


@contextmanager
def mail_server() -> Generator[Inbox]:
    """Run a real mail server on a free port of the loopback interface, in a thread of its own."""
    inbox = Inbox()
    opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with await loop.create_server(lambda: SMTP(inbox, loop=loop), "127.0.0.1", 0) as server:
            inbox.port = server.sockets[0].getsockname()[1]
            opened.set_result((loop, over))
            await over.wait()

    thread = Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    loop, over = opened.result(timeout=10)
    try:
        yield inbox
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=10)


# ---------------------------------------------------------------------------------------------------------------------
# Ten days in about a second


def play(engine: Engine, clock: VirtualClock, coming: deque[Happening], *, until: datetime) -> int:
    """Go from one thing that happens to the next: ingest what comes in, then do what is due; count the duplicates."""
    duplicates = 0
    while True:
        candidates = (coming[0].at if coming else None, engine.next_due())
        instants = [instant for instant in candidates if instant is not None and instant < until]
        if not instants:
            return duplicates
        now = clock.set(min(instants))
        events: list[Event] = []
        while coming and coming[0].at <= now:
            events.append(coming.popleft().event)
        duplicates += engine.ingest(events).duplicates
        engine.advance()


# ---------------------------------------------------------------------------------------------------------------------
# What the journal says


class Sent(NamedTuple):
    """A message that was handed over, as the journal tells it."""

    at: datetime
    day: int
    subscriber_id: str
    template_id: str
    reference: str
    why: str


class Diary:
    """Reads the journal as it grows, and remembers for each run what led to its next message."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._why: dict[str, list[str]] = {}

    def told(self, line: Line) -> str | None:
        """Tell a line to somebody who follows the days; None where it is only a step on the way to a message."""
        entry, who = line.entry, line.subscriber_id
        why = self._why.setdefault(line.run_id or "", [])
        match entry.kind:
            case Kind.ENTERED:
                why.append(f"{entry.data['trigger']} matched")
            case Kind.WAITING:
                why.append(f"{_days(entry.data['seconds'])} passed")
            case Kind.DECIDED:
                why.append(f"{entry.data['label']} ({_operands(entry)})")
            case Kind.DONE:
                template_id = str(entry.data["template_id"])
                reference = str(entry.data["reference"])
                self.sent.append(Sent(line.at, _day(line), who, template_id, reference, ", then ".join(why)))
                why.clear()
                return f"sent     {template_id:<21} to {who:<6} because {self.sent[-1].why}"
            case Kind.OBSERVED:
                return f"noted    {entry.data['type']:<21} of {who}"
            case Kind.REFUSED:
                rest = timedelta(seconds=entry.data["opens_in_seconds"])
                rule = f"{entry.data['reason']}, over in {rest}"
                return f"refused  {entry.data['event']:<21} of {who:<6} because of the {rule}"
            case Kind.SKIPPED | Kind.RETRYING | Kind.FAILED as kind:
                return f"{kind.value:<8} {entry.node or '':<21} of {who:<6} because {entry.data.get('reason')}"
            case _:
                pass
        return None


def told_run(run: Run, lines: Sequence[Line]) -> Iterator[str]:
    """Tell a run from its first line to its last; a way out of a node stands behind what was done there."""
    yield f"{run.subscriber_id} ({run.status.value}, run {run.id[:8]})"
    texts: list[str] = []
    for line in lines:
        entry = line.entry
        if entry.kind is Kind.LEFT:
            texts[-1] = f"{texts[-1]:<74} -> {entry.data['to']}"
        else:
            texts.append(f"  day {_day(line)} {line.at:%H:%M}  {entry.node or '':<18} {_what(entry)}")
    yield from texts


def _what(entry: Entry) -> str:
    match entry.kind:
        case Kind.ENTERED:
            return f"entered through {entry.data['trigger']}"
        case Kind.WAITING:
            return f"waits {_days(entry.data['seconds'])}"
        case Kind.OBSERVED:
            return f"saw {entry.data['type']}, number {entry.data['count']}"
        case Kind.DECIDED:
            return f"{_operands(entry)}: {entry.data['label']}"
        case Kind.DONE:
            return f"sent {entry.data['template_id']}"
        case kind:
            return kind.value


def _operands(entry: Entry) -> str:
    operands: Mapping[str, int] = entry.data["operands"]
    return ", ".join(f"{name.removeprefix('count.')} = {value}" for name, value in operands.items())


def _day(line: Line) -> int:
    return (line.at - MIDNIGHT).days


def _days(seconds: float) -> str:
    return f"{seconds / 86_400:g} days"


# ---------------------------------------------------------------------------------------------------------------------


class Played(NamedTuple):
    """What there is to see afterwards.

    Attributes:
        sent: What the journal says was sent, in order.
        received: What the mail server received, in order.
        duplicates: Events that came again and were accepted once.
        runs: The runs, oldest first.
        journals: The journal of each run, in the order of the runs.
    """

    sent: Sequence[Sent]
    received: Sequence[Received]
    duplicates: int
    runs: Sequence[Run]
    journals: Sequence[Sequence[Line]]


def main(out: Callable[[str], object] = print) -> Played:
    series = welcome_series()
    document = (HERE / "welcome_series.json").read_bytes()
    assert load_workflow(document) == series

    clock = VirtualClock(START)
    diary = Diary()
    coming = deque(happenings())
    duplicates = read = 0
    with (
        TemporaryDirectory() as folder,
        mail_server() as inbox,
        closing(SqliteStore(Path(folder) / "journeys.sqlite3")) as store,
        SmtpSender("127.0.0.1", inbox.port, sender="Fernway <hello@fernway.example>", clock=clock) as sender,
    ):
        engine = Engine(
            store, sender=sender, profiles=profiles(), templates=DirectoryTemplates(HERE / "templates"), clock=clock
        )
        version = engine.publish(series).number
        out(f"{series.name}: code and document are equal; published as version {version}\n")

        for day in range(DAYS):
            begins = MIDNIGHT + timedelta(days=day)
            duplicates += play(engine, clock, coming, until=begins + timedelta(days=1))
            lines = engine.journal(after=read)
            read = lines[-1].number if lines else read
            told = [(line.at, text) for line in lines if (text := diary.told(line)) is not None]
            out(f"Day {day}, {begins:%A} {begins.day} {begins:%B}")
            for at, text in told:
                out(f"  {at:%H:%M}  {text}")
            if not told:
                out("         nothing was due")

        runs = engine.runs()
        journals = [engine.journal(run=run) for run in runs]

    out("\nWhat each run's journal says\n")
    for run, lines in zip(runs, journals, strict=True):
        for text in told_run(run, lines):
            out(text)
    tell_mail(inbox.received, duplicates, out)
    return Played(diary.sent, inbox.received, duplicates, runs, journals)


def tell_mail(received: Sequence[Received], duplicates: int, out: Callable[[str], object]) -> None:
    messages = [message_from_bytes(one.content, policy=policy.default) for one in received]
    out(f"\nThe mail server received {len(messages)} messages")
    for subject, count in Counter(str(message["Subject"]) for message in messages).items():
        out(f"  {count:>2} x {subject}")
    out(f"Events that were reported twice and accepted once: {duplicates}")
    first = messages[0]
    out("\nThe first of them, as it was received\n")
    for name in ("Date", "From", "To", "Subject", "Message-ID"):
        out(f"  {name}: {first[name]}")
    text = first.get_body(("plain",))
    assert text is not None
    for line in ("", *text.get_content().splitlines()):
        out(f"  {line}".rstrip())


if __name__ == "__main__":
    main()
