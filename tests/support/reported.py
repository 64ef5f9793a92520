"""A journey with everything that a report tells: a branch, waits, a goal, failures, skips, feedback, refusals."""

from datetime import timedelta

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import EventIs
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.feedback import FeedbackKind, feedback
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import Trigger
from flowkit.workflows.goals import Goal
from flowkit.workflows.model import Action, CheckEngagement, Node, SendEmail, Wait, Workflow
from tests.support.journeys import DAY, HOUR, START


def basket(**names):
    """A workflow of four nodes; `names` takes the place of what people call things."""
    return Workflow(
        names.get("workflow_id", "basket"),
        names.get("workflow", "Abandoned basket"),
        trigger=Trigger("left", condition=EventIs(("basket_left",)), cooldown=timedelta(days=7)),
        goals=[Goal(names.get("goal", "bought"), event=EventIs(("purchase",)))],
        nodes=[
            Node(
                "start",
                names.get("node", "Remind"),
                actions=[Action("remind", SendEmail(names.get("template", "reminder")))],
                next_nodes={"default": "pause"},
            ),
            Node("pause", "Pause", actions=[Action("wait", Wait(DAY))], next_nodes={"default": "look"}),
            Node(
                "look",
                "Did they come back?",
                actions=[Action("came_back", CheckEngagement())],
                engagement_threshold={"email_click": 1},
                next_nodes={"engaged": "thank", "not_engaged": "end"},
            ),
            Node("thank", "Thank", actions=[Action("thank", SendEmail("thanks"))], next_nodes={"default": "end"}),
        ],
    )


def told(store=None, **names):
    """Ten leave their baskets at once and two an hour later; six click, four buy, and one has no address."""
    reason = names.get("reason", "no such template")
    sender = RecordingSender({"thanks": Outcome(Result.FAILED, reason)})
    profiles = MemoryProfiles({f"s{number}": {"email": f"s{number}@example.com"} for number in range(11)})
    clock = VirtualClock(START)
    engine = Engine(MemoryStore() if store is None else store, sender=sender, profiles=profiles, clock=clock)
    published = basket(**names)
    engine.publish(published)
    engine.ingest([Event("basket_left", f"s{number}", id="1") for number in range(10)])
    engine.advance()
    clock.advance(HOUR)
    engine.ingest([Event("basket_left", f"s{number}", id="2") for number in range(9, 12)])  # s9 has left one before
    engine.advance()
    for message in sender.delivered[:6]:
        for kind in (FeedbackKind.OPEN, FeedbackKind.CLICK):
            told_of = feedback(
                kind,
                message.subscriber_id,
                key=message.key,
                workflow_id=published.workflow_id,
                node="start",
                template_id=message.template_id,
            )
            engine.ingest([told_of])
    engine.ingest([Event("purchase", f"s{number}", id="3") for number in range(4)])
    engine.advance()
    clock.advance(DAY - HOUR)
    engine.advance()
    return engine
