"""Workflows by the clock and on ``enter``, and a world in which they are lived through."""

from datetime import time, timedelta

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import ALWAYS, Condition, parse
from flowkit.engine.sync import Engine
from flowkit.triggers.calendar import Unit
from flowkit.triggers.model import Backfill, EntryPolicy, On, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import Every
from flowkit.workflows.model import Workflow
from tests.support.audiences import Listed
from tests.support.journeys import DAY, HOUR, START, node, wait

NINE = Every(Unit.DAY, time(9))
VIP = parse({"segments": "vip"})
MICROSECOND = timedelta(microseconds=1)


def timed(rule, workflow_id="w", *, where: Condition = ALWAYS, stay=HOUR, active=True, timing=None, **trigger):
    return Workflow(
        workflow_id,
        workflow_id,
        trigger=Trigger(
            f"{workflow_id}-trigger",
            trigger_type=TriggerType.TIME_BASED,
            condition=where,
            schedule=Schedule(rule, **(timing or {})),
            **trigger,
        ),
        nodes=(node("start", wait(stay)),),
        active=active,
    )


def level(*, backfill=Backfill.NONE, condition=VIP, workflow_id="w"):
    return Workflow(
        workflow_id,
        workflow_id,
        trigger=Trigger(
            "t",
            trigger_type=TriggerType.CONDITION_BASED,
            condition=condition,
            on=On.ENTER,
            entry=EntryPolicy(backfill=backfill),
        ),
        nodes=(node("start", wait(90 * DAY)),),
    )


class World:
    """An engine, its clock, and the people whom it may find."""

    def __init__(self, store, people, *workflows, **options):
        self.clock = VirtualClock(START)
        self.profiles = MemoryProfiles(people)
        self.audience = Listed(self.profiles, *people)
        self.store = store
        self.options = options
        self.engine = self.another()
        for each in workflows:
            self.engine.publish(each)

    def another(self):
        return Engine(
            self.store, clock=self.clock, profiles=self.profiles, audience=self.audience, **{"batch": 3} | self.options
        )

    def until(self, end, engine=None):
        """Go on as a worker does that wakes up whenever something is due."""
        engine = engine or self.engine
        total = engine.advance()
        while (due := engine.next_due()) is not None and due <= end:
            self.clock.set(max(due, self.clock.now()))
            total += engine.advance()
        self.clock.set(end)
        return total

    def entered(self):
        return [(run.subscriber_id, run.entered_at) for run in self.engine.runs()]

    def sweep(self, name="schedule:w"):
        [found] = [each for each in self.engine.sweeps() if each.name == name]
        return found
