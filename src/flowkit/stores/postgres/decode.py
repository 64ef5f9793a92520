"""Rows made into values: runs, states and names, with what was read before kept at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flowkit.errors import StoreError
from flowkit.runs.model import Run, State
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link, Row
from flowkit.stores.postgres.shared import Shared
from flowkit.stores.rows import read_state

__all__ = ["Decoder"]

_STATES_KEPT: Final = 20_000


class Decoder:
    """Makes values of rows.

    What a host's transaction wrote may still be undone, so what is read in one is not kept.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def number(self, link: Link, name: str) -> int:
        """Give the number of a workflow.

        Raises:
            StoreError: It was never published here.
        """
        number = self._shared.workflows.get(name)
        if number is None:
            row = link.row("SELECT id FROM flowkit.workflow WHERE name = %s", name)
            if row is None:
                message = f"workflow {name!r} was never published in this store"
                raise StoreError(message)
            number = int(row[0])
            if not link.joined:
                self._shared.workflows[name] = number
                self._shared.names[number] = name
        return number

    def workflow(self, link: Link, number: int) -> str:
        """Give the id of a workflow by its number."""
        name = self._shared.names.get(number)
        if name is None:
            [(name,)] = link.rows("SELECT name FROM flowkit.workflow WHERE id = %s", number)
            if not link.joined:
                self._shared.names[number] = name
        return str(name)

    def _workflow_of(self, link: Link, version: int) -> str:
        name = self._shared.workflow_of.get(version)
        if name is None:
            [(name,)] = link.rows(
                "SELECT w.name FROM flowkit.edition e JOIN flowkit.workflow w ON w.id = e.workflow WHERE e.number = %s",
                version,
            )
            if not link.joined:
                self._shared.workflow_of[version] = name
        return str(name)

    def runs(self, link: Link, rows: list[Row]) -> list[Run]:
        """Make runs of the rows of ``statements.RUN``."""
        states, workflow_of = self._shared.states, self._shared.workflow_of
        unknown = {row[6] for row in rows if row[6] is not None and row[6] not in states}
        texts = self._phrases(link, unknown)
        runs: list[Run] = []
        for handle, key, subscriber, version, entered, origin, phrase, text, due, sequence in rows:
            place = text if phrase is None else phrase
            state = states.get(place) or self._state(link, place, texts)
            workflow = workflow_of.get(version) or self._workflow_of(link, version)
            runs.append(Run(key.hex(), subscriber, workflow, version, entered, origin, state, due, sequence, handle))
        return runs

    def _state(self, link: Link, place: int | str, texts: dict[int, str]) -> State:
        state = read_state(self._text(link, place, texts))
        if not link.joined and len(self._shared.states) < _STATES_KEPT:
            self._shared.states[place] = state
        return state

    def texts(self, link: Link, places: Iterable[tuple[int | None, str | None]]) -> list[str]:
        """Give the texts that rows hold, each the number of a phrase or the text itself."""
        places = list(places)
        texts = self._phrases(link, {phrase for phrase, _ in places if phrase is not None})
        return [self._text(link, text or "" if phrase is None else phrase, texts) for phrase, text in places]

    def _text(self, link: Link, place: int | str, texts: dict[int, str]) -> str:
        return self._shared.phrases.text(place, texts.__getitem__, committed=not link.joined)

    def _phrases(self, link: Link, numbers: set[int]) -> dict[int, str]:
        """Read those phrases that are not at hand, all at once."""
        missing = [number for number in numbers if not self._shared.phrases.knows(number)]
        return dict(link.rows(sql.PHRASES, missing)) if missing else {}
