"""Exit criteria, goals and holdouts as documents: what is read, what is written, what is refused."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.conditions import ALWAYS, EventIs, parse
from flowkit.documents import Limits
from flowkit.engine.drive import run_sync
from flowkit.engine.sources import edition_of
from flowkit.errors import DocumentError
from flowkit.workflows.codec import dump, dumps, load, validate
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.model import DurationUnit
from tests.support.refusals import refusals
from tests.support.workflow_documents import workflow

FROZEN = ["s11", "s14", "s17", "s19", "s20", "s21", "s27"]
PURCHASE = {"event_type": "purchase"}
PRO = {"subscriber_properties": {"plan": "pro"}}
BOUGHT = {"reason": "bought", "event": PURCHASE}
GOAL = {"goal_id": "buy", "event": PURCHASE}


@pytest.mark.parametrize(
    ("fields", "attributes"),
    [
        ({}, {"exit_criteria": (), "goals": (), "holdout": None}),
        ({"exit_criteria": [], "goals": []}, {"exit_criteria": (), "goals": ()}),
        (
            {"exit_criteria": [BOUGHT, {"reason": "pro", "when": PRO}]},
            {
                "exit_criteria": (
                    ExitCriterion("bought", event=EventIs(("purchase",))),
                    ExitCriterion("pro", when=parse(PRO)),
                )
            },
        ),
        (
            {"exit_criteria": [{"reason": "big", "event": PURCHASE | {"event_properties": {"a": 1}, "min_value": 5}}]},
            {
                "exit_criteria": (
                    ExitCriterion("big", event=parse(PURCHASE | {"event_properties": {"a": 1}, "min_value": 5})),
                )
            },
        ),
        ({"exit_criteria": [{"reason": "all", "when": {}}]}, {"exit_criteria": (ExitCriterion("all", when=ALWAYS),)}),
        ({"goals": [GOAL]}, {"goals": (Goal("buy", event=EventIs(("purchase",))),)}),
        (
            {"goals": [GOAL | {"within": {"duration_days": 14}, "exits": True}]},
            {
                "goals": (
                    Goal(
                        "buy",
                        event=EventIs(("purchase",)),
                        within=timedelta(days=14),
                        unit=DurationUnit.DAYS,
                        exits=True,
                    ),
                )
            },
        ),
        ({"holdout": {"share": 0.1}}, {"holdout": Holdout(0.1)}),
        ({"holdout": {"share": 1, "name": "everywhere"}}, {"holdout": Holdout(1, name="everywhere")}),
    ],
)
def test_they_are_read_and_written(fields, attributes):
    loaded = load(workflow(**fields))
    assert {name: getattr(loaded, name) for name in attributes} == attributes
    assert load(dump(loaded)) == loaded
    assert validate(loaded) == loaded


def test_a_workflow_without_them_is_written_as_before():
    """So what was published before keeps its content hash."""
    document = dump(load(workflow()))
    assert document.keys().isdisjoint({"exit_criteria", "goals", "holdout"})


def test_each_of_them_makes_another_version():
    def digest(**fields):
        edition, _ = run_sync(edition_of(load(workflow(**fields)), None))
        return edition.content_hash

    some = [
        {},
        {"exit_criteria": [BOUGHT]},
        {"goals": [GOAL]},
        {"holdout": {"share": 0.1}},
        {"holdout": {"share": 0.2}},
    ]
    assert len({digest(**fields) for fields in some}) == len(some)


@pytest.mark.parametrize(
    ("fields", "code", "path"),
    [
        ({"exit_criteria": {}}, "wrong_type", "/exit_criteria"),
        ({"exit_criteria": None}, "wrong_type", "/exit_criteria"),
        ({"exit_criteria": ["bought"]}, "wrong_type", "/exit_criteria/0"),
        ({"exit_criteria": [{"event": PURCHASE}]}, "missing_field", "/exit_criteria/0/reason"),
        ({"exit_criteria": [BOUGHT | {"reason": " "}]}, "bad_text", "/exit_criteria/0/reason"),
        ({"exit_criteria": [BOUGHT | {"reason": "a\nb"}]}, "bad_text", "/exit_criteria/0/reason"),
        ({"exit_criteria": [{"reason": "r"}]}, "missing_field", "/exit_criteria/0"),
        ({"exit_criteria": [BOUGHT | {"when": PRO}]}, "conflicting_fields", "/exit_criteria/0"),
        ({"exit_criteria": [BOUGHT, BOUGHT | {"event": {}}]}, "missing_field", "/exit_criteria/1/event/event_type"),
        (
            {"exit_criteria": [BOUGHT | {"event": PURCHASE | PRO}]},
            "unknown_field",
            "/exit_criteria/0/event/subscriber_properties",
        ),
        ({"exit_criteria": [{"reason": "r", "when": {"plan": 1}}]}, "unknown_field", "/exit_criteria/0/when/plan"),
        ({"exit_criteria": [BOUGHT | {"label": "x"}]}, "unknown_field", "/exit_criteria/0/label"),
        ({"goals": {}}, "wrong_type", "/goals"),
        ({"goals": [GOAL, GOAL]}, "duplicate_id", "/goals/1/goal_id"),
        ({"goals": [{"event": PURCHASE}]}, "missing_field", "/goals/0/goal_id"),
        ({"goals": [GOAL | {"goal_id": ""}]}, "bad_id", "/goals/0/goal_id"),
        ({"goals": [{"goal_id": "g"}]}, "missing_field", "/goals/0"),
        ({"goals": [GOAL | {"within": 5}]}, "wrong_type", "/goals/0/within"),
        ({"goals": [GOAL | {"within": None}]}, "wrong_type", "/goals/0/within"),
        ({"goals": [GOAL | {"within": {}}]}, "missing_field", "/goals/0/within"),
        ({"goals": [GOAL | {"within": {"duration_days": -1}}]}, "out_of_range", "/goals/0/within/duration_days"),
        ({"goals": [GOAL | {"within": {"duration_days": 40_000}}]}, "out_of_range", "/goals/0/within/duration_days"),
        ({"goals": [GOAL | {"within": {"duration_days": 1, "days": 1}}]}, "unknown_field", "/goals/0/within/days"),
        ({"goals": [GOAL | {"exits": 1}]}, "wrong_type", "/goals/0/exits"),
        ({"goals": [GOAL | {"exit": True}]}, "unknown_field", "/goals/0/exit"),
        ({"holdout": 0.1}, "wrong_type", "/holdout"),
        ({"holdout": None}, "wrong_type", "/holdout"),
        ({"holdout": {}}, "missing_field", "/holdout/share"),
        ({"holdout": {"share": 1.1}}, "out_of_range", "/holdout/share"),
        ({"holdout": {"share": -0.1}}, "out_of_range", "/holdout/share"),
        ({"holdout": {"share": "10%"}}, "wrong_type", "/holdout/share"),
        ({"holdout": {"share": True}}, "wrong_type", "/holdout/share"),
        ({"holdout": {"share": 0.1, "name": ""}}, "bad_id", "/holdout/name"),
        ({"holdout": {"share": 0.1, "salt": "x"}}, "unknown_field", "/holdout/salt"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(fields, code, path):
    assert refusals(lambda: load(workflow(**fields))) == [(code, path)]


def test_there_are_as_many_as_a_node_has_actions():
    limits = Limits(actions=2)
    load(workflow(exit_criteria=[BOUGHT] * 2), limits=limits)
    for fields in ({"exit_criteria": [BOUGHT] * 3}, {"goals": [GOAL | {"goal_id": name} for name in "abc"]}):
        with pytest.raises(DocumentError, match="too_long"):
            load(workflow(**fields), limits=limits)


@pytest.mark.parametrize("made", [ExitCriterion, Goal])
def test_what_is_made_in_python_asks_one_of_the_two(made):
    for fields in ({}, {"event": ALWAYS, "when": ALWAYS}):
        with pytest.raises(DocumentError, match="either an event or when"):
            made("x", **fields)


def test_what_is_made_in_python_is_held_to_the_rules_for_documents():
    plain = load(workflow())
    wrong = [
        {"exit_criteria": [ExitCriterion("", event=EventIs(("a",)))]},
        {"exit_criteria": [ExitCriterion("r", event=ALWAYS)]},
        {"goals": [Goal("g", when=ALWAYS), Goal("g", when=ALWAYS)]},
        {"holdout": Holdout(2)},
    ]
    for fields in wrong:
        with pytest.raises(DocumentError):
            validate(evolve(plain, **fields))
    assert dumps(evolve(plain, goals=[Goal("g", when=ALWAYS)]))


def test_a_holdout_is_by_a_hash_that_is_frozen():
    """Who was held out stays so, in every process and for ever."""
    crowd = [f"s{number}" for number in range(40)]
    assert [name for name in crowd if Holdout(0.2).holds_out("w", name)] == FROZEN
    assert [name for name in crowd if Holdout(0.2, name="w").holds_out("other", name)] == FROZEN
    assert not any(Holdout(0).holds_out("w", name) for name in crowd)
    assert all(Holdout(1).holds_out("w", name) for name in crowd)
