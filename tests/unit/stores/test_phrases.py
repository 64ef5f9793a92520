"""Texts that many rows share are written once, and known to others when they are committed."""

import pytest

from flowkit.runs.effects import Effect
from flowkit.runs.model import Entry, Kind, State, Waiting
from flowkit.stores.phrases import Phrases, Texts
from flowkit.stores.rows import write_entries, write_state


class Table:
    """Where phrases are written."""

    def __init__(self):
        self.texts = {}
        self.reads = 0

    def write(self, text):
        self.texts[len(self.texts) + 1] = text
        return len(self.texts)

    def read(self, number):
        self.reads += 1
        return self.texts[number]


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def phrases():
    return Phrases()


def test_a_text_for_many_rows_is_a_phrase_at_once(phrases, table):
    assert phrases.place("same", 2, table.write) == 1
    assert phrases.place("same", 1, table.write) == 1
    assert table.texts == {1: "same"}


def test_a_text_for_one_row_is_a_phrase_the_second_time(phrases, table):
    assert phrases.place("a", 1, table.write) == "a"
    assert phrases.place("b", 1, table.write) == "b"
    assert phrases.place("a", 1, table.write) == 1
    assert table.texts == {1: "a"}


def test_a_long_text_is_never_a_phrase(phrases, table):
    text = "x" * 2_001
    assert [phrases.place(text, 100, table.write) for _ in range(3)] == [text] * 3
    assert phrases.place("x" * 2_000, 2, table.write) == 1


def test_a_roll_back_forgets_what_was_added_and_nothing_else(phrases, table):
    phrases.place("kept", 2, table.write)
    phrases.committed()
    phrases.place("undone", 2, table.write)
    phrases.rolled_back()
    del table.texts[2]
    assert phrases.place("other", 2, table.write) == 2
    phrases.committed()
    assert phrases.place("undone", 2, table.write) == 3
    assert [phrases.text(number, table.read, committed=True) for number in (1, 2, 3)] == ["kept", "other", "undone"]


def test_what_is_not_committed_is_known_by_its_text_within_the_transaction(phrases, table):
    phrases.place("new", 2, table.write)
    assert phrases.place("new", 2, table.write) == 1
    assert phrases._texts == {}


def test_a_text_of_its_own_is_read_from_its_row(phrases, table):
    assert phrases.text("[0]", table.read, committed=True) == "[0]"
    assert table.reads == 0


def test_an_unknown_phrase_is_read_once(phrases, table):
    number = table.write("elsewhere")
    assert [phrases.text(number, table.read, committed=True) for _ in range(3)] == ["elsewhere"] * 3
    assert table.reads == 1
    assert phrases.place("elsewhere", 1, table.write) == number


def test_nothing_is_learnt_from_what_may_still_be_undone(phrases, table):
    number = table.write("perhaps")
    assert [phrases.text(number, table.read, committed=False) for _ in range(2)] == ["perhaps"] * 2
    assert table.reads == 2
    assert phrases.place("perhaps", 2, table.write) == 2


def test_phrases_of_the_database_are_learnt(phrases, table):
    phrases.learn([(7, "a"), (9, "b")])
    assert phrases.place("b", 1, table.write) == 9
    assert phrases.text(7, table.read, committed=True) == "a"
    assert (table.texts, table.reads) == ({}, 0)


def test_memory_is_bounded(phrases, table):
    """When enough phrases are known, other texts stand in their rows."""
    phrases.learn((number, f"text {number}") for number in range(1, 20_001))
    assert phrases.place("one more", 1_000, table.write) == "one more"
    assert phrases.place("text 5", 1, table.write) == 5
    number = table.write("elsewhere")
    assert phrases.text(number + 30_000, lambda _: "elsewhere", committed=True) == "elsewhere"
    assert len(phrases._texts) == 20_000
    for number in range(30_000):
        phrases.place(f"once {number}", 1, table.write)
    assert len(phrases._once) <= 20_000


# ------------------------------------------------------------------------------------------------------------
# Texts


def test_texts_are_those_of_the_rows():
    texts = Texts()
    state = State(node="n", pending=Effect("n", 1, 0, "a"))
    entries = (Entry(Kind.ENTERED, "n", None, {"trigger": "t"}),)
    for _ in range(2):
        assert texts.state(state) == write_state(state)
        assert texts.entries(entries) == write_entries(entries)


def test_equal_states_have_one_text():
    texts = Texts()
    one, other = (State(node="n", waiting=Waiting.TURN) for _ in range(2))
    assert texts.state(one) is texts.state(other)


def test_entries_are_known_by_who_they_are_and_not_by_their_place_in_memory():
    """A tuple whose place in memory is given to another one must not lend it its text."""
    texts = Texts()
    for number in range(1_000):
        entries = (Entry(Kind.OBSERVED, "n", None, {"count": number}),)
        assert texts.entries(entries) == write_entries(entries)
        del entries


def test_many_texts_are_forgotten_together():
    texts = Texts()
    for number in range(20_001):
        texts.state(State(node=str(number)))
        texts.entries((Entry(Kind.LEFT, str(number)),))
    assert len(texts._states) <= 20_000
    assert len(texts._entries) <= 20_000
    assert texts.state(State(node="0")) == '[0,"0"]'
