"""The seed's welcome series over ten days: ten subscribers, half of them engaged; its journal is frozen to the letter.

`welcome_journal.json` holds what every engine and store must write, one line of the file a line of the journal, and
each message that went out. When the journal is to say something else, and only then, write it anew and read the
difference as carefully as code:

    .venv-ci/bin/python -m tests.golden.test_welcome_journal
"""

import asyncio
import inspect
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.rendering.model import Template
from flowkit.runs.effects import Outcome, Result
from flowkit.stores.memory import MemoryStore
from flowkit.stores.redis import RedisStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.codec import load
from tests.support.workflow_documents import golden
from tests.support.worlds import Waiting

FROZEN = Path(__file__).with_name("welcome_journal.json")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SUBSCRIBERS = [f"subscriber_{number}" for number in range(10)]
ENGAGED = SUBSCRIBERS[::2]
TEMPLATES = DictTemplates(
    {
        name: Template(name, subject="(no subject)", text=f"{name} for {{{{ user.name }}}} <{{{{ event.source }}}}>")
        for name in ("welcome_email_v2", "getting_started_tips", "reengagement_v1", "product_demo_email")
    }
)
# Of the last two one has no address, and of the other nothing is known.
PROFILES = {name: {"email": f"{name}@example.com", "name": name.title()} for name in SUBSCRIBERS[:8]}
PROFILES[SUBSCRIBERS[8]] = {"name": "Nobody"}
BUSY = Outcome(Result.RETRY, "mailbox busy", retry_after=timedelta(minutes=30))


def signup(name, number, source="website"):
    return Event("subscriber_signup", name, id=f"signup-{number}", properties={"source": source})


def happenings():
    """What comes in, and when: signups an hour apart, opens on the next day, and what must change nothing."""
    for number, name in enumerate(SUBSCRIBERS):
        yield START + number * HOUR, [signup(name, 1), signup("imported", number, "import")]
    for name in ENGAGED:
        opened = Event("email_open", name, id="open-1", properties={"campaign": "welcome"})
        yield START + DAY + 2 * HOUR, [opened, opened, Event("email_click", name, id="click-1")]
    yield START + 2 * DAY, [signup(SUBSCRIBERS[0], 2), signup(SUBSCRIBERS[1], 1)]
    yield START + 4 * DAY, [Event("email_open", SUBSCRIBERS[1], id="too-late")]
    yield START + 7 * DAY + HOUR, [signup(SUBSCRIBERS[1], 3)]


async def lived(engine):
    """Ten days: whatever is due is done at its instant, and whatever comes in is taken when it comes."""
    await given(engine.publish(load(golden("welcome_series.json"))))
    for at, events in happenings():
        await until(engine, at)
        await given(engine.ingest(events, now=at))
    await until(engine, START + 10 * DAY)
    return await given(engine.journal(limit=10_000))


async def until(engine, at):
    while (due := await given(engine.next_due())) is not None and due <= at:
        await given(engine.advance(now=due))


async def given(value):
    return await value if inspect.isawaitable(value) else value


def written(store, *, waiting=False):
    """The frozen form of what one engine over one store makes of the ten days."""
    sender = RecordingSender({"getting_started_tips": [BUSY]})
    wrap = Waiting if waiting else lambda port: port
    engine = (AsyncEngine if waiting else Engine)(
        wrap(store),
        clock=VirtualClock(START),
        sender=wrap(sender),
        profiles=wrap(MemoryProfiles(PROFILES)),
        templates=wrap(TEMPLATES),
    )
    journal = [
        [
            line.at.isoformat(),
            line.subscriber_id,
            line.run_id,
            line.entry.kind,
            line.entry.node,
            line.entry.action,
            dict(line.entry.data),
        ]
        for line in asyncio.run(lived(engine))
    ]
    messages = [[one.key, one.to, one.template_id, one.subject, one.text] for one in sender.messages]
    return {"journal": journal, "messages": messages}


def text_of(world):
    """One line for each line of the journal and each message, so that a difference is read at a glance."""
    parts = [
        f'  "{name}": [\n    ' + ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n  ]"
        for name, rows in world.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "sqlite":
        kept = SqliteStore(tmp_path / "flowkit.db")
    else:
        kept = RedisStore(request.getfixturevalue("valkey_url"), prefix=request.getfixturevalue("valkey_prefix"))
    yield kept
    kept.close()


@pytest.mark.parametrize("waiting", [False, True], ids=["sync", "async"])
def test_the_journal_of_the_welcome_series_is_frozen(store, waiting):
    frozen = FROZEN.read_text(encoding="utf-8").splitlines()
    assert text_of(written(store, waiting=waiting)).splitlines() == frozen


def test_the_frozen_journal_says_what_the_series_means():
    """The counts that the seed's own words give, so that no wrong journal is ever frozen."""
    world = json.loads(FROZEN.read_text(encoding="utf-8"))
    done = [(row[1], row[6]["template_id"], row[0]) for row in world["journal"] if row[3] == "done"]
    sent = {name: [(template, at) for who, template, at in done if who == name] for name in SUBSCRIBERS}
    reachable = SUBSCRIBERS[:8]
    for number, name in enumerate(reachable):
        entered = START + number * HOUR
        first, *rest = sent[name]
        assert first == ("welcome_email_v2", entered.isoformat())
        templates = [template for template, _ in rest]
        if name in ENGAGED:
            assert templates == ["getting_started_tips", "product_demo_email"]
        else:
            assert templates[0] == "reengagement_v1"
            assert rest[0][1] == (entered + 3 * DAY).isoformat()
    assert [sent[name] for name in SUBSCRIBERS[8:]] == [[], []]
    refused = [[row[1], row[6]["reason"]] for row in world["journal"] if row[3] == "refused"]
    assert refused == [[SUBSCRIBERS[0], "cooldown"]]
    again = [row[1] for row in world["journal"] if row[3] == "entered"]
    assert sorted(again) == sorted([*SUBSCRIBERS, SUBSCRIBERS[1]]), "the second one entered again after its cooldown"
    assert "imported" not in {row[1] for row in world["journal"]}


if __name__ == "__main__":
    FROZEN.write_text(text_of(written(MemoryStore())), encoding="utf-8")
