"""What is published, made ready to be run, and looked at again when the store's stamp has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import Final

from attrs import frozen

from flowkit.conditions import NO_PREDICATES, Custom, Moment, Predicate, needs
from flowkit.conditions.walk import leaves
from flowkit.engine.drive import resolve
from flowkit.engine.sources import Sources
from flowkit.errors import UnknownWorkflow
from flowkit.events import NO_NEEDS, Event, Facts, HistoryNeed, Needs, together
from flowkit.ports import Edition, Hold, HoldKind, Store
from flowkit.rendering.engine import CompiledSubject, CompiledTemplate
from flowkit.rendering.model import TemplateError
from flowkit.runs.awaiting import awaited_types
from flowkit.runs.effects import Asks, Started
from flowkit.runs.model import State
from flowkit.runs.program import Program, aimed_types, compile_workflow
from flowkit.runs.step import Member, decide
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.index import FEW, TriggerIndex
from flowkit.triggers.model import On, TriggerType
from flowkit.workflows.codec import load
from flowkit.workflows.model import Workflow

__all__ = ["Catalogue", "is_open"]

_ENTRANCES_KEPT: Final = 10_000
_NOBODY: Final[frozenset[str]] = frozenset()
_NO_TYPE: Final = "~"


@frozen
class Wants:
    """What is read before triggers are asked.

    Attributes:
        profile: Whether the subscriber's profile is read.
        needs: What is read of it, and of the past.
        runs: Whether the subscriber's living runs are.
        totals: The workflows whose entries by all subscribers are.
        personal: Whether conditions read more than the profile: the past, a sample, or a host's predicate.
        window: How long ago runs were entered that have ended and are wanted as well, since their goals are counted
            on, in microseconds; 0 where none are.
    """

    profile: bool = False
    needs: Needs = NO_NEEDS
    runs: bool = False
    totals: frozenset[str] = _NOBODY
    personal: bool = False
    window: int = 0

    def __or__(self, other: Wants) -> Wants:
        return Wants(
            self.profile or other.profile,
            self.needs | other.needs,
            self.runs or other.runs,
            self.totals | other.totals,
            self.personal or other.personal,
            max(self.window, other.window),
        )


NO_WANTS: Final = Wants()


@frozen(eq=False)
class Entrance:
    """The workflows that events of one type may lead into.

    Attributes:
        gates: Their triggers, in the order in which they go.
        wants: What is read for the triggers, for the first steps after them, and for living runs.
        observed: Whether living runs want to observe events of the type.
    """

    gates: Sequence[Gate]
    wants: Wants
    observed: bool


class Catalogue:
    """The published versions of one store. What it holds is immutable and found by number or by content hash.

    Attributes:
        predicates: The host's own conditions, by name.
        listens: The event types that any run may want to observe.
        kept: How much is kept of past events, by type.
        limits: The most entries of all subscribers together, by workflow.
        timed: The triggers on ``enter`` whose condition may change as time passes.
        at_looks: The workflows into which a look at a subscriber may lead, with no event of its own.
        at_changes: Likewise, where the profile was changed.
        personal: The triggers that read more than the profile, in their conditions or their filters.
        watchful: Whether anything was ever published that has to be looked at, whatever the event is.
        watching: Whether runs of any version may wait for a condition, so that they are looked at as well.
        steady: Held while anything here changes: whoever holds it sees one state of what is published.
        holds: What is ordered for workflows instead of their usual course, by id.
        edition: Counts the changes of what is published.
        stamp: The store's stamp when that was read; None before anything was.
        planned: For which of them the sweeps have been planned.
        controlled: For which of them all runs have been brought to what was ordered.
    """

    def __init__(self, store: Store, predicates: Mapping[str, Predicate] = NO_PREDICATES) -> None:
        self._store = store
        self.predicates = predicates
        self.stamp: int | None = None
        self._programs: dict[int, Program] = {}
        self._editions: dict[int, Edition] = {}
        self._sources = Sources(store)
        self._index = TriggerIndex()
        self._levels = TriggerIndex()
        self._changes = TriggerIndex()
        self._gates: dict[str, Gate] = {}
        self._special: dict[str, Gate] = {}
        self._live: dict[str, Edition] = {}
        self._remembering: dict[int, Needs] = {}
        self.steady = RLock()
        self._patient: set[str] = set()
        self._asking: dict[int, bool] = {}
        self._entrances: dict[str, Entrance] = {}
        self._always = self._on_change = NO_WANTS
        self._asking_host: Sequence[Gate] = ()
        self.listens = _NOBODY
        self.kept: Mapping[str, HistoryNeed] = {}
        self.limits: Mapping[str, int] = {}
        self.timed: Sequence[Gate] = ()
        self.personal: Sequence[Gate] = ()
        self.at_looks = self.at_changes = Entrance((), NO_WANTS, observed=False)
        self.watchful = self.watching = False
        self._awaiting: dict[str, Wants] = {}
        self._watched = NO_WANTS
        self.holds: Mapping[str, Hold] = {}
        self.edition = 0
        self.planned = 0
        self.controlled = 0

    async def refresh(self, stamp: int | None = None) -> None:
        """Read what was published since, where the stamp is another one."""
        while stamp is None or stamp != self.stamp:
            since = self.stamp
            current, editions = await resolve("store.editions", self._store.editions(since or 0))
            with self.steady:
                # Another thread may have read further meanwhile: what it did is not undone.
                if self.stamp == since:
                    self._take(editions)
                    self.stamp = current
                    return
            stamp = current if stamp is None else stamp

    def _take(self, editions: Sequence[Edition]) -> None:
        if not editions:
            return
        # Nobody is in a draft, and nobody comes.
        editions = [edition for edition in editions if edition.live or edition.published is not None]
        for edition in editions:
            if edition.number not in self._programs:
                program = compile_workflow(load(edition.document), edition.number, self.predicates)
                self._programs[edition.number] = program
                self._listen(program)
                trigger = program.workflow.trigger
                # For good: an entry that a former version let wait is asked again as well.
                self.watchful = self.watchful or trigger.on is not On.EVENT or bool(trigger.entry.grace)
                if trigger.entry.grace:
                    self._patient.add(edition.workflow_id)
                if program.needs.history:
                    self._remembering[edition.number] = program.needs
            self._editions[edition.number] = edition
        self._register(editions)
        self.edition += 1

    def _register(self, editions: Iterable[Edition]) -> None:
        """Bring the index to the live versions, by what has changed."""
        coming: dict[str, Gate] = {}
        for edition in editions:
            program = self._programs[edition.number]
            known = self._gates.get(edition.workflow_id)
            if known is not None and (edition.live or known.version == edition.number):
                self._take_out(known)
            if edition.live:
                self._live[edition.workflow_id] = edition
                self._hold(edition)
                if is_open(edition, program):
                    gate = Gate.of(edition.workflow_id, edition.number, program.workflow.trigger)
                    coming[edition.workflow_id] = self._gates[edition.workflow_id] = gate
                    if not gate.is_plain:
                        self._special[edition.workflow_id] = gate
        # What they ask for is read before they are found.
        self._survey()
        # Those that go last come first, as an index likes them.
        for gate in sorted(coming.values(), key=lambda one: one.rank, reverse=True):
            with self.steady:
                self._turn(gate)
                if (index := self._index_of(gate)) is not None:
                    index.add(gate)

    def _hold(self, edition: Edition) -> None:
        holds = {name: hold for name, hold in self.holds.items() if name != edition.workflow_id}
        if edition.hold is not None:
            holds[edition.workflow_id] = edition.hold
        self.holds = holds

    def _take_out(self, gate: Gate) -> None:
        with self.steady:
            self._turn(gate)
            del self._gates[gate.workflow_id]
            self._special.pop(gate.workflow_id, None)
            if (index := self._index_of(gate)) is not None:
                index.remove(gate.workflow_id)

    def _turn(self, gate: Gate) -> None:
        """Forget the entrances that a trigger that comes or goes concerns."""
        if gate.types is None:
            self._entrances = {}
            return
        for kind in gate.types:
            self._entrances.pop(kind, None)

    def _index_of(self, gate: Gate) -> TriggerIndex | None:
        if gate.by_event:
            return self._index
        if gate.trigger.trigger_type is TriggerType.TIME_BASED or _asks_host(gate):
            return None
        return self._levels if gate.trigger.on is On.ENTER else self._changes

    def _survey(self) -> None:
        """Note what the triggers that are not plain ask for, whatever the event is."""
        gates = self._special.values()
        levels = [gate for gate in gates if gate.trigger.on is On.ENTER]
        changes = [gate for gate in gates if gate.trigger.on is On.CHANGE]
        patient = [gate for name in sorted(self._patient) if (gate := self._gates.get(name)) is not None]
        self.timed = [gate for gate in levels if gate.timed]
        self.personal = [gate for gate in gates if gate.personal]
        self.limits = {
            gate.workflow_id: limit for gate in gates if (limit := gate.trigger.max_executions_total) is not None
        }
        # Not in an index: a host's predicate is told whether there is an event.
        self._asking_host = [gate for gate in (*levels, *changes) if _asks_host(gate)]
        self._on_change = self.wants(*changes)
        always = self.wants(*levels, *patient)
        read = [*self._remembering.values(), *(gate.needs for gate in gates)]
        self.kept = together(read).history
        with self.steady:
            self.at_looks = Entrance(levels, always, observed=False)
            self.at_changes = Entrance([*levels, *changes], always | self._on_change, observed=False)
            if always != self._always:
                self._always = always
                self._entrances = {}

    def _listen(self, program: Program) -> None:
        """Note what the runs of a version want to observe, and what is read for those that may go on then."""
        self._await(program)
        new = program.listens - self.listens
        if new:
            with self.steady:
                self.listens |= new
                for kind in new:
                    self._entrances.pop(kind, None)

    def _await(self, program: Program) -> None:
        aims = program.aims
        if not (program.posts or aims):
            return
        wants = Wants(bool(program.needs) or program.personal, program.needs, runs=True, personal=program.personal)
        with self.steady:
            self._entrances = {}
            for kind in frozenset(kind for post in program.posts for kind in awaited_types(post.wait)):
                self._awaiting[kind] = self._awaiting.get(kind, NO_WANTS) | wants
            for kind in aimed_types(aims):
                # Where such an event ends a run, nothing is decided that would read more.
                asked = together(needs(one.event) for one in aims if one.event is not None)
                window = program.window if kind in program.measures else 0
                own = Wants(bool(asked), asked, runs=True, window=window)
                self._awaiting[kind] = self._awaiting.get(kind, NO_WANTS) | own
            if program.watches:
                self.watching = True
                self._watched |= wants

    def wants(self, *gates: Gate) -> Wants:
        """Say what is read before triggers are asked, and for the first steps after them."""
        asking = [self._programs[gate.version] for gate in gates if self._starts_on_facts(gate.version)]
        return Wants(
            bool(asking) or any(gate.asks_profile for gate in gates),
            together([gate.needs for gate in gates] + [program.needs for program in asking]),
            any(gate.asks_runs for gate in gates),
            frozenset(gate.workflow_id for gate in gates if gate.workflow_id in self.limits),
            any(gate.personal for gate in gates) or any(program.personal for program in asking),
        )

    def wants_of_look(self, *, changed: bool) -> Wants:
        """Say what is read before a subscriber is looked at without an event, be it that the profile was changed."""
        return self._always | self._on_change | self._watched if changed else self._always

    def gate(self, workflow_id: str) -> Gate | None:
        """Look up the trigger of a workflow that may be entered; None where it may not."""
        return self._gates.get(workflow_id)

    def live_workflows(self) -> list[Workflow]:
        """Give the workflows that are live, the inactive ones among them, by their ids."""
        with self.steady:
            return [self._programs[edition.number].workflow for _, edition in sorted(self._live.items())]

    def is_live(self, workflow_id: str) -> bool:
        """Whether a version of a workflow is live, be it that nobody may enter it."""
        return workflow_id in self._live

    def swept(self) -> Sequence[Gate]:
        """Give the triggers whose audience is gone through: those by the clock, and those on ``enter``."""
        return [
            gate for gate in self._special.values() if gate.trigger.schedule is not None or gate.trigger.on is On.ENTER
        ]

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
            with self.steady:
                found = self._open(event_type)
                if len(self._entrances) < _ENTRANCES_KEPT:
                    self._entrances[event_type] = found
        return found

    def matching(self, entrance: Entrance, event: Event, facts: Facts | None, moment: Moment) -> Sequence[Gate]:
        """Find the triggers of an entrance that match an event of its type, in the order in which they go."""
        if len(entrance.gates) > FEW and self._entrances.get(event.type) is entrance:
            found = self._index.look_up(event, facts, moment)
            # Facts were read for these triggers: one that another thread publishes meanwhile would lack its own.
            if found is not None and self._entrances.get(event.type) is entrance:
                return found
        return [gate for gate in entrance.gates if gate.matches(event, facts, moment)]

    def holding(self, subscriber_id: str, event: Event | None, facts: Facts, moment: Moment) -> Sequence[Gate]:
        """Find the triggers on ``enter`` whose condition holds, with an event at hand or without."""
        return self._found(On.ENTER, subscriber_id, event, facts, moment)

    def changing(self, subscriber_id: str, facts: Facts, moment: Moment) -> Sequence[Gate]:
        """Find the triggers on ``change`` whose condition holds."""
        return self._found(On.CHANGE, subscriber_id, None, facts, moment)

    def _found(self, on: On, subscriber_id: str, event: Event | None, facts: Facts, moment: Moment) -> Sequence[Gate]:
        index = self._levels if on is On.ENTER else self._changes
        found: list[Gate] = []
        if event is not None:
            found += index.matching(event, facts, moment)
        elif len(index):
            # To the index an event of no type and without properties is as good as none.
            nothing = Event(_NO_TYPE, subscriber_id)
            found += [gate for gate in index.matching(nothing, facts, moment) if gate.types is None]
        found += [gate for gate in self._asking_host if gate.trigger.on is on and gate.test(event, facts, moment)]
        return found

    def _open(self, event_type: str) -> Entrance:
        gates = self._index.candidates(event_type)
        observed = event_type in self.listens or self.watching
        awaited = self._awaiting.get(event_type, NO_WANTS) | self._watched
        wants = self._always | self.wants(*gates) | awaited | Wants(runs=observed)
        return Entrance(gates, wants, observed)

    def _starts_on_facts(self, version: int) -> bool:
        if version not in self._asking:
            begun = decide(self._programs[version], State(), Started(), None, 0, Member("", None, 0))
            self._asking[version] = isinstance(begun, Asks)
        return self._asking[version]

    def live(self, workflow_id: str) -> Edition:
        """Look up the version that new runs of a workflow enter.

        Raises:
            UnknownWorkflow: No version of it is live.
        """
        if workflow_id in self._live:
            return self._live[workflow_id]
        message = f"no version of workflow {workflow_id!r} is live; publish it first"
        raise UnknownWorkflow(message)

    async def template(self, version: int, template_id: str) -> CompiledTemplate | TemplateError | None:
        """Look up a template as the version pinned it; None where it was not found when the version was published."""
        digest = self._editions[version].templates.get(template_id)
        return None if digest is None else await self._sources.template(digest)

    def has_open_links(self, version: int, template_id: str) -> bool:
        """Whether a template that was looked up has web links that are known only when it is rendered."""
        return self._sources.has_open_links(self._editions[version].templates[template_id])

    def subject(self, source: str, template: CompiledTemplate | None = None) -> CompiledSubject | TemplateError:
        """Compile a send action's own subject, once; the fallbacks of its template are its own."""
        return self._sources.subject(source, template)


def is_open(edition: Edition, program: Program) -> bool:
    """Whether the live version of a workflow may be entered."""
    active = program.workflow.active and program.workflow.trigger.active
    return active and (edition.hold is None or edition.hold.kind is HoldKind.PAUSE)


def _asks_host(gate: Gate) -> bool:
    return any(isinstance(leaf, Custom) for leaf in leaves(gate.trigger.condition))
