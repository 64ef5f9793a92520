"""Write the page about the lint from its rules: `python docs/generate_lint.py > docs/lint.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from textwrap import fill
from typing import Final

from flowkit.workflows.lint.model import HostRule, JointRule, Rule, Severity
from flowkit.workflows.lint.rules import JOINT_RULES, RULES, UNKNOWN_CHANNEL, UNKNOWN_HANDLER

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
nothing. It is given no templates, so it cannot tell whether one exists, nor what a subject asks for.

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
        "## What the host has",
        "`check(workflow, channels=..., handlers=...)` is told the names, and looks for these; so does publishing.",
        *sections([UNKNOWN_CHANNEL, UNKNOWN_HANDLER]),
        "## Several workflows",
        "These are rules of `check_together`.",
        *sections(JOINT_RULES),
    ]
    return "\n\n".join(parts) + "\n"


def sections(rules: Iterable[Rule | HostRule | JointRule]) -> Iterator[str]:
    for rule in rules:
        severity = "" if isinstance(rule, Rule) else f" *{rule.severity.capitalize()}.*"
        looks_for = f"Looks for {rule.summary}.{severity}"
        yield "\n\n".join([f"### `{rule.id}`", *map(wrapped, (looks_for, rule.why, f"**Remedy.** {rule.remedy}"))])


def wrapped(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(page())
