"""Whatever is put into the index and taken out again, in whatever order: it finds what asking every trigger finds."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flowkit.conditions import Moment
from flowkit.triggers import crowd, demand, tree
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.index import FEW, TriggerIndex
from flowkit.triggers.model import Trigger, TriggerType
from tests.support.strategies import conditions, events, facts
from tests.support.triggers import by_hand

NOW = Moment(0)
workflow_ids = st.sampled_from([f"w{number}" for number in range(3 * FEW)])
triggers = st.builds(
    Trigger,
    st.just("t"),
    trigger_type=st.sampled_from([TriggerType.BEHAVIOR_BASED, TriggerType.CONDITION_BASED]),
    condition=conditions,
    priority=st.sampled_from([0, 1, -1, 10]) | st.integers(),
)


class Index(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # Few triggers hang as many do.
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(tree, "_FEW", 2)
        self.patch.setattr(demand, "_MANY", 2)
        self.patch.setattr(demand, "_RARE", 1 / 8)
        self.patch.setattr(crowd, "LARGEST", 8)
        self.patch.setattr(crowd, "_MOST_STEPS", 2)
        self.index = TriggerIndex()
        self.gates: dict[str, Gate] = {}

    def teardown(self) -> None:
        self.patch.undo()

    @rule(drawn=st.dictionaries(workflow_ids, triggers, min_size=1))
    def add(self, drawn: dict[str, Trigger]) -> None:
        for name, trigger in drawn.items():
            self.gates[name] = Gate.of(name, 1, trigger)
            self.index.add(self.gates[name])

    @precondition(lambda self: self.gates)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.gates)))
        del self.gates[name]
        self.index.remove(name)

    @rule(event=events, known=st.none() | facts)
    def match(self, event, known) -> None:
        wanted = by_hand([*self.gates.values()], event, known, NOW)
        assert self.index.matching(event, known, NOW) == wanted
        assert self.index.look_up(event, known, NOW) == wanted
        assert TriggerIndex(reversed(self.gates.values())).look_up(event, known, NOW) == wanted

    @invariant()
    def counts(self) -> None:
        assert len(self.index) == len(self.gates)
        if not self.gates:
            assert self.index._trees == {}


TestIndex = Index.TestCase
