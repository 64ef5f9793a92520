"""Rules about messages and the templates that they are made from."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from flowkit.problems import pointer, short
from flowkit.workflows.lint.model import Breach, Host, Names, TemplateNames
from flowkit.workflows.lint.sources import sources
from flowkit.workflows.model import EMAIL, MessageClass, SendEmail, Workflow

__all__ = ["faulty_templates", "marketing_without_unsubscribe", "unknown_templates", "variables_without_source"]


@frozen
class _Message:
    """A message of a workflow: its node, which of its actions it is, whether detached, and where its parameters are."""

    node: str
    index: int
    detached: bool
    path: str
    do: SendEmail


def _messages(workflow: Workflow) -> Iterator[_Message]:
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if isinstance(action.do, SendEmail):
                path = f"{pointer('/nodes', key)}/actions/{index}/parameters"
                yield _Message(key, index, action.detached, path, action.do)


def _template(message: _Message, host: Host) -> TemplateNames | None:
    return (host.templates or {}).get(message.do.template_id)


def _own_subject(message: _Message, host: Host) -> TemplateNames | None:
    return None if message.do.subject is None else (host.subjects or {}).get(message.do.subject)


def unknown_templates(workflow: Workflow, host: Host) -> Iterator[Breach]:
    """Find messages that name a template which the host does not have."""
    known = host.templates or {}
    for message in _messages(workflow):
        name = message.do.template_id
        if name not in known:
            what = f"there is no template {short(name)}; name one that there is, or add it before you publish"
            yield Breach(f"{message.path}/template_id", what)


def faulty_templates(workflow: Workflow, host: Host) -> Iterator[Breach]:
    """Find messages whose template, or whose own subject, cannot be compiled."""
    for message in _messages(workflow):
        template, subject = _template(message, host), _own_subject(message, host)
        if template is not None and template.fault is not None:
            name = short(message.do.template_id)
            yield Breach(f"{message.path}/template_id", f"the template {name} cannot be compiled: {template.fault}")
        if subject is not None and subject.fault is not None:
            yield Breach(f"{message.path}/subject", f"cannot be compiled: {subject.fault}")


def variables_without_source(workflow: Workflow, host: Host) -> Iterator[Breach]:
    """Find what messages print and what nothing on a way to them gives: variables, and attributes where known."""
    found = sources(workflow)
    for message in _messages(workflow):
        given = found.before(message.node, message.index)
        if given is None:
            continue
        if message.detached:
            given = found.anywhere  # The run may have gone on by the time it is made.
        for field, printed in _printed(message, host):
            missing = given.lacks(printed)
            for name in sorted(missing.variables):
                what = f"prints the variable {short(name)}, which nothing on any way here sets"
                yield Breach(f"{message.path}/{field}", f"{what}; give it a default, or set it before")
            if host.attributes is not None:
                for name in sorted(missing.attributes.difference(host.attributes)):
                    what = f"prints {short(name)}, which is no attribute of a subscriber and is not set on any way here"
                    yield Breach(f"{message.path}/{field}", f"{what}; give it a default, or spell it as profiles do")


def _printed(message: _Message, host: Host) -> Iterator[tuple[str, Names]]:
    """Give what a message cannot do without, by the field of the action that leads to it."""
    template, subject = _template(message, host), _own_subject(message, host)
    if (template is not None and template.fault is not None) or (subject is not None and subject.fault is not None):
        return  # No message is made at all.
    if template is not None:
        printed = template.printed
        if message.do.subject is None:
            printed = Names(
                attributes=printed.attributes | template.subject.attributes,
                variables=printed.variables | template.subject.variables,
            )
        yield "template_id", printed
    if subject is not None:
        yield "subject", subject.subject


def marketing_without_unsubscribe(workflow: Workflow, host: Host) -> Iterator[Breach]:
    """Find marketing by e-mail whose template reads none of the links to unsubscribe."""
    links = host.unsubscribe or ()
    listed = " or ".join(map(short, sorted(links)))
    for message in _messages(workflow):
        if message.do.channel != EMAIL or message.do.message_class is not MessageClass.MARKETING:
            continue
        template = _template(message, host)
        if template is not None and template.fault is None and template.read.attributes.isdisjoint(links):
            name = short(message.do.template_id)
            what = f"is marketing, and the template {name} shows no link to unsubscribe; let it read {listed}"
            yield Breach(f"{message.path}/template_id", what)
