"""Notes around calls: kept whole or refused, so that no call is made that nobody would know of."""

import errno
import os
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowkit.errors import StoreError
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.stores.sqlite.notes import NoteFile, read_notes

BUSY = Outcome(Result.RETRY, "busy")


@pytest.fixture
def notes(tmp_path):
    made = NoteFile(str(tmp_path / "shop.db-notes-1"))
    made.open()
    made.begin_claim("7")
    yield made
    made.close()


@contextmanager
def files_of_at_most(size):
    """Let no file of this process grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_noted_is_read(notes):
    for key, outcome in (("a", DONE), ("b", BUSY)):
        notes.begin(key)
        notes.settle(key, outcome)
    notes.begin("c")
    assert read_notes(notes.path, "7") == ({"a": DONE, "b": BUSY}, ["c"])
    assert read_notes(notes.path, "8") == ({}, [])


def test_a_durable_note_is_on_the_disk_before_the_call_and_so_is_the_name_of_its_file(notes, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink()))
    file = Path(notes.path)
    notes.begin("a")
    assert synced == []
    notes.begin("b", durable=True)
    notes.begin("c", durable=True)
    assert synced == [file, file.parent, file]
    assert read_notes(notes.path, "7") == ({}, ["c"])


def test_a_note_that_the_disk_does_not_take_is_an_error_of_the_store(notes, monkeypatch):
    def broken(file):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreError, match="a note could not be kept"):
        notes.begin("a", durable=True)


@pytest.mark.parametrize("room", range(0, 8, 3))
def test_a_note_that_finds_no_room_is_not_kept_in_part(notes, room):
    """The call is then not made, and the notes before it are read as they were."""
    notes.begin("a")
    notes.settle("a", DONE)
    notes.flush()
    before = read_notes(notes.path, "7")
    size = len("= 7\n? a\n!\n")
    with files_of_at_most(size + room), pytest.raises(StoreError, match="a note could not be kept"):
        notes.begin("a key that needs more room")
    assert read_notes(notes.path, "7") == before == ({"a": DONE}, [])
    notes.begin("b")
    assert read_notes(notes.path, "7") == ({"a": DONE}, ["b"])


def test_a_file_whose_last_note_finds_no_room_is_closed_all_the_same(notes):
    notes.begin("a")
    notes.settle("a", BUSY)
    with files_of_at_most(len("= 7\n? a\n")), pytest.raises(StoreError, match="a note could not be kept"):
        notes.close()
    with pytest.raises(StoreError, match="are closed"):
        notes.begin("b")


def test_a_file_that_cannot_be_made_is_an_error_of_the_store(tmp_path):
    with pytest.raises(StoreError, match="a note could not be kept"):
        NoteFile(str(tmp_path / "nowhere" / "notes")).open()


def test_notes_that_are_closed_take_none(notes):
    notes.close()
    with pytest.raises(StoreError, match="closed"):
        notes.begin("a")
