"""The texts that versions pin: templates by the hash of their source, and the editions that name them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

from attrs import evolve

from flowkit.engine.drive import resolve
from flowkit.hashing import content_hash
from flowkit.ports import Edition, Store, Templates
from flowkit.rendering.engine import CompiledSubject, CompiledTemplate, compile_subject, compile_template
from flowkit.rendering.html.links import has_open_links
from flowkit.rendering.mail_policy import MailPolicy
from flowkit.rendering.model import NO_FALLBACKS, Fallbacks, Missing, Template, TemplateError
from flowkit.workflows.codec import dumps
from flowkit.workflows.model import SendEmail, Workflow

__all__ = ["Sources", "edition_of", "read_source", "template_ids", "write_source"]

_KEPT: Final = 1000
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
K = TypeVar("K")
T = TypeVar("T")
_SubjectKey: TypeAlias = tuple[str, str, tuple[tuple[str, "str | float"], ...]]
"""The source of a subject, the policy for what is missing, and the fallbacks."""


class Sources:
    """Templates and subjects, compiled once each; the oldest go where there are too many.

    Args:
        store: Where the sources of templates are read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._templates: dict[str, CompiledTemplate | TemplateError] = {}
        self._open_links: dict[str, bool] = {}
        self._subjects: dict[_SubjectKey, CompiledSubject | TemplateError] = {}

    async def template(self, digest: str) -> CompiledTemplate | TemplateError:
        """Give the template whose source has a hash, or what is wrong with it."""
        if digest not in self._templates:
            source = await resolve("store.source", self._store.source(digest))
            template = read_source(source)
            _keep(self._open_links, digest, _has_open_links(template))
            _keep(self._templates, digest, _compiled(template))
        return self._templates[digest]

    def has_open_links(self, digest: str) -> bool:
        """Whether a template that was read has web links that are known only when it is rendered."""
        return self._open_links.get(digest, True)

    def subject(self, source: str, template: CompiledTemplate | None = None) -> CompiledSubject | TemplateError:
        """Give a subject, or what is wrong with it.

        Args:
            source: Its source.
            template: The template that it goes with, whose fallbacks and policy are its own.
        """
        fallbacks = NO_FALLBACKS if template is None else template.fallbacks
        missing = Missing.ABORT if template is None else template.missing
        key = (source, str(missing), tuple(sorted(fallbacks.subject.items())))
        if key not in self._subjects:
            try:
                _keep(self._subjects, key, compile_subject(source, fallbacks=fallbacks, missing=missing))
            except TemplateError as error:
                _keep(self._subjects, key, error)
        return self._subjects[key]


def _keep(kept: dict[K, T], key: K, value: T) -> None:
    """Keep a value, and let the oldest go where there are too many."""
    while len(kept) >= _KEPT:
        del kept[next(iter(kept))]
    kept[key] = value


def _has_open_links(template: Template) -> bool:
    own = template.html is not None and has_open_links(template.html)
    return own or any(_has_open_links(one) for one in template.locales.values())


def _compiled(template: Template) -> CompiledTemplate | TemplateError:
    try:
        return compile_template(template)
    except TemplateError as error:
        return error


def write_source(template: Template) -> str:
    """Write a template as the text that is stored and hashed; what it has not takes no place there."""
    more = _more(template)
    return _encode([template.template_id, template.subject, template.html, template.text, *([more] if more else [])])


def _more(template: Template) -> dict[str, Any]:
    table = {"subject": dict(template.fallbacks.subject), "body": dict(template.fallbacks.body)}
    more = {
        "fallbacks": {part: values for part, values in table.items() if values},
        "missing": None if template.missing is Missing.ABORT else str(template.missing),
        "instead": template.instead,
        "subjects": dict(template.subjects),
        "locales": {locale: json.loads(write_source(one)) for locale, one in template.locales.items()},
    }
    return {name: value for name, value in more.items() if value}


def read_source(source: str) -> Template:
    """Read a stored template."""
    return _template(json.loads(source))


def _template(stored: list[Any]) -> Template:
    template_id, subject, html, text, *rest = stored
    more: dict[str, Any] = rest[0] if rest else {}
    return Template(
        template_id,
        subject=subject,
        html=html,
        text=text,
        fallbacks=Fallbacks(**more.get("fallbacks", {})),
        missing=Missing(more.get("missing", Missing.ABORT)),
        instead=more.get("instead"),
        subjects=more.get("subjects", {}),
        locales={locale: _template(one) for locale, one in more.get("locales", {}).items()},
    )


async def edition_of(
    workflow: Workflow, templates: Templates | None, mail: MailPolicy | None = None
) -> tuple[Edition, Mapping[str, str]]:
    """Make the edition of a workflow that is to be published, and the sources that it pins, by hash.

    Templates are prepared as the policy for mail says, if there is one. The hash covers the definition and the
    templates, and not ``created_at``: the same content is the same version.
    """
    sources: dict[str, str] = {}
    pinned: dict[str, str] = {}
    if templates is not None:
        waiting = sorted(template_ids(workflow), reverse=True)
        while waiting:
            template_id = waiting.pop()
            template = await resolve("templates.template", templates.template(template_id))
            if template is not None:
                source = write_source(template if mail is None else _prepared(template, mail))
                pinned[template_id] = content_hash(source)
                sources[pinned[template_id]] = source
                if template.instead is not None and template.instead not in pinned:
                    waiting.append(template.instead)
    timeless = dumps(evolve(workflow, created_at=None))
    digest = content_hash(_encode([timeless, pinned]))
    return Edition(workflow.workflow_id, 0, digest, dumps(workflow), pinned), sources


def _prepared(template: Template, mail: MailPolicy) -> Template:
    ready = mail.prepare(evolve(template, locales={}))
    if template.text is None and isinstance(_compiled(ready), TemplateError):
        # What is wrong, if anything, is told of the template as it was written.
        ready = evolve(ready, text=None)
    return evolve(ready, locales={locale: _prepared(one, mail) for locale, one in template.locales.items()})


def template_ids(workflow: Workflow) -> set[str]:
    """Name the templates that a workflow asks for."""
    return {
        action.do.template_id
        for node in workflow.nodes.values()
        for action in node.actions
        if isinstance(action.do, SendEmail)
    }
