"""What a template says to somebody, before anybody gets it: one message, or all samples in all locales."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import field, frozen

from flowkit.conditions import NO_VARIABLES
from flowkit.events import Event, Properties
from flowkit.rendering.engine import CompiledTemplate, Rendered, compile_template, context
from flowkit.rendering.model import MessageAborted, Template
from flowkit.rendering.personal.personalize import Inputs, Personalization, prepare, told, wants

__all__ = ["Cell", "Preview", "preview", "samples_of", "template_matrix"]

_LONG: Final = "Wolfeschlegelsteinhausenbergerdorff " * 60
_RIGHT_TO_LEFT: Final = "\u202e\u0639\u0628\u062f \u0627\u0644\u0644\u0647 \u2067\u05e9\u05dc\u05d5\u05dd"
_HOSTILE: Final = "\"'><script>alert(1)</script>{{ 7 * 7 }}\r\nBcc: eve@example.com =?utf-8?q?x?="
_NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_NOTHING: Final[Mapping[str, Any]] = {}


@frozen(repr=False)
class Preview:
    """What a template says to somebody, or why it says nothing.

    Attributes:
        rendered: The message; None where it aborts.
        aborted: Why it aborts, as the journal would say it; None where it does not.
        told: What would be told of how it came about; empty without a personalization.
    """

    rendered: Rendered | None
    aborted: str | None = None
    told: Mapping[str, Any] = field(default=_NOTHING)

    def __repr__(self) -> str:
        # Contents are personal: neither logs nor tracebacks show them.
        return f"Preview(aborted={self.aborted!r})"


@frozen(kw_only=True)
class Cell:
    """How one sample of a profile fares in one locale.

    Attributes:
        locale: The locale; None for the template itself.
        sample: The sample's name.
        aborted: Why there is no message; None where there is one.
        defaulted: The paths for which a default or a fallback stood in.
        blanked: The paths that were missing and of which nothing was printed.
    """

    locale: str | None
    sample: str
    aborted: str | None = None
    defaulted: tuple[str, ...] = ()
    blanked: tuple[str, ...] = ()

    @property
    def renders(self) -> bool:
        """Whether there is a message."""
        return self.aborted is None


def preview(
    template: Template,
    attributes: Properties,
    *,
    event: Event | None = None,
    variables: Properties = NO_VARIABLES,
    personalization: Personalization | None = None,
    inputs: Inputs | None = None,
) -> Preview:
    """Say what a template says to somebody; nothing is asked of any port.

    Args:
        template: The template.
        attributes: What the profile has.
        event: The event that led to the message.
        variables: The run's variables.
        personalization: How messages are personalized; None only fills merge tags.
        inputs: What would be predicted and recommended, and when; by default nothing, on a Monday morning.

    Raises:
        TemplateError: The template cannot be compiled.
    """
    return _previewed(compile_template(template), attributes, event, variables, personalization, inputs)


def _previewed(
    compiled: CompiledTemplate,
    attributes: Properties,
    event: Event | None,
    variables: Properties,
    how: Personalization | None,
    inputs: Inputs | None,
) -> Preview:
    values = context(attributes, event, variables)
    given = inputs or Inputs(at=_NOW)
    prepared = None if how is None else prepare(how, wants(how, compiled), attributes, given)
    try:
        if how is None or prepared is None:
            return Preview(compiled.render(values))
        rendered = compiled.render({**values, **prepared.values}, zone=prepared.zone, variant=prepared.applied.variant)
    except MessageAborted as aborted:
        return Preview(None, str(aborted))
    return Preview(rendered, None, told(how, prepared, given, rendered))


def samples_of(template: Template, profile: Properties) -> Mapping[str, Properties]:
    """Make samples of a profile that is complete: what may come of it in real life.

    Args:
        template: Whose attributes are varied.
        profile: A profile that has all of them.

    Returns:
        By name: ``complete``, ``empty``, ``without <attribute>`` for each that the template reads; and ``long``,
        ``right to left`` and ``hostile``, in which all texts are so.

    Raises:
        TemplateError: The template cannot be compiled.
    """
    read = sorted(compile_template(template).variables & profile.keys())
    found: dict[str, Properties] = {"complete": profile, "empty": {}}
    for name in read:
        found[f"without {name}"] = {one: value for one, value in profile.items() if one != name}
    for sample, text in (("long", _LONG), ("right to left", _RIGHT_TO_LEFT), ("hostile", _HOSTILE)):
        found[sample] = {name: value if name == "locale" else _said(value, text) for name, value in profile.items()}
    return found


def _said(value: object, text: str) -> object:
    """Put a text in the place of every text of a value, some levels deep."""
    waiting: list[tuple[Any, Any, Any]] = []
    holder: list[object] = [value]
    waiting.append((holder, 0, value))
    while waiting:
        within, key, found = waiting.pop()
        if isinstance(found, str):
            within[key] = text
        elif isinstance(found, Mapping):
            copy: dict[Any, Any] = {**found}
            within[key] = copy
            waiting.extend((copy, name, one) for name, one in copy.items())
        elif isinstance(found, list):
            several: list[Any] = [*found]
            within[key] = several
            waiting.extend((several, index, one) for index, one in enumerate(several))
    return holder[0]


def template_matrix(
    template: Template,
    samples: Mapping[str, Properties],
    *,
    event: Event | None = None,
    variables: Properties = NO_VARIABLES,
    personalization: Personalization | None = None,
    inputs: Inputs | None = None,
) -> tuple[Cell, ...]:
    """Render a template in each of its locales for each of some samples, before it is published.

    Args:
        template: The template.
        samples: Profiles by name, such as `samples_of` makes.
        event: The event that leads to the message.
        variables: The run's variables.
        personalization: How messages are personalized.
        inputs: What would be predicted and recommended.

    Returns:
        A cell for each, the template itself first, then the locales in order.

    Raises:
        TemplateError: The template cannot be compiled.
    """
    cells: list[Cell] = []
    for locale in (None, *sorted(template.locales)):
        compiled = compile_template(template.in_locale(locale))
        for name, attributes in samples.items():
            seen = _previewed(compiled, attributes, event, variables, personalization, inputs)
            done = seen.rendered
            cells.append(
                Cell(
                    locale=locale,
                    sample=name,
                    aborted=seen.aborted,
                    defaulted=() if done is None else done.defaulted,
                    blanked=() if done is None else done.blanked,
                )
            )
    return tuple(cells)
