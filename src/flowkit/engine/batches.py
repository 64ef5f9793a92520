"""Messages made for many subscribers at once, outside of any run: to look at, or for a sending of the host's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.engine.personalizing import Personalizing, render_letter
from flowkit.engine.rounds import profile_facts
from flowkit.errors import ConfigurationError
from flowkit.events import Facts, Needs, to_micros
from flowkit.rendering.engine import CompiledTemplate, Rendered, compile_template, context
from flowkit.rendering.model import MessageAborted

__all__ = ["rendered_many"]


async def rendered_many(parts: Parts, template_id: str, ids: Sequence[str]) -> Mapping[str, Rendered | MessageAborted]:
    """Make the messages of a template for many subscribers; only what it reads is read of them, for all at once.

    What a policy for mail gives to templates is given here too. A link by which a subscriber leaves is valid, and
    leaves everything: no message and no topic stand behind it.

    Returns:
        By id, in order: what the message says, or why there is none.

    Raises:
        ConfigurationError: The engine has no templates, or none of that id.
        TemplateError: The template cannot be compiled.
    """
    template = await _template(parts, template_id)
    if template is None:
        message = f"there is no template {template_id!r}"
        raise ConfigurationError(message)
    instead = None if template.instead is None else await _template(parts, template.instead)
    read = template.variables if instead is None else template.variables | instead.variables
    if parts.mail is not None:
        read -= parts.mail.given
    how = parts.personalization
    personal = None if how is None else Personalizing.of(how, template, read)
    needs = Needs(attributes=read) if personal is None else personal.needs(parts)
    once = list(dict.fromkeys(ids))
    facts: Mapping[str, Facts] = await profile_facts(parts, once, needs)
    if parts.profiles is None:
        facts = {one: Facts() for one in once}
    now = to_micros(parts.clock.now())
    made_from: Mapping[int, Mapping[str, object]] = {}
    if personal is not None:
        asked = {index: (one, None) for index, one in enumerate(once)}
        made_from = await personal.gather(parts, facts, asked, "", now)
    found: dict[str, Rendered | MessageAborted] = {}
    for index, one in enumerate(once):
        if one not in facts:
            found[one] = MessageAborted("unknown_subscriber")
            continue
        values = context(facts[one].attributes, None)
        if parts.mail is not None:
            values |= parts.mail.values(one, None, "", "")
        try:
            found[one], _, _ = render_letter(values, made_from.get(index), template, None, instead, personal)
        except MessageAborted as aborted:
            found[one] = aborted
    return found


async def _template(parts: Parts, template_id: str) -> CompiledTemplate | None:
    if parts.templates is None:
        message = "this engine has no templates: give it some, such as DictTemplates"
        raise ConfigurationError(message)
    template = await resolve("templates.template", parts.templates.template(template_id))
    if template is None:
        return None
    return compile_template(template if parts.mail is None else parts.mail.prepare(template))
