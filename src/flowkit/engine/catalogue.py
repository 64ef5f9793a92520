"""What is published, made ready to be run, and looked at again when the store's stamp has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Final, TypeVar

from attrs import evolve, frozen

from flowkit.conditions import Moment
from flowkit.engine.drive import resolve
from flowkit.errors import UnknownWorkflow
from flowkit.events import Event, Facts, Needs, together
from flowkit.hashing import content_hash
from flowkit.ports import Edition, Store, Templates
from flowkit.rendering.engine import CompiledSubject, CompiledTemplate, compile_subject, compile_template
from flowkit.rendering.model import Template, TemplateError
from flowkit.runs.effects import Asks, Started
from flowkit.runs.model import State
from flowkit.runs.program import Program, compile_workflow
from flowkit.runs.step import decide
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.index import FEW, TriggerIndex
from flowkit.workflows.codec import dumps, load
from flowkit.workflows.model import SendEmail, Workflow

__all__ = ["Catalogue", "edition_of"]

_TEMPLATES_KEPT: Final = 1000
_ENTRANCES_KEPT: Final = 10_000
T = TypeVar("T")
_NOBODY: Final[frozenset[str]] = frozenset()
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


@frozen(eq=False)
class Entrance:
    """The workflows that events of one type may lead into.

    Attributes:
        gates: Their triggers, in the order in which they go.
        asks_profile: Whether the subscriber's profile is read to tell.
        needs: What is read of it, by the triggers and by the first steps after them.
        observed: Whether living runs want to observe events of the type.
        edition: Of which state of the index it is.
    """

    gates: Sequence[Gate]
    asks_profile: bool
    needs: Needs
    observed: bool
    edition: object


class Catalogue:
    """The published versions of one store. What it holds is immutable and found by number or by content hash."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stamp: int | None = None
        self._programs: dict[int, Program] = {}
        self._editions: dict[int, Edition] = {}
        self._templates: dict[str, CompiledTemplate | TemplateError] = {}
        self._subjects: dict[str, CompiledSubject | TemplateError] = {}
        self._index = TriggerIndex()
        self._indexed: dict[str, int] = {}
        self._edition: object = None
        self._changing = Lock()
        self._asking: dict[int, bool] = {}
        self._entrances: dict[str, Entrance] = {}
        self.listens = _NOBODY

    async def refresh(self, stamp: int | None = None) -> bool:
        """Read the published versions again where the stamp is another one; tell whether it was."""
        if stamp is not None and stamp == self._stamp:
            return False
        current, editions = await resolve("store.editions", self._store.editions())
        self._editions = {edition.number: edition for edition in editions}
        for edition in editions:
            if edition.number not in self._programs:
                self._programs[edition.number] = compile_workflow(load(edition.document), edition.number)
        self._register(self._programs[edition.number] for edition in editions if edition.live)
        self.listens = _NOBODY.union(*(self._programs[edition.number].listens for edition in editions))
        changed = self._stamp != current
        self._stamp = current
        return changed

    def _register(self, live: Iterable[Program]) -> None:
        """Bring the index to the live versions, by what has changed."""
        wanted = {
            program.workflow_id: program
            for program in live
            if program.workflow.active and program.workflow.trigger.active
        }
        with self._changing:
            self._edition = None
            for workflow_id in self._indexed.keys() - wanted.keys():
                self._index.remove(workflow_id)
                del self._indexed[workflow_id]
            for workflow_id, program in wanted.items():
                if self._indexed.get(workflow_id) != program.version:
                    self._index.add(Gate.of(workflow_id, program.version, program.workflow.trigger))
                    self._indexed[workflow_id] = program.version
            self._entrances = {}
            self._edition = object()

    def program(self, version: int) -> Program:
        """Look up the version that a run is pinned to."""
        return self._programs[version]

    def knows(self, version: int) -> bool:
        """Whether the version has been read."""
        return version in self._programs

    def entrance(self, event_type: str) -> Entrance:
        """Find the workflows that events of a type may lead into."""
        found = self._entrances.get(event_type)
        if found is None:
            with self._changing:
                found = self._open(event_type)
                if len(self._entrances) < _ENTRANCES_KEPT:
                    self._entrances[event_type] = found
        return found

    def matching(self, entrance: Entrance, event: Event, facts: Facts | None, moment: Moment) -> Sequence[Gate]:
        """Find the triggers of an entrance that match an event of its type, in the order in which they go."""
        if len(entrance.gates) > FEW and entrance.edition is self._edition:
            found = self._index.look_up(event, facts, moment)
            # Facts were read for these triggers: one that another thread publishes meanwhile would lack its own.
            if found is not None and entrance.edition is self._edition:
                return found
        return [gate for gate in entrance.gates if gate.matches(event, facts, moment)]

    def _open(self, event_type: str) -> Entrance:
        gates = self._index.candidates(event_type)
        asking = [gate for gate in gates if self._starts_on_facts(gate.version)]
        needs = together([gate.needs for gate in gates] + [self._programs[gate.version].needs for gate in asking])
        asks = bool(asking) or any(gate.asks_profile for gate in gates)
        return Entrance(gates, asks, needs, event_type in self.listens, self._edition)

    def _starts_on_facts(self, version: int) -> bool:
        if version not in self._asking:
            begun = decide(self._programs[version], State(), Started(), None, 0, run_id="", due=None)
            self._asking[version] = isinstance(begun, Asks)
        return self._asking[version]

    def live(self, workflow_id: str) -> Edition:
        """Look up the version that new runs of a workflow enter.

        Raises:
            UnknownWorkflow: No version of it is live.
        """
        for edition in self._editions.values():
            if edition.workflow_id == workflow_id and edition.live:
                return edition
        message = f"no version of workflow {workflow_id!r} is live; publish it first"
        raise UnknownWorkflow(message)

    async def template(self, version: int, template_id: str) -> CompiledTemplate | TemplateError | None:
        """Look up a template as the version pinned it; None where it was not found when the version was published."""
        digest = self._editions[version].templates.get(template_id)
        if digest is None:
            return None
        if digest not in self._templates:
            source = await resolve("store.source", self._store.source(digest))
            _keep(self._templates, digest, _compiled(source))
        return self._templates[digest]

    def subject(self, source: str) -> CompiledSubject | TemplateError:
        """Compile a send action's own subject, once."""
        if source not in self._subjects:
            try:
                _keep(self._subjects, source, compile_subject(source))
            except TemplateError as error:
                _keep(self._subjects, source, error)
        return self._subjects[source]


def _keep(kept: dict[str, T], key: str, value: T) -> None:
    """Keep a value, and let the oldest go where there are too many."""
    while len(kept) >= _TEMPLATES_KEPT:
        del kept[next(iter(kept))]
    kept[key] = value


def _compiled(source: str) -> CompiledTemplate | TemplateError:
    try:
        return compile_template(read_source(source))
    except TemplateError as error:
        return error


def write_source(template: Template) -> str:
    """Write a template as the text that is stored and hashed."""
    return _encode([template.template_id, template.subject, template.html, template.text])


def read_source(source: str) -> Template:
    """Read a stored template."""
    template_id, subject, html, text = json.loads(source)
    return Template(template_id, subject=subject, html=html, text=text)


async def edition_of(workflow: Workflow, templates: Templates | None) -> tuple[Edition, Mapping[str, str]]:
    """Make the edition of a workflow that is to be published, and the sources that it pins, by hash.

    The hash covers the definition and the templates, and not ``created_at``: the same content is the same version.
    """
    sources: dict[str, str] = {}
    pinned: dict[str, str] = {}
    if templates is not None:
        for template_id in sorted(_template_ids(workflow)):
            template = await resolve("templates.template", templates.template(template_id))
            if template is not None:
                source = write_source(template)
                pinned[template_id] = content_hash(source)
                sources[pinned[template_id]] = source
    timeless = dumps(evolve(workflow, created_at=None))
    digest = content_hash(_encode([timeless, pinned]))
    return Edition(workflow.workflow_id, 0, digest, dumps(workflow), pinned), sources


def _template_ids(workflow: Workflow) -> set[str]:
    return {
        action.do.template_id
        for node in workflow.nodes.values()
        for action in node.actions
        if isinstance(action.do, SendEmail)
    }
