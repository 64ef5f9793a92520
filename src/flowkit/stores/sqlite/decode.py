"""Rows made into values: runs, states and names, with what was read before kept at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from flowkit.errors import StoreError
from flowkit.runs.model import Run, State, new_tuple
from flowkit.stores.rows import read_state
from flowkit.stores.sqlite.session import Session
from flowkit.stores.sqlite.shared import Shared

__all__ = ["Decoder"]

_STATES_KEPT: Final = 20_000


class Decoder:
    """Makes values of the rows that one session reads.

    What a host's transaction wrote may still be undone, so a joined session reads what is kept and keeps nothing.
    """

    def __init__(self, session: Session, shared: Shared) -> None:
        self._session = session
        self._shared = shared

    def number(self, name: str) -> int:
        """Give the number of a workflow.

        Raises:
            StoreError: It was never published here.
        """
        number = self._shared.workflows.get(name)
        if number is None:
            row = self._session.cursor.execute("SELECT id FROM flowkit_workflow WHERE name = ?", (name,)).fetchone()
            if row is None:
                message = f"workflow {name!r} was never published in this store"
                raise StoreError(message)
            number = int(row[0])
            if not self._session.joined:
                self._shared.workflows[name] = number
                self._shared.names[number] = name
        return number

    def _workflow_of(self, version: int) -> str:
        name = self._shared.workflow_of.get(version)
        if name is None:
            [name] = self._session.cursor.execute(
                "SELECT w.name FROM flowkit_edition e JOIN flowkit_workflow w ON w.id = e.workflow WHERE e.number = ?",
                (version,),
            ).fetchone()
            if not self._session.joined:
                self._shared.workflow_of[version] = name
        return str(name)

    def workflow(self, number: int) -> str:
        """Give the id of a workflow by its number."""
        name = self._shared.names.get(number)
        if name is None:
            [name] = self._session.cursor.execute(
                "SELECT name FROM flowkit_workflow WHERE id = ?", (number,)
            ).fetchone()
            if not self._session.joined:
                self._shared.names[number] = name
        return str(name)

    def runs(self, rows: Iterable[tuple[Any, ...]]) -> list[Run]:
        """Make runs of the rows of ``schema.RUN``."""
        states, workflow_of = self._shared.states, self._shared.workflow_of
        runs: list[Run] = []
        for handle, key, subscriber, version, entered, origin, place, due, sequence in rows:
            state = states.get(place) or self._state(place)
            workflow = workflow_of.get(version) or self._workflow_of(version)
            run = key.hex(), subscriber, workflow, version, entered, origin, state, due, sequence, handle
            runs.append(new_tuple(Run, run))
        return runs

    def _state(self, place: int | str) -> State:
        state = read_state(self.text(place))
        # A joined transaction may still be undone, and its phrases with it.
        if not self._session.joined and len(self._shared.states) < _STATES_KEPT:
            self._shared.states[place] = state
        return state

    def text(self, place: int | str) -> str:
        """Give the text that a row holds, or whose phrase it names."""
        # What the host's transaction wrote so far may still be undone, and its number then given to another text.
        return self._shared.phrases.text(place, self._phrase, committed=not self._session.joined)

    def _phrase(self, number: int) -> str:
        [text] = self._session.cursor.execute("SELECT text FROM flowkit_phrase WHERE id = ?", (number,)).fetchone()
        return str(text)
