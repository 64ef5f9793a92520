"""Write the page about the lint from its rules: `python docs/generate_lint.py > docs/lint.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from textwrap import fill
from typing import Final

from flowkit.workflows.lint.model import HostRule, JointRule, Rule, Severity
from flowkit.workflows.lint.rules import HOST_RULES, JOINT_RULES, RULES

WIDTH: Final = 120
INTRODUCTION: Final = """\
# The lint

`check` looks at a workflow and says what is wrong with it, and what is only odd: ways that lead nowhere, conditions
that can never hold, limits without effect, secrets in the wrong place. A finding has the id of its rule, a severity,
the place in the document as a JSON Pointer, and a message that says what to do.

```python
from flowkit import check, load_workflow

document = {
    "workflow_id": "win_back",
    "name": "Win back",
    "trigger": {
        "trigger_id": "quiet",
        "trigger_type": "composite",
        "conditions": {"all": [{"event_type": "visit"}, {"event_type": "login"}]},
    },
    "nodes": {
        "start": {
            "node_id": "start",
            "name": "Miss you",
            "actions": [
                {"action_id": "write", "action_type": "send_email", "parameters": {"template_id": "miss_you"}},
                {"action_id": "pause", "action_type": "wait", "parameters": {"duration_days": 3}},
            ],
            "next_nodes": {"failure": "end"},
        }
    },
}
found = check(load_workflow(document))
assert [(finding.rule, str(finding.severity), finding.path) for finding in found] == [
    ("edge_never_taken", "warning", "/nodes/start/next_nodes/failure"),
    ("never_holds", "warning", "/trigger/conditions"),
]
assert found[1].message == "can never hold: no value of event.type passes all that is asked of it"
```

An *error* refuses the workflow: loading and publishing raise it as a `DocumentError`, with the rule's id as the code. A
*warning* lets it run, and somebody should look at it. What is *worth a thought* has no effect, or may well be meant.

Nothing is claimed of a condition that is not proven: the lint says "never" only where no event and no facts could make
it hold, of whatever values JSON, dates and numbers of any kind can be. Where a proof would take too long, it says
nothing.

## What the host has

A document alone does not tell whether there is a template of some id, or who sets a variable that it prints. `check`
looks at that too, as far as it is told what the host has; the rules that need what is not given say nothing.

| argument | what it is |
| --- | --- |
| `channels` | the channels beside e-mail that there are senders for |
| `handlers` | the names of the handlers |
| `predicates` | the names of your own conditions |
| `templates` | the templates by id, with what `template_names` says of each; `None` where that is not known |
| `subjects` | the subjects that actions have of their own, by their text, with what `subject_names` says of each |
| `attributes` | all attributes that a profile may have, but for those that the workflow itself sets |
| `unsubscribe` | the attributes of which each stands for a link to unsubscribe |

```python
from flowkit import Template, template_names

miss_you = Template("miss_you", html="<p>{{ variables.offer }} until {{ until | default('May') }}</p>")
found = check(load_workflow(document), templates={"miss_you": template_names(miss_you)}, unsubscribe=["stop_url"])
assert [(finding.rule, finding.path) for finding in found][2:] == [
    ("variable_without_source", "/nodes/start/actions/0/parameters/template_id"),
    ("marketing_without_unsubscribe", "/nodes/start/actions/0/parameters/template_id"),
]
```

`engine.check(workflow)` gives what the engine knows: its channels, handlers and predicates, and the templates of its
port. It looks besides at what the workflow and those that are live do to each other. Only `attributes` and
`unsubscribe` are for you to say. Nothing is published or stored, and what `publish` would refuse for its errors is
found, not raised; whether a port is missing altogether is left to `publish`.

```python
from flowkit import DictTemplates, Engine, MemoryStore
from flowkit.testing.recording import RecordingSender

torn = Template("miss_you", html="<p>Hello\\n{% if name %}{{ name }}")
engine = Engine(MemoryStore(), sender=RecordingSender(), templates=DictTemplates({"miss_you": torn}))
*_, finding = engine.check(load_workflow(document))
assert (finding.rule, finding.path) == ("faulty_template", "/nodes/start/actions/0/parameters/template_id")
assert 'the template "miss_you" cannot be compiled: line 2, column 1: html: ' in finding.message
```

What a way leads through counts as done, whatever came of it. A run that was moved here from another version may have
brought variables along; what is said of variables is said of those that entered by this one.

## Several workflows

`check_together` looks at workflows that are live side by side; its findings name their workflow.

```python
from flowkit import check_together

document["trigger"]["conditions"] = {"event_type": "visit"}
document["trigger"]["entry"] = {"exclusion_group": "sale"}
(finding,) = check_together([load_workflow(document)])
assert (finding.rule, finding.workflow_id, finding.path) == (
    "group_of_one",
    "win_back",
    "/trigger/entry/exclusion_group",
)
```
"""

HEADINGS: Final = {
    Severity.ERROR: "Errors",
    Severity.WARNING: "Warnings",
    Severity.INFO: "Worth a thought",
}


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION.rstrip("\n")]
    for severity, heading in HEADINGS.items():
        parts += [f"## {heading}", *sections(rule for rule in RULES if rule.severity is severity)]
    parts += [
        "## About the host",
        "Each needs to be told something, and says nothing without it. Publishing refuses what is an error here.",
        *sections(HOST_RULES),
        "## About several workflows",
        "These are rules of `check_together`.",
        *sections(JOINT_RULES),
    ]
    return "\n\n".join(parts) + "\n"


def sections(rules: Iterable[Rule | HostRule | JointRule]) -> Iterator[str]:
    for rule in rules:
        severity = "" if isinstance(rule, Rule) else f" *{rule.severity.capitalize()}.*"
        if isinstance(rule, HostRule):
            severity += f" It needs {' and '.join(f'`{need}`' for need in rule.needs)}."
        looks_for = f"Looks for {rule.summary}.{severity}"
        yield "\n\n".join([f"### `{rule.id}`", *map(wrapped, (looks_for, rule.why, f"**Remedy.** {rule.remedy}"))])


def wrapped(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(page())
