"""Each rule speaks where it is broken, and nowhere else; and it is told in full."""

import re
from collections.abc import Sequence

import pytest
from attrs import evolve

from flowkit.errors import DocumentError
from flowkit.workflows.check import Finding, Severity, check, check_together, errors
from flowkit.workflows.codec import dump, load
from flowkit.workflows.lint.model import TemplateNames
from flowkit.workflows.lint.rules import HOST_RULES, JOINT_RULES, RULES
from flowkit.workflows.model import Action, CallWebhook
from tests.support.workflow_documents import action, golden, node, timed, workflow
from tests.unit.workflows.lint.cases import (
    CASES,
    HOST_CASES,
    JOINT_CASES,
    Document,
    hook,
    message,
    on,
    segments,
    triggered,
    wait,
)

REFUSING = {rule.id for rule in RULES if rule.severity is Severity.ERROR}


def told(document: Document) -> list[str]:
    """The rules that speak of a document; those that refuse it do so at loading."""
    try:
        return [finding.rule for finding in check(load(document))]
    except DocumentError as error:
        return [problem.code for problem in error.problems]


def told_together(documents: Sequence[Document]) -> list[str]:
    return [finding.rule for finding in check_together(map(load, documents))]


def numbered(which: str) -> list[object]:
    return [
        pytest.param(case.rule, document, id=f"{case.rule}-{number}")
        for case in CASES
        for number, document in enumerate(getattr(case, which))
    ]


def numbered_of_hosts(which: str) -> list[object]:
    return [
        pytest.param(case.rule, case.knows, document, id=f"{case.rule}-{number}")
        for case in HOST_CASES
        for number, document in enumerate(getattr(case, which))
    ]


def at(place: object, path: str) -> object:
    """What a JSON Pointer points to; it is an error where that is nothing."""
    for step in (step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]):
        assert isinstance(place, (dict, list))
        place = place[int(step)] if isinstance(place, list) else place[step]
    return place


def numbered_together(which: str) -> list[object]:
    return [
        pytest.param(case.rule, documents, id=f"{case.rule}-{number}")
        for case in JOINT_CASES
        for number, documents in enumerate(getattr(case, which))
    ]


@pytest.mark.parametrize(("rule", "document"), numbered("broken"))
def test_a_broken_rule_speaks_and_no_other(rule, document):
    assert told(document) == [rule]


@pytest.mark.parametrize(("rule", "document"), numbered("kept"))
def test_what_comes_close_is_let_be(rule, document):
    assert told(document) == []


@pytest.mark.parametrize(("rule", "knows", "document"), numbered_of_hosts("broken"))
def test_a_broken_rule_about_a_host_speaks_and_no_other(rule, knows, document):
    (finding,) = check(load(document), **knows)
    assert finding.rule == rule
    assert at(dump(load(document)), finding.path) is not None


@pytest.mark.parametrize(("rule", "knows", "document"), numbered_of_hosts("kept"))
def test_what_a_host_has_is_let_be(rule, knows, document):
    assert check(load(document), **knows) == ()


@pytest.mark.parametrize("case", HOST_CASES, ids=lambda case: case.rule)
def test_a_rule_about_a_host_says_nothing_unless_all_is_known_that_it_needs(case):
    (rule,) = [rule for rule in HOST_RULES if rule.id == case.rule]
    assert {str(need) for need in rule.needs} <= case.knows.keys()
    for need in rule.needs:
        less = {name: value for name, value in case.knows.items() if name != need}
        assert [one for document in case.broken for one in check(load(document), **less)] == []
    enough = {name: value for name, value in case.knows.items() if name in rule.needs}
    assert {one.rule for document in case.broken for one in check(load(document), **enough)} == {rule.id}


def test_attributes_and_subjects_are_looked_at_only_where_they_are_known():
    (case,) = [case for case in HOST_CASES if case.rule == "variable_without_source"]
    told = {
        name: sum(len(check(load(document), **{**case.knows, name: None})) for document in case.broken)
        for name in ("attributes", "subjects", "templates")
    }
    # Without templates only the variables that subjects print could be told of, and the rule needs templates.
    assert told == {"attributes": len(case.broken) - 2, "subjects": len(case.broken) - 1, "templates": 0}


def test_no_name_of_a_link_to_unsubscribe_is_none_that_is_known():
    assert check(load(workflow()), templates={"hello": TemplateNames()}, unsubscribe=[]) == ()


def test_what_is_in_a_node_that_nobody_comes_to_is_not_said_to_lack_anything():
    asks = action("branch", parameters={"cases": [{"label": "a", "when": {"variables": {"x": 1}}}], "otherwise": "b"})
    island = node("island", message("m"), asks, next_nodes={"default": "end"})
    found = check(load(workflow(node("start", hook()), island)), templates={"hello": TemplateNames()}, attributes=[])
    assert [finding.rule for finding in found] == ["unreachable_node"]


@pytest.mark.parametrize(("rule", "documents"), numbered_together("broken"))
def test_a_broken_rule_about_several_speaks_and_no_other(rule, documents):
    assert told_together(documents) == [rule]


@pytest.mark.parametrize(("rule", "documents"), numbered_together("kept"))
def test_several_that_come_close_are_let_be(rule, documents):
    assert told_together(documents) == []


def test_every_rule_has_cases_of_both_kinds():
    cases = [case.rule for case in (*CASES, *HOST_CASES, *JOINT_CASES)]
    assert sorted(cases) == sorted(rule.id for rule in (*RULES, *HOST_RULES, *JOINT_RULES))
    assert all(case.broken and case.kept for case in (*CASES, *HOST_CASES, *JOINT_CASES))


def test_ids_are_words_and_there_is_each_once():
    ids = [rule.id for rule in (*RULES, *HOST_RULES, *JOINT_RULES)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", one) for one in ids)


@pytest.mark.parametrize("rule", [*RULES, *HOST_RULES, *JOINT_RULES], ids=lambda rule: rule.id)
def test_a_rule_is_told_in_sentences(rule):
    assert rule.summary[0].islower() or rule.summary.startswith("`")
    assert not rule.summary.endswith(".")
    assert rule.why.endswith(".")
    assert rule.remedy.endswith(".")


@pytest.mark.parametrize(("rule", "document"), [case for case in numbered("broken") if case.values[0] not in REFUSING])
def test_a_finding_points_to_something_in_the_document(rule, document):
    loaded = load(document)
    (finding,) = check(loaded)
    at(dump(loaded), finding.path)
    assert finding.workflow_id is None
    assert finding.message
    assert "\n" not in finding.message


def test_both_paths_of_a_wait_are_told_of_and_not_that_they_are_the_same():
    document = workflow(
        node("start", wait(success_path="b", failure_path="b"), next_nodes={"default": "b"}), node("b", action())
    )
    assert told(document) == ["path_never_taken", "path_never_taken"]


def test_removal_wins_where_a_segment_is_added_and_removed():
    outside = {"segments": {"none": ["vip"]}}
    both = segments("both", add=["vip"], remove=["vip"])
    assert told(on("enter", outside, segments("join", add=["vip"]), both)) == [
        "segment_added_and_removed",
        "self_trigger",
    ]


def test_handlers_are_unknown_only_where_the_known_ones_are_named():
    first, second = action("custom", "first"), action("custom", "second", parameters={"name": 'a"b'})
    loaded = load(workflow(node("start", action(), first, second)))
    assert check(loaded) == ()
    assert check(loaded, handlers=["score", 'a"b']) == ()
    assert check(loaded, handlers={"score": None, "other": None}) == (
        Finding(
            "unknown_handler",
            Severity.ERROR,
            path="/nodes/start/actions/2/parameters/name",
            message='no handler is called "a"b"; known are "other", "score"',
        ),
    )
    assert [finding.path for finding in check(loaded, handlers=[])] == [
        "/nodes/start/actions/1/parameters/name",
        "/nodes/start/actions/2/parameters/name",
    ]


def test_findings_about_several_name_their_workflow():
    first, second = (load(workflow() | {"workflow_id": name}) for name in "ab")
    (finding,) = check_together([first, second])
    assert finding == Finding(
        "duplicate_workflow_name",
        Severity.WARNING,
        path="/name",
        message='"a" is called "W" too, and people cannot tell them apart; give each a name of its own',
        workflow_id="b",
    )


def test_a_circle_is_shown_from_one_to_the_next():
    changes = (on("change", {"segments": "vip"}, segments(add=[name])) | {"name": name} for name in "ab")
    found = check_together(load(document | {"workflow_id": document["name"]}) for document in changes)
    assert [(finding.rule, finding.workflow_id, finding.path) for finding in found] == [
        ("trigger_circle", "a", "/nodes/start/actions/0")
    ]
    assert 'without end: "a" -> "b" -> "a";' in found[0].message


def test_warnings_come_before_what_is_worth_a_thought():
    broken = workflow(
        node("start", next_nodes={"default": "pause"}),
        node("pause", action("wait", parameters={"duration_hours": 0})),
    )
    found = check(load(broken))
    assert [(finding.rule, finding.severity) for finding in found] == [
        ("wait_of_nothing", Severity.WARNING),
        ("empty_node", Severity.INFO),
    ]
    assert list(errors(load(broken))) == []


def test_a_message_shows_no_control_characters():
    odd = {"subscriber_properties": {"a\nb": 1}}
    (finding,) = check(load(triggered({"all": [odd, odd]})))
    assert finding.message == "one part changes nothing and could be left out: a�b follows from the other parts"
    (finding,) = check(load(triggered({"all": [odd, {"not": odd}]})))
    assert "no value of subscriber.a�b passes" in finding.message


def test_only_few_rules_refuse_a_workflow():
    assert {"unknown_target", "unreachable_action", "path_of_detached", "endless_loop"} == REFUSING


@pytest.mark.parametrize(
    ("channels", "found"),
    [
        (None, []),
        (["sms"], []),
        ([], ['no sender serves the channel "sms"; known are "email"']),
        (["push"], ['no sender serves the channel "sms"; known are "email", "push"']),
        ({"smss": object()}, ['no sender serves the channel "sms"; did you mean "smss"?']),
    ],
)
def test_a_channel_is_asked_about_where_the_names_are_known(channels, found):
    made = load(workflow(node("start", action(), action("send", "text"))))
    findings = check(made, channels=channels)
    assert [finding.message for finding in findings] == found
    assert {(finding.rule, finding.path, finding.severity) for finding in findings} == (
        {("unknown_channel", "/nodes/start/actions/1/parameters/channel", Severity.ERROR)} if found else set()
    )


def test_the_delay_of_a_detached_action_interrupts_no_loop():
    """The run goes on at once, so it would go round without a pause; nor does its delay make a run outlast a time."""
    for detached, found in ((True, ["endless_loop"]), (False, [])):
        around = node("start", action(delay_minutes=60, detached=detached), next_nodes={"default": "start"})
        assert [rule for rule in told(workflow(around)) if rule == "endless_loop"] == found


def test_a_finding_says_what_a_node_with_a_detached_action_leaves_by():
    document = workflow(node("start", action(detached=True), next_nodes={"failure": "end"}))
    (finding,) = check(load(document))
    assert (finding.rule, finding.path) == ("edge_never_taken", "/nodes/start/next_nodes/failure")
    assert finding.message.endswith('a node whose last action is detached leaves by "default"')


def test_a_faulty_template_is_not_said_to_lack_a_link():
    found = check(load(workflow()), templates={"hello": TemplateNames(fault="line 1: torn")}, unsubscribe=["stop"])
    assert [finding.rule for finding in found] == ["faulty_template"]


def test_the_zone_of_a_workflow_that_is_none_is_refused_at_loading():
    assert told(workflow(timezone="Mars/Olympus")) == ["unknown_zone"]


@pytest.mark.parametrize("field", ["timezone", "fallback_timezone"])
def test_a_zone_that_is_none_is_refused_at_loading(field):
    assert told(workflow(trigger=timed(**{field: "Mars/Olympus"}))) == ["unknown_zone"]


def test_a_login_in_a_url_is_told_of_even_where_the_workflow_was_never_loaded():
    url = "https://user:word@example.com/hook"
    made = load(workflow(node("start", action("webhook"))))
    node_here = evolve(made.nodes["start"], actions=(Action("call", CallWebhook(url)),))
    assert [finding.rule for finding in check(evolve(made, nodes=[node_here]))] == ["credentials_in_url"]
    assert told(workflow(node("start", action("webhook", parameters={"url": url})))) == ["bad_url"]


def test_the_seed_s_welcome_series_is_clean():
    assert told(golden("welcome_series.json")) == []
    assert told(golden("welcome_series.full.json")) == []
