"""Small documents for each rule of the lint: some that break it and no other, some that come close and break none."""

from typing import Any

from attrs import frozen

from flowkit.workflows.lint.model import Names, TemplateNames
from tests.support.workflow_documents import action, node, timed, workflow

Document = dict[str, Any]

MESSAGE = node("start", action())
LOOK = node("look", action("condition"), conditions={"engagement_threshold": {"opens": 1}})


@frozen
class Case:
    """A rule, with documents that break it and others that do not."""

    rule: str
    broken: tuple[Document, ...]
    kept: tuple[Document, ...]


@frozen
class HostCase:
    """A rule about a host, what is known of it, documents that break the rule there and others that do not."""

    rule: str
    knows: dict[str, Any]
    broken: tuple[Document, ...]
    kept: tuple[Document, ...]


@frozen
class JointCase:
    """A rule about several workflows, with several that break it and others that do not."""

    rule: str
    broken: tuple[tuple[Document, ...], ...]
    kept: tuple[tuple[Document, ...], ...]


def wait(action_id: str = "wait", **fields: Any) -> Document:
    return action("wait", action_id, **fields)


def check(action_id: str = "check", **fields: Any) -> Document:
    return action("condition", action_id, **fields)


def branch(*labels: str) -> Document:
    cases = [{"label": label, "when": {"segments": label}} for label in labels]
    return action("branch", "branch", parameters={"cases": cases, "otherwise": "others"})


def await_(*labels: str) -> Document:
    branches = [{"label": label, "event": {"event_type": label}} for label in labels]
    return action("wait_for_event", "await", parameters={"branches": branches, "timeout": {"duration_hours": 1}})


def split(*weights: float, **fields: Any) -> Document:
    ways = [{"label": label, "weight": weight} for label, weight in zip("abcd", weights, strict=False)]
    return action("split", "split", parameters={"ways": ways} | fields)


def parting(*weights: float) -> Document:
    """A workflow that does nothing but split, with a way for everybody."""
    return workflow(node("start", split(*weights), next_nodes={"default": "end"}))


def emit(kind: str, **event: Any) -> Document:
    return action("emit_event", "emit", parameters={"event": {"type": kind} | event})


def enter(workflow_id: str) -> Document:
    return action("start_workflow", "enter", parameters={"workflow_id": workflow_id})


def leave() -> Document:
    return action("exit", "leave")


def segments(action_id: str = "mark", /, **parameters: Any) -> Document:
    return action("segment_update", action_id, parameters=parameters)


def message(action_id: str, /, **parameters: Any) -> Document:
    return action("send_email", action_id, parameters={"template_id": "hello", **parameters})


def profile(action_id: str = "note", /, **parameters: Any) -> Document:
    return action("personalization_update", action_id, parameters=parameters)


def hook(url: str = "https://example.com/hook", **response: str) -> Document:
    return action("webhook", "call", parameters={"url": url} | ({"response": response} if response else {}))


def deciding(*actions: Document, conditions: Document | None = None, **next_nodes: str) -> Document:
    """A node that asks for an open, two nodes that it may lead to."""
    asked = {"engagement_threshold": {"opens": 1}} if conditions is None else conditions
    ways = {"engaged": "yes", "not_engaged": "no"} | next_nodes
    return workflow(
        node("start", *(actions or (check(),)), conditions=asked, next_nodes=ways),
        node("yes", action()),
        node("no", action()),
    )


def triggered(conditions: Document, /, *nodes: Document, trigger_type: str = "composite", **fields: Any) -> Document:
    """A workflow with a trigger, which sends."""
    trigger = {"trigger_id": "t", "trigger_type": trigger_type, "conditions": conditions} | fields
    return workflow(*(nodes or (MESSAGE,)), trigger=trigger)


def on(what: str, conditions: Document, /, *actions: Document, **fields: Any) -> Document:
    """A workflow with a condition trigger that does some actions."""
    rules = {"on": what, "max_executions": 5} | fields
    return triggered(conditions, node("start", *actions), trigger_type="condition_based", **rules)


def clocked(*nodes: Document, fields: Document | None = None, **conditions: Any) -> Document:
    return workflow(*(nodes or (MESSAGE,)), trigger=timed(**conditions) | (fields or {}))


def subscriber(**attributes: Any) -> Document:
    return {"subscriber_properties": attributes}


def two(first: Document, second: Document, **fields: Any) -> Document:
    """Two nodes, one after the other."""
    return workflow(node("start", first, next_nodes={"default": "next"}), node("next", second, **fields))


VIP = {"segments": "vip"}
PRO = subscriber(plan="pro")
SIGNUP = {"event_type": "signup"}

GRAPH = (
    Case(
        "unknown_target",
        broken=(
            workflow(MESSAGE, entry_node="begin"),
            workflow(node("start", action(), next_nodes={"default": "nowhere"})),
            workflow(node("start", action(failure_path="nowhere"))),
        ),
        kept=(workflow(node("start", action(failure_path="end"), next_nodes={"default": "end"})),),
    ),
    Case(
        "unreachable_action",
        broken=(
            workflow(node("start", branch("a"), action(), next_nodes={"default": "end"})),
            workflow(node("start", leave(), wait())),
            workflow(node("start", await_("a"), action(), next_nodes={"default": "end"})),
            workflow(node("start", split(1, 1), action(), next_nodes={"default": "end"})),
        ),
        kept=(
            workflow(node("start", action(), branch("a"), next_nodes={"default": "end"})),
            workflow(node("start", wait(), leave())),
        ),
    ),
    Case(
        "label_without_way",
        broken=(
            workflow(node("start", branch("a"), next_nodes={"a": "end"})),
            workflow(node("start", branch("a"), next_nodes={"others": "end"})),
            workflow(node("start", await_("a"), next_nodes={"a": "end"})),
            workflow(node("start", split(1, 1), next_nodes={"b": "end"})),
        ),
        kept=(
            workflow(node("start", split(1, 1), next_nodes={"a": "end", "b": "end"})),
            workflow(node("start", branch("a"), next_nodes={"a": "end", "others": "end"})),
            workflow(node("start", branch("a"), next_nodes={"default": "end"})),
            workflow(node("start", await_("a"), next_nodes={"a": "end", "timeout": "end"})),
        ),
    ),
    Case(
        "endless_loop",
        broken=(
            two(action(), action(), next_nodes={"default": "start"}),
            workflow(node("start", action(failure_path="start"), wait())),
        ),
        kept=(two(action(), wait(), next_nodes={"default": "end"}),),
    ),
    Case(
        "unreachable_node",
        broken=(workflow(MESSAGE, node("island", action())),),
        kept=(two(action(), action()), workflow(node("start", action(failure_path="help")), node("help", action()))),
    ),
    Case(
        "loop_without_exit",
        broken=(
            two(action(), wait(), next_nodes={"default": "start"}),
            # Edges that nothing takes are no way out.
            workflow(node("start", wait(), segments(add=["a"]), next_nodes={"default": "start"})),
        ),
        kept=(
            workflow(
                node("start", wait(), next_nodes={"default": "look"}),
                LOOK | {"next_nodes": {"engaged": "end", "not_engaged": "start"}},
            ),
            # Without an edge for it the run completes.
            workflow(
                node("start", wait(), next_nodes={"default": "look"}), LOOK | {"next_nodes": {"not_engaged": "start"}}
            ),
            # By a path.
            workflow(
                node("start", wait(), segments(add=["a"]) | {"failure_path": "end"}, next_nodes={"success": "start"})
            ),
        ),
    ),
    Case(
        "send_in_loop",
        broken=(
            workflow(
                node("start", action(), wait(), next_nodes={"default": "look"}),
                LOOK | {"next_nodes": {"engaged": "end", "not_engaged": "start"}},
            ),
        ),
        kept=(
            workflow(
                node("start", action(), wait(), next_nodes={"default": "look"}),
                node(
                    "look",
                    check(),
                    conditions={"engagement_threshold": {"deliveries": 3}},
                    next_nodes={"engaged": "end", "not_engaged": "start"},
                ),
            ),
            workflow(
                node("start", wait(), next_nodes={"default": "look"}),
                LOOK | {"next_nodes": {"engaged": "last", "not_engaged": "start"}},
                node("last", action()),
            ),
        ),
    ),
)

NODES = (
    Case(
        "unreached_action",
        broken=(
            workflow(
                node("start", action(success_path="a", failure_path="b"), wait()),
                node("a", action()),
                node("b", wait()),
            ),
            deciding(check(success_path="yes", failure_path="no"), action("send_email", "late")),
        ),
        kept=(
            workflow(node("start", action(failure_path="b"), wait()), node("b", wait())),
            workflow(node("start", action("send_email", "one", success_path="b"), wait()), node("b", wait())),
        ),
    ),
    Case(
        "edge_never_taken",
        broken=(
            # No decision in the node.
            workflow(node("start", action(), next_nodes={"engaged": "b"}), node("b", action())),
            workflow(node("start", wait(), next_nodes={"success": "b"}), node("b", action())),
            workflow(node("start", action(detached=True), next_nodes={"success": "b"}), node("b", action())),
            workflow(node("start", wait(), next_nodes={"failure": "b", "default": "b"}), node("b", action())),
            workflow(node("start", action(), next_nodes={"opened": "b", "default": "b"}), node("b", action())),
            # A path takes the outcome away.
            workflow(node("start", action(success_path="b"), next_nodes={"success": "b"}), node("b", action())),
            workflow(
                node("start", action(success_path="b", failure_path="end"), next_nodes={"default": "b"}),
                node("b", action()),
            ),
            # The more precise label goes first.
            deciding(success="yes"),
        ),
        kept=(
            workflow(node("start", action(), next_nodes={"success": "b", "failure": "b"}), node("b", action())),
            workflow(
                node("start", action(), next_nodes={"success": "b", "failure": "end", "default": "b"}),
                node("b", action()),
            ),
            deciding(default="no"),
            workflow(
                node(
                    "start",
                    check(),
                    conditions={"engagement_threshold": {"opens": 1}},
                    next_nodes={"success": "b", "failure": "end"},
                ),
                node("b", action()),
            ),
            workflow(node("start", action(failure_path="b"), next_nodes={"success": "b"}), node("b", action())),
        ),
    ),
    Case(
        "path_never_taken",
        broken=(
            workflow(node("start", wait(success_path="b"), next_nodes={"default": "b"}), node("b", action())),
            workflow(node("start", wait(failure_path="end"))),
        ),
        kept=(workflow(node("start", action(failure_path="b")), node("b", wait())),),
    ),
    Case(
        "path_of_detached",
        broken=(
            workflow(node("start", action(success_path="b", detached=True)), node("b", action())),
            workflow(node("start", action(failure_path="end", detached=True), action("webhook", "call"))),
        ),
        kept=(
            workflow(node("start", action(detached=True), next_nodes={"default": "b"}), node("b", action())),
            workflow(node("start", action(failure_path="b", detached=False)), node("b", action())),
        ),
    ),
    Case(
        "same_paths",
        broken=(workflow(node("start", action(success_path="b", failure_path="b")), node("b", action())),),
        kept=(workflow(node("start", action(success_path="b", failure_path="end")), node("b", action())),),
    ),
    Case(
        "decision_not_last",
        broken=(deciding(check(), action()), deciding(check("one"), check("two"))),
        kept=(
            deciding(action(), check()),
            workflow(
                node(
                    "start",
                    check(failure_path="b"),
                    action(),
                    conditions={"engagement_threshold": {"opens": 1}},
                    next_nodes={"success": "b"},
                ),
                node("b", action()),
            ),
        ),
    ),
    Case(
        "unused_decision",
        broken=(
            workflow(LOOK | {"next_nodes": {"default": "b"}}, node("b", action()), entry_node="look"),
            workflow(LOOK, entry_node="look"),
            workflow(node("start", check(), action(), conditions={"engagement_threshold": {"opens": 1}})),
            # What is followed is the message.
            workflow(
                node(
                    "start",
                    check(),
                    action(),
                    conditions={"engagement_threshold": {"opens": 1}},
                    next_nodes={"success": "b"},
                ),
                node("b", action()),
            ),
        ),
        kept=(
            workflow(LOOK | {"next_nodes": {"engaged": "b"}}, node("b", action()), entry_node="look"),
            workflow(LOOK | {"next_nodes": {"failure": "b"}}, node("b", action()), entry_node="look"),
        ),
    ),
    Case(
        "decision_about_nothing",
        broken=(deciding(conditions={}), deciding(conditions={"engagement_threshold": {"opens": 0}})),
        kept=(
            deciding(),
            deciding(conditions=PRO),
            deciding(conditions={"engagement_threshold": {"opens": 1, "clicks": 0}}),
            workflow(MESSAGE),
        ),
    ),
    Case(
        "empty_node",
        broken=(workflow(node("start", next_nodes={"default": "b"}), node("b", action())),),
        kept=(two(action(), action()), workflow(node("start"))),
    ),
)

HELLO = {"template_id": "hello"}
HOUR = {"duration_hours": 1}
ACTIONS = (
    Case(
        "wait_of_nothing",
        broken=(workflow(node("start", wait(parameters={"duration_hours": 0}), action())),),
        kept=(
            workflow(node("start", wait(parameters={"duration_seconds": 1}), action())),
            workflow(node("start", wait(parameters={"duration_hours": 0}, delay_minutes=5), action())),
        ),
    ),
    Case(
        "misspelled_parameter",
        broken=(
            workflow(node("start", message("a", subjct="Hi"))),
            workflow(node("start", message("a", expires_aftr={"duration_hours": 6}))),
            workflow(node("start", message("a", messageClass="transactional"))),
            workflow(node("start", message("a", subject="Hi", Subject="Ho"))),
            workflow(node("start", message("a", chanel="sms"))),
            workflow(node("start", action("wait", "w", parameters={"calendar_days": 1, "AT": "09:00"}))),
            workflow(node("start", segments(add=["a"], remvoe=["b"]))),
            workflow(
                node("start", action("webhook", "w", parameters={"url": "https://example.com", "header": {"A": "b"}}))
            ),
        ),
        kept=(
            workflow(node("start", message("a", campaign_type="sale", preheader="Look", subject_line="Hi"))),
            workflow(node("start", message("a", on="spring", top="x", objects=["a"]))),
            workflow(node("start", action("wait", "w", parameters={"calendar_days": 1, "ad": "x", "note": "why"}))),
            workflow(node("start", segments(add=["a"], ad=["b"]))),
            workflow(node("start", action("webhook", "w", parameters={"url": "https://example.com", "bodyguard": 1}))),
            workflow(node("start", action("custom", parameters={"name": "crm", "names": ["x"], "game": "chess"}))),
        ),
    ),
    Case(
        "blank_subject",
        broken=tuple(
            workflow(node("start", action(parameters={"template_id": "hello", "subject": blank})))
            for blank in ("", "  ")
        ),
        kept=(
            workflow(node("start", action(parameters={"template_id": "hello"}))),
            workflow(node("start", action(parameters={"template_id": "hello", "subject": "Hi"}))),
        ),
    ),
    Case(
        "late_beyond_expiry",
        broken=tuple(
            workflow(node("start", message("a", expires_after=HOUR, late={"after": after, "then": "skip"})))
            for after in (HOUR, {"duration_days": 1})
        ),
        kept=(
            workflow(node("start", message("a", late={"after": HOUR, "then": "skip"}))),
            workflow(node("start", message("a", late={"then": "send_now"}, expires_after=HOUR))),
            workflow(
                node(
                    "start", message("a", late={"after": HOUR, "then": "skip"}, expires_after={"duration_minutes": 61})
                )
            ),
        ),
    ),
    Case(
        "quiet_hours_of_nothing",
        broken=(
            workflow(node("start", segments(add=["a"])), quiet_hours="never"),
            workflow(
                node("start", message("a", message_class="transactional")),
                quiet_hours={"from": "22:00", "to": "07:00"},
            ),
        ),
        kept=(
            workflow(node("start", segments(add=["a"]))),
            workflow(node("start", message("a")), quiet_hours={"from": "22:00", "to": "07:00"}),
        ),
    ),
    Case(
        "send_without_topic",
        broken=(
            workflow(
                node("start", message("one", topic="news"), message("two")),
            ),
        ),
        kept=(
            workflow(node("start", message("one"), message("two"))),
            workflow(node("start", message("one", topic="news"), message("two", topic="offers"))),
            workflow(node("start", message("one", topic="news"), message("two", message_class="transactional"))),
        ),
    ),
    Case(
        "topic_without_effect",
        broken=(workflow(node("start", message("one", topic="news", message_class="transactional"))),),
        kept=(workflow(node("start", message("one", topic="news", message_class="marketing"))),),
    ),
    Case(
        "delay_beyond_expiry",
        broken=(workflow(node("start", action(parameters={**HELLO, "expires_after": HOUR}, delay_minutes=61))),),
        kept=(
            workflow(node("start", action(parameters={**HELLO, "expires_after": HOUR}, delay_minutes=60))),
            workflow(node("start", action(parameters={**HELLO, "expires_after": HOUR}))),
            workflow(node("start", action(parameters=HELLO, delay_minutes=61))),
        ),
    ),
    Case(
        "empty_update",
        broken=(workflow(node("start", segments())), workflow(node("start", profile()))),
        kept=(workflow(node("start", segments(remove=["a"]))), workflow(node("start", profile(increment={"a": 1})))),
    ),
    Case(
        "segment_added_and_removed",
        broken=(workflow(node("start", segments(add=["a", "b"], remove=["b"]))),),
        kept=(workflow(node("start", segments(add=["a"], remove=["b"]))),),
    ),
    Case(
        "attribute_changed_twice",
        broken=(
            workflow(node("start", profile(set={"a": 1}, unset=["a"]))),
            workflow(node("start", profile(set={"a": 1}, increment={"a": 1}))),
            workflow(node("start", profile(unset=["a"], increment={"a": 1}))),
        ),
        kept=(workflow(node("start", profile(set={"a": 1}, unset=["b"], increment={"c": 1}))),),
    ),
    Case(
        "insecure_webhook",
        broken=(
            workflow(node("start", hook("http://example.com/hook"))),
            workflow(node("start", hook("HTTP://localhost.example.com/{{ id }}"))),
        ),
        kept=(
            workflow(node("start", hook("https://example.com/hook"))),
            workflow(node("start", hook("http://localhost:8080/hook"))),
            workflow(node("start", hook("http://app.localhost/hook"))),
            workflow(node("start", hook("http://127.0.0.2/hook"))),
            workflow(node("start", hook("http://[::1]:80/hook"))),
        ),
    ),
    Case(
        "credentials_in_url",
        broken=(
            workflow(node("start", hook("https://example.com/hook?id=1&api_key=x1y2z3"))),
            workflow(node("start", hook("https://example.com/hook?Access-Token=x{{ id }}"))),
        ),
        kept=(
            workflow(node("start", hook("https://example.com/hook?token={{ token }}&key=cart"))),
            workflow(node("start", hook("https://example.com/hook?token="))),
        ),
    ),
)

NAMES = (
    Case(
        "blank_name",
        broken=(workflow(MESSAGE, name=" "), workflow(MESSAGE | {"name": ""})),
        kept=(workflow(MESSAGE),),
    ),
    Case(
        "duplicate_name",
        broken=(two(action(), action(), name="Start"), two(action(), action(), name=" START ")),
        kept=(two(action(), action(), name="Start 2"),),
    ),
)

CONDITIONS = (
    Case(
        "matches_everything",
        broken=(
            triggered({}),
            triggered({"event_properties": {}}),
            triggered({"any": [PRO, {"not": PRO}]}),
        ),
        kept=(triggered(PRO), clocked()),
    ),
    Case(
        "never_holds",
        broken=(
            triggered({"all": [PRO, subscriber(plan="free")]}),
            triggered({"all": [{"event_type": "a"}, {"event_type": ["b", "c"]}]}),
            triggered({"all": [subscriber(age={"$gt": 5}), subscriber(age={"$lt": 3})]}),
            triggered(subscriber(age={"$gt": 5, "$lt": 5})),
            triggered({"all": [PRO, subscriber(plan={"$in": ["free", "team"]})]}),
            triggered({"all": [PRO, {"not": PRO}]}),
            triggered({"segments": {"all": ["vip"], "none": ["vip"]}}),
            triggered(SIGNUP, MESSAGE, entry={"filter": subscriber(age={"$lt": 1, "$gte": 1})}),
            deciding(conditions={"all": [PRO, subscriber(plan="free")]}),
            # No event is at hand in a node.
            deciding(conditions={"event_type": "email_open"}),
            triggered(SIGNUP) | {"exit_criteria": [{"reason": "r", "when": {"all": [PRO, subscriber(plan="free")]}}]},
            triggered(SIGNUP) | {"goals": [{"goal_id": "g", "when": {"event_type": "purchase"}}]},
            triggered(SIGNUP)
            | {
                "goals": [
                    {
                        "goal_id": "g",
                        "event": {"event_type": "purchase", "event_properties": {"n": {"$gt": 5, "$lt": 5}}},
                    }
                ]
            },
            clocked(
                cron=...,
                date_property={"path": "birthday", "at": "09:00"},
                where=subscriber(birthday={"$exists": False}),
            ),
        ),
        kept=(
            triggered({"any": [PRO, subscriber(plan="free")]}),
            triggered({"all": [subscriber(age={"$gt": 3}), subscriber(age={"$lt": 5})]}),
            triggered({"all": [subscriber(tags={"$contains": "a"}), subscriber(tags={"$contains": "b"})]}),
            clocked(cron=..., date_property={"path": "birthday", "at": "09:00"}, where=PRO),
            deciding(conditions={"performed": {"event": "email_open"}}),
        ),
    ),
    Case(
        "filter_against_trigger",
        broken=(
            triggered(PRO, MESSAGE, entry={"filter": subscriber(plan={"$ne": "pro"})}),
            triggered({"segments": "vip"}, MESSAGE, entry={"filter": {"segments": {"none": ["vip", "new"]}}}),
        ),
        kept=(
            triggered(PRO, MESSAGE, entry={"filter": {"segments": "vip"}}),
            # It may come to hold.
            triggered(PRO, MESSAGE, entry={"filter": subscriber(plan={"$ne": "pro"}), "grace": "1h"}),
        ),
    ),
    Case(
        "superfluous_part",
        broken=(
            triggered({"all": [PRO, subscriber(plan={"$in": ["pro", "team"]})]}),
            triggered({"any": [PRO, subscriber(plan={"$in": ["pro", "team"]})]}),
            triggered({"any": [{"segments": "vip"}, {"all": [PRO, subscriber(plan="free")]}]}),
            triggered({**SIGNUP, "any": [PRO, {"not": PRO}]}),
            triggered({"any": [subscriber(age={"$gt": 3}), subscriber(age={"$gt": 5})]}),
        ),
        kept=(
            triggered({"any": [PRO, subscriber(plan="team")]}),
            triggered({"all": [subscriber(age={"$gt": 3}), subscriber(age={"$lt": 5})]}),
            triggered({"any": [{"segments": "a"}, {"segments": "b"}]} | SIGNUP),
        ),
    ),
)

ENTRY = (
    Case(
        "reentry_unlimited",
        broken=(triggered(PRO, trigger_type="condition_based", on="enter"),),
        kept=(
            triggered(PRO, trigger_type="condition_based", on="enter", cooldown_hours=1),
            triggered(PRO, trigger_type="condition_based", on="enter", entry={"reentry": "after_exit"}),
        ),
    ),
    Case(
        "limit_without_effect",
        broken=(
            triggered(SIGNUP, max_executions=1, cooldown_hours=24),
            triggered(SIGNUP, cooldown_hours=24, entry={"reentry": "never"}),
            triggered(SIGNUP, max_executions=3, entry={"reentry": "never"}),
            triggered(SIGNUP, max_executions=1, entry={"reentry": "after_exit"}),
            triggered(SIGNUP, max_executions=10, max_executions_total=10),
            triggered(SIGNUP, entry={"reentry": "after_exit", "max_concurrent": 2}),
            triggered(SIGNUP, max_executions=2, entry={"max_concurrent": 2}),
        ),
        kept=(
            triggered(SIGNUP, max_executions=2, cooldown_hours=24),
            triggered(SIGNUP, max_executions=1),
            triggered(SIGNUP, entry={"reentry": "never"}),
            triggered(SIGNUP, max_executions=2, max_executions_total=10, entry={"max_concurrent": 1}),
            triggered(SIGNUP, max_executions=2, entry={"reentry": "after_exit"}),
        ),
    ),
    Case(
        "key_without_event",
        broken=(clocked(fields={"entry": {"max_concurrent": 1, "key": "order_id"}}),),
        kept=(triggered(SIGNUP, entry={"max_concurrent": 1, "key": "order_id"}),),
    ),
    Case(
        "nobody_enters",
        broken=(triggered(SIGNUP, active=False),),
        kept=(triggered(SIGNUP), triggered(SIGNUP, active=False) | {"active": False}),
    ),
    Case(
        "too_often_for_everybody",
        broken=(clocked(cron="0 9,17 * * *"), clocked(cron="*/5 * * * *"), clocked(cron="0 9,17 1 1 *")),
        kept=(
            clocked(cron="0 9 * * *"),
            clocked(cron="0 9,17 * * *", where=PRO),
            clocked(cron="0 9,17 * * *", fields={"cooldown_hours": 24}),
            clocked(cron="0 9,17 * * *", fields={"entry": {"filter": PRO}}),
            clocked(cron=..., every={"unit": "day", "at": "09:00"}),
        ),
    ),
    Case(
        "planned_before_created",
        broken=(
            clocked(cron=..., at="2026-03-01T09:00:00Z") | {"created_at": "2026-03-01T15:00:01Z"},
            clocked(cron=..., at="2026-03-01T09:00") | {"created_at": "2026-03-02T09:00:00Z"},
            clocked(cron=..., at="2026-03-01T09:00", timezone="Asia/Tokyo") | {"created_at": "2026-03-01T06:30:00Z"},
        ),
        kept=(
            clocked(cron=..., at="2026-03-01T09:00:00Z") | {"created_at": "2026-03-01T15:00:00Z"},
            clocked(cron=..., at="2026-03-01T09:00") | {"created_at": "2026-03-02T02:00:00Z"},
            clocked(cron=..., at="2026-03-01T09:00:00Z"),
            clocked() | {"created_at": "2026-03-01T15:00:01Z"},
        ),
    ),
    Case(
        "self_trigger",
        broken=(
            on("change", PRO, profile(set={"tips": True})),
            on("change", {"segments": "vip"}, segments(add=["seen"])),
            on("enter", VIP, segments("leave", remove=["vip"]), wait(), segments("join", add=["vip"])),
            on("enter", PRO, profile("down", set={"plan": "free"}), profile("up", set={"plan": "pro"})),
            on(
                "enter",
                subscriber(points={"$gte": 3}),
                profile("a", set={"points": 0}),
                profile("b", increment={"points": 1}),
            ),
            # In a later node.
            triggered(
                VIP,
                node("start", segments("leave", remove=["vip"]), wait(), next_nodes={"default": "later"}),
                node("later", action(), next_nodes={"default": "last"}),
                node("last", segments("join", add=["vip"])),
                trigger_type="condition_based",
                on="enter",
                max_executions=5,
            ),
            # Round and round, longer than any cooldown.
            triggered(
                PRO,
                node("start", wait(), profile(increment={"rounds": 1}), next_nodes={"default": "look"}),
                LOOK | {"next_nodes": {"engaged": "end", "not_engaged": "start"}},
                trigger_type="condition_based",
                on="change",
                cooldown_hours=10_000,
            ),
            # The cooldown is over before.
            on("change", PRO, wait(), profile(set={"tips": True}), max_executions=None, cooldown_hours=24),
            triggered(SIGNUP, node("start", emit("signup"))),
            triggered(SIGNUP | {"min_value": 3}, node("start", wait(), emit("signup", value=3)), cooldown_hours=24),
            triggered(SIGNUP | PRO, node("start", emit("signup"))),
            workflow(node("start", enter("w"))),
            clocked(node("start", enter("w"))),
        ),
        kept=(
            triggered(SIGNUP, node("start", emit("signin"))),
            triggered(SIGNUP | PRO, node("start", emit("signin"))),
            triggered(SIGNUP | {"min_value": 3}, node("start", emit("signup", value=2))),
            triggered(SIGNUP | {"event_properties": {"x": 1}}, node("start", emit("signup", x=2))),
            triggered(SIGNUP, node("start", emit("signup")), max_executions=1),
            triggered(SIGNUP, node("start", emit("signup")), cooldown_hours=1),
            triggered(SIGNUP, node("start", emit("signup")), entry={"reentry": "after_exit"}),
            on("enter", SIGNUP | VIP, emit("signup")),
            workflow(node("start", enter("other"))),
            # It ends the condition, and nothing brings it back.
            on("enter", VIP, segments(remove=["vip"])),
            on("enter", {"all": [PRO, {"not": subscriber(told=True)}]}, profile(set={"told": True})),
            on("change", {"all": [PRO, {"not": subscriber(told=True)}]}, profile(set={"told": True})),
            on("enter", PRO, profile(set={"tips": True})),
            # It is ended on one way and comes back on the other.
            triggered(
                VIP,
                LOOK | {"node_id": "start", "next_nodes": {"engaged": "leave", "not_engaged": "join"}},
                node("leave", segments("leave", remove=["vip"])),
                node("join", segments("join", add=["vip"])),
                trigger_type="condition_based",
                on="enter",
                max_executions=5,
            ),
            # It comes back before it is ended.
            on("enter", VIP, segments("join", add=["vip"]), segments("leave", remove=["vip"])),
            on("change", PRO, profile(set={"tips": True}), max_executions=1),
            on("change", PRO, profile(set={"tips": True}), max_executions=None, cooldown_hours=24),
            on("change", PRO, profile(set={"tips": True}), entry={"reentry": "after_exit"}),
            on("event", PRO, profile(set={"tips": True})),
        ),
    ),
)

SPLITS = (
    Case(
        "undivided_split",
        broken=(parting(1), parting(100), parting(0, 7), parting(0, 0.5, 0)),
        kept=(parting(1, 1), parting(1, 0.000001)),
    ),
    Case("way_without_weight", broken=(parting(1, 1, 0), parting(0, 50, 50)), kept=(parting(1, 0.000001),)),
    Case(
        "weights_near_a_hundred",
        broken=(parting(50, 49), parting(33.3, 33.3, 33.3), parting(60, 50)),
        kept=(parting(50, 50), parting(99.5, 0.5), parting(1, 1), parting(60, 51), parting(500, 490)),
    ),
)

BOUGHT = {"event_type": "purchase"}


def aimed(conditions: Document = SIGNUP, /, entry: Document | None = None, **fields: Any) -> Document:
    """A workflow with goals, exit criteria or a holdout."""
    return triggered(conditions, **({} if entry is None else {"entry": entry})) | fields


def exits(when: Document, /) -> list[Document]:
    return [{"reason": "over", "when": when}]


GOALS = (
    Case(
        "exit_at_once",
        broken=(
            aimed(exit_criteria=exits({})),
            aimed(PRO, exit_criteria=exits(PRO)),
            aimed(SIGNUP, entry={"filter": PRO}, exit_criteria=exits({"any": [PRO, subscriber(plan="team")]})),
            aimed({"all": [SIGNUP, subscriber(age={"$gt": 5})]}, exit_criteria=exits(subscriber(age={"$gt": 3}))),
            aimed(SIGNUP, entry={"filter": PRO, "grace": "1h"}, exit_criteria=exits(PRO)),
            # The first of them is none.
            aimed(PRO, exit_criteria=[{"reason": "bought", "event": BOUGHT}, *exits(PRO)]),
        ),
        kept=(
            aimed(exit_criteria=exits(PRO)),
            aimed(PRO, exit_criteria=[{"reason": "signed up", "event": SIGNUP}]),
            aimed(subscriber(age={"$gt": 3}), exit_criteria=exits(subscriber(age={"$gt": 5}))),
            # What let somebody in may be over when the filter comes to hold.
            aimed(PRO, entry={"filter": subscriber(age={"$gt": 3}), "grace": "1h"}, exit_criteria=exits(PRO)),
            # The event at hand is no event of the past yet.
            aimed(
                {"performed": {"event": "visit", "count": {"$gte": 1}}},
                exit_criteria=exits({"performed": {"event": "visit", "count": {"$gte": 1}}}),
            ),
            aimed(PRO, exit_criteria=exits({"custom": {"name": "asked"}})),
        ),
    ),
    Case(
        "goal_out_of_reach",
        broken=(aimed(goals=[{"goal_id": "g", "event": BOUGHT, "within": {"duration_days": 0}}]),),
        kept=(
            aimed(goals=[{"goal_id": "g", "event": BOUGHT, "within": {"duration_days": 1}}]),
            aimed(goals=[{"goal_id": "g", "when": PRO}]),
        ),
    ),
    Case(
        "goal_for_some",
        broken=(
            aimed(goals=[{"goal_id": "g", "event": BOUGHT}], holdout={"share": 0.1}),
            aimed(goals=[{"goal_id": "g", "when": PRO, "within": {"duration_days": 1}}], holdout={"share": 0.1}),
        ),
        kept=(
            aimed(goals=[{"goal_id": "g", "event": BOUGHT}]),
            aimed(goals=[{"goal_id": "g", "event": BOUGHT, "within": {"duration_days": 1}}], holdout={"share": 0.1}),
        ),
    ),
    Case(
        "holdout_of_all_or_none",
        broken=(aimed(holdout={"share": 0}), aimed(holdout={"share": 1.0})),
        kept=(aimed(holdout={"share": 0.5}), aimed(holdout={"share": 0.0001, "name": "everywhere"})),
    ),
)

SCORED = {"variables": {"score": {"$gte": 5}}}
GOAL = {"goal_id": "g", "when": SCORED}


def asking(when: Document = SCORED) -> Document:
    """A branch by a condition."""
    return action("branch", "branch", parameters={"cases": [{"label": "a", "when": when}], "otherwise": "b"})


def ending(node_id: str, *actions: Document) -> Document:
    return node(node_id, *actions, next_nodes={"default": "end"})


VARIABLES = (
    Case(
        "variable_never_set",
        broken=(
            workflow(ending("start", asking())),
            workflow(ending("start", hook(points="score"), asking())),
            workflow(ending("start", asking({"not": {"all": [VIP, SCORED]}}))),
            workflow(ending("start", asking({"variables": {"score.total": 1}}))),
            deciding(conditions=SCORED),
            # What comes later, or on another way, is not there yet.
            two(asking(), hook(score="score")),
            workflow(
                node("start", branch("a"), next_nodes={"a": "one", "default": "other"}),
                node("one", hook(score="score")),
                ending("other", asking()),
            ),
            workflow(
                ending(
                    "start",
                    action(
                        "wait_for_event",
                        "await",
                        parameters={"branches": [{"label": "a", "when": SCORED}], "timeout": {"duration_hours": 1}},
                    ),
                )
            ),
            workflow(goals=[GOAL]),
            workflow(exit_criteria=[{"reason": "enough", "when": SCORED}]),
        ),
        kept=(
            workflow(ending("start", hook(score="data.points"), asking())),
            workflow(ending("start", hook(score="data.points"), asking({"variables": {"score.total": 1}}))),
            workflow(ending("start", action("custom"), asking())),
            workflow(ending("start", hook(score="a") | {"detached": True}, asking())),
            two(hook(score="score"), asking(), next_nodes={"default": "end"}),
            deciding(hook(score="score"), check(), conditions=SCORED),
            # In the next round it is there.
            workflow(
                node("start", asking(), next_nodes={"a": "end", "b": "call"}),
                node("call", wait(), hook(score="score"), next_nodes={"default": "start"}),
            ),
            workflow(node("start", action(), hook(score="score")), goals=[GOAL]),
            workflow(
                node("start", branch("a"), next_nodes={"a": "one", "default": "other"}),
                node("one", hook(score="score"), next_nodes={"default": "other"}),
                ending("other", asking()),
            ),
        ),
    ),
)

CASES = (*GRAPH, *NODES, *SPLITS, *ACTIONS, *NAMES, *CONDITIONS, *VARIABLES, *ENTRY, *GOALS)

SCORE = Names(variables={"score"})
LINKED = Names(attributes={"unsubscribe_url", "name"})
HOST_CASES = (
    HostCase(
        "unknown_channel",
        knows={"channels": ["push"]},
        broken=(workflow(node("start", action("send"))),),
        kept=(
            workflow(),
            workflow(node("start", action("send", parameters={"channel": "push", "template_id": "hello"}))),
        ),
    ),
    HostCase(
        "unknown_handler",
        knows={"handlers": ["rank"]},
        broken=(workflow(node("start", action("custom"))),),
        kept=(workflow(node("start", action("custom", parameters={"name": "rank"}))),),
    ),
    HostCase(
        "unknown_predicate",
        knows={"predicates": {"is_friend": None}},
        broken=(
            triggered({"all": [SIGNUP, {"custom": {"name": "is_fiend"}}]}),
            triggered(SIGNUP, entry={"filter": {"not": {"custom": {"name": "is_fiend"}}}}),
            workflow(ending("start", asking({"custom": {"name": "is_fiend"}}))),
            deciding(conditions={"custom": {"name": "is_fiend"}}),
            workflow(exit_criteria=[{"reason": "enough", "when": {"custom": {"name": "is_fiend"}}}]),
        ),
        kept=(
            workflow(),
            triggered({"all": [SIGNUP, {"custom": {"name": "is_friend"}}]}),
            deciding(conditions={"custom": {"name": "is_friend"}}),
        ),
    ),
    HostCase(
        "unknown_template",
        knows={"templates": {"hello": None, "bye": TemplateNames()}},
        broken=(
            workflow(node("start", message("a", template_id="hallo"))),
            workflow(node("start", action("send", parameters={"channel": "sms", "template_id": "hallo"}))),
        ),
        kept=(workflow(), workflow(node("start", message("a", template_id="bye")))),
    ),
    HostCase(
        "faulty_template",
        knows={
            "templates": {"hello": None, "torn": TemplateNames(fault="line 2: html: no end [syntax]", printed=SCORE)},
            "subjects": {"{{": TemplateNames(fault="line 1: subject: no end [syntax]"), "Hi": TemplateNames()},
        },
        broken=(
            workflow(node("start", message("a", template_id="torn"))),
            workflow(node("start", message("a", subject="{{"))),
        ),
        kept=(workflow(), workflow(node("start", message("a", subject="Hi")))),
    ),
    HostCase(
        "variable_without_source",
        knows={
            "attributes": ["email", "name"],
            "templates": {
                "hello": TemplateNames(printed=Names(attributes={"name"})),
                "scored": TemplateNames(printed=SCORE),
                "titled": TemplateNames(subject=SCORE),
                "planned": TemplateNames(printed=Names(attributes={"plan"})),
                "asked": TemplateNames(read=Names(attributes={"plan"}, variables={"score"})),
            },
            "subjects": {"S": TemplateNames(subject=SCORE), "T": TemplateNames()},
        },
        broken=(
            workflow(node("start", message("a", template_id="scored"))),
            workflow(node("start", hook(points="score"), message("a", template_id="scored"))),
            workflow(node("start", message("a", template_id="titled"))),
            workflow(node("start", message("a", subject="S"))),
            workflow(node("start", message("a", template_id="planned"))),
            workflow(node("start", profile(unset=["plan"]), message("a", template_id="planned"))),
            two(message("a", template_id="scored"), hook(score="score")),
        ),
        kept=(
            workflow(),
            workflow(node("start", hook(score="x"), message("a", template_id="scored"))),
            workflow(node("start", action("custom"), message("a", template_id="scored"))),
            workflow(node("start", action("custom"), message("a", template_id="planned"))),
            # A subject of its own stands in for the template's.
            workflow(node("start", message("a", template_id="titled", subject="T"))),
            workflow(node("start", profile(set={"plan": "pro"}), message("a", template_id="planned"))),
            workflow(node("start", profile(set={"plan.name": "pro"}), message("a", template_id="planned"))),
            workflow(node("start", profile(increment={"plan": 1}), message("a", template_id="planned"))),
            workflow(node("start", message("a", template_id="asked"))),
            # By the time that it is made, the run may have gone on.
            workflow(
                node("start", message("a", template_id="scored") | {"detached": True, "delay_minutes": 5}, wait())
                | {"next_nodes": {"default": "next"}},
                node("next", hook(score="score")),
            ),
        ),
    ),
    HostCase(
        "marketing_without_unsubscribe",
        knows={
            "templates": {"hello": TemplateNames(), "linked": TemplateNames(read=LINKED), "bare": None},
            "unsubscribe": ["preferences_url", "unsubscribe_url"],
        },
        broken=(
            workflow(),
            workflow(node("start", message("a", message_class="marketing"))),
        ),
        kept=(
            workflow(node("start", message("a", template_id="linked"))),
            workflow(node("start", message("a", template_id="bare"))),
            workflow(node("start", message("a", message_class="transactional"))),
            workflow(node("start", action("send"))),
        ),
    ),
)


def called(workflow_id: str, document: Document, **fields: Any) -> Document:
    return document | {"workflow_id": workflow_id, "name": workflow_id.title()} | fields


def leading(workflow_id: str, listens: str, *actions: Document, **fields: Any) -> Document:
    """A workflow that somebody enters by an event of a type, and that does some actions."""
    return called(workflow_id, triggered({"event_type": listens}, node("start", *actions), **fields))


def grouped(workflow_id: str, group: str) -> Document:
    return called(workflow_id, triggered(SIGNUP, entry={"exclusion_group": group}))


def passing(workflow_id: str, source: str, target: str, **fields: Any) -> Document:
    """A workflow that takes whoever comes into one segment over into another."""
    return called(workflow_id, on("enter", {"segments": source}, segments(remove=[source], add=[target]), **fields))


JOINT_CASES = (
    JointCase(
        "unknown_workflow_started",
        broken=((leading("a", "x", enter("b")),), (leading("a", "x", enter("b")), leading("c", "y"))),
        kept=((leading("a", "x", enter("b")), leading("b", "y")), (leading("a", "x", emit("b")),)),
    ),
    JointCase(
        "duplicate_workflow_id",
        broken=((called("a", workflow()), called("a", workflow())),),
        kept=((called("a", workflow()), called("b", workflow())),),
    ),
    JointCase(
        "duplicate_workflow_name",
        broken=((called("a", workflow()), called("b", workflow(), name=" a")),),
        kept=((called("a", workflow()), called("b", workflow(), name="")),),
    ),
    JointCase(
        "group_of_one",
        broken=((grouped("a", "sale"), called("b", workflow())), (grouped("a", "sale"),)),
        kept=((grouped("a", "sale"), grouped("b", "sale")),),
    ),
    JointCase(
        "trigger_circle",
        broken=(
            (passing("a", "new", "warm"), passing("b", "warm", "new")),
            (passing("a", "x", "y"), passing("b", "y", "z"), passing("c", "z", "x"), passing("d", "x", "out")),
            (
                called("a", on("change", PRO, profile(set={"tips": True}), entry={"reentry": "after_exit"})),
                called("b", on("change", PRO, profile(increment={"seen": 1}), entry={"reentry": "after_exit"})),
            ),
            (leading("a", "x", emit("y")), leading("b", "y", emit("x"))),
            (leading("a", "x", emit("y")), leading("b", "y", wait(), enter("a"))),
            (leading("a", "x", enter("b")), leading("b", "y", enter("c")), leading("c", "z", enter("a"))),
            # By an event there, and by a change back.
            (
                leading("a", "x", profile(set={"plan": "pro"})),
                called("b", on("change", PRO, emit("x"))),
            ),
        ),
        kept=(
            # Nobody ends what the other brings.
            (
                called("a", on("enter", {"segments": "x"}, segments(add=["y"]))),
                called("b", on("enter", {"segments": "y"}, segments(add=["x"]))),
            ),
            (passing("a", "new", "warm"), passing("b", "warm", "old")),
            (passing("a", "new", "warm"), called("b", on("enter", {"segments": "warm"}, segments(add=["new"])))),
            (passing("a", "new", "warm"), passing("b", "warm", "new", max_executions=1)),
            (passing("a", "new", "warm"), passing("b", "warm", "new", entry={"reentry": "never"}, max_executions=None)),
            (leading("a", "x", emit("y")), leading("b", "y", emit("z"))),
            (leading("a", "x", enter("b")), leading("b", "y", enter("a"), max_executions=1)),
            (leading("a", "x", emit("y")), leading("b", "y", emit("x"), active=False)),
        ),
    ),
)
