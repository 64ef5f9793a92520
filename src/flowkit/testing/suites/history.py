# ruff: noqa: S101 - these are tests, and what they expect are literals
"""The past: kept in its order, read by type, fenced by its newest, and dropped where nobody reads it any more."""

from __future__ import annotations

from typing import Any, Final

from flowkit.events import HistoryNeed, Occurrence
from flowkit.ports import Refused
from flowkit.testing.bench import NOW, Bench

__all__ = ["History"]

_WINDOW: Final = 1_000
_VALUES: Final[tuple[Any, ...]] = (None, 0, False, True, 1, 1.5, "", "größe 😀", [], {}, [None], {"a": {"b": [1]}})
_ODD_NAMES: Final = ("visit", "o'hara", 'a"b', "[1]", "50%", "Größe 😀", "null", "0", "Visit")


def _at(*instants: int, kind: str = "visit") -> list[tuple[str, Occurrence]]:
    """Make events of one type, each with its place as its value."""
    return [(kind, Occurrence(instant, value=place)) for place, instant in enumerate(instants)]


def _add(
    bench: Bench,
    subscriber_id: str,
    *instants: int,
    kind: str = "visit",
    at: int = NOW,
    need: HistoryNeed | None = None,
) -> Refused:
    """Let events happen, of which as much is kept as is needed."""
    change = bench.change(subscriber_id, occurred=_at(*instants, kind=kind))
    return bench.commit(change, at=at, history={} if need is None else {kind: need})


def _instants(bench: Bench, subscriber_id: str = "s", kind: str = "visit") -> list[int]:
    """Read when those events happened that are kept; the two ways to read them agree."""
    past = bench.past(subscriber_id, types=[kind]).get(subscriber_id, {}).get(kind, [])
    recalled = bench.recalled(subscriber_id, history=[kind]).history.get(kind, ())
    assert list(recalled) == past
    return [occurrence.occurred_at for occurrence in past]


class History:
    """``history``, what ``recall`` tells of it, and ``occurred``, ``latest`` and ``history`` of what is committed."""

    # -- kept and read ------------------------------------------------------------------------------------------------

    def test_a_past_event_is_kept_as_it_was_given(self, bench: Bench) -> None:
        """Its value and properties to the type: True is not 1, and nothing is not empty."""
        occurred = [
            ("visit", Occurrence(NOW + number, value=value, properties=properties))
            for number, (value, properties) in enumerate(
                [
                    *((value, dict[str, Any]()) for value in _VALUES),
                    *((value, {"größe 😀": value, "b": 1}) for value in _VALUES),
                ]
            )
        ]
        bench.commit(bench.change("s", occurred=occurred))
        bench.reopen()
        expected = [occurrence for _, occurrence in occurred]
        [(kind, past)] = bench.recalled("s", history=["visit"]).history.items()
        assert kind == "visit"
        assert repr(list(past)) == repr(expected)
        assert repr(bench.past("s", types=["visit"])) == repr({"s": {"visit": expected}})

    def test_the_past_is_read_oldest_first(self, bench: Bench) -> None:
        """By when it happened; at the same instant, by the order in which it was written."""
        _add(bench, "s", NOW + 3, NOW, NOW + 1, NOW, -5)
        _add(bench, "s", NOW, NOW + 2, NOW + 3)
        bench.reopen()
        past = bench.past("s", types=["visit"])["s"]["visit"]
        assert [(one.occurred_at, one.value) for one in past] == [
            (-5, 4),
            (NOW, 1),
            (NOW, 3),
            (NOW, 0),
            (NOW + 1, 2),
            (NOW + 2, 1),
            (NOW + 3, 0),
            (NOW + 3, 2),
        ]
        assert list(bench.recalled("s", history=["visit"]).history["visit"]) == past

    def test_only_what_is_asked_for_is_read(self, bench: Bench) -> None:
        """Types and subscribers are told apart by the letter, and who has nothing is left out."""
        for number, name in enumerate(_ODD_NAMES):
            for place, kind in enumerate(_ODD_NAMES):
                _add(bench, name, NOW + number, NOW + 100 + place, kind=kind)
        bench.commit(bench.change("nobody", "1"))
        bench.reopen()
        for number, name in enumerate(_ODD_NAMES):
            for place, kind in enumerate(_ODD_NAMES):
                assert _instants(bench, name, kind) == [NOW + number, NOW + 100 + place]
        found = bench.past("visit", "null", "nobody", "stranger", types=["0", "Visit", "unknown"])
        assert {name: sorted(past) for name, past in found.items()} == {
            "visit": ["0", "Visit"],
            "null": ["0", "Visit"],
        }
        known = bench.recall({"visit": [], "nobody": [], "stranger": []}, history=["0", "unknown"]).subscribers
        assert {name: {kind for kind, past in one.history.items() if past} for name, one in known.items()} == {
            "visit": {"0"},
            "nobody": set(),
        }
        assert bench.past("visit", types=[]) == bench.past(types=["visit"]) == {}

    def test_nothing_of_the_past_is_read_where_none_is_wanted(self, bench: Bench) -> None:
        """Neither the events nor the number of the newest."""
        _add(bench, "s", NOW)
        assert bench.recalled("s").history == {}
        assert bench.recalled("s").latest == 0

    def test_the_newest_is_numbered_whatever_its_type(self, bench: Bench) -> None:
        """It is the one that was written last, not the one that happened last; and each subscriber has an own one."""
        bench.commit(bench.change("s", "1"))
        assert bench.recalled("s", history=["visit"]).latest == 0
        latest = [0]
        for instant, kind in ((NOW, "visit"), (NOW - 5, "visit"), (NOW - 9, "open"), (NOW + 9, "visit")):
            _add(bench, "s", instant, kind=kind)
            bench.reopen()
            latest.append(bench.recalled("s", history=["click"]).latest)
        assert latest == sorted(set(latest))
        _add(bench, "t", NOW)
        assert bench.recalled("s", history=["visit", "open"]).latest == latest[-1]
        assert bench.recalled("t", history=["visit"]).latest > 0
        assert bench.recalled("stranger", history=["visit"]).latest == 0

    def test_the_past_of_many_is_written_in_one_batch(self, bench: Bench) -> None:
        """Each with its own part, and each pruned by itself."""
        changes = [
            bench.change(f"s{number}", occurred=_at(*range(NOW, NOW - number % 7, -1), kind=f"k{number % 3}"))
            for number in range(150)
        ]
        assert not bench.commit(*changes, history={"k0": HistoryNeed(latest=3), "k1": HistoryNeed(window=2)})
        bench.reopen()
        past = bench.past(*(f"s{number}" for number in range(150)), types=["k0", "k1", "k2"])
        kept = {0: 3, 1: 2, 2: 7}
        assert {name: {kind: len(found) for kind, found in types.items()} for name, types in past.items()} == {
            f"s{number}": {f"k{number % 3}": min(number % 7, kept[number % 3])} for number in range(150) if number % 7
        }

    # -- fenced -------------------------------------------------------------------------------------------------------

    def test_of_two_readers_of_the_past_one_writes(self, bench: Bench) -> None:
        """What came since, of whatever type and however long ago it happened, refuses a change whole."""
        for kind, instant in (("visit", NOW + 1), ("open", NOW - 9)):
            name = f"s-{kind}"
            _add(bench, name, NOW)
            before = bench.recalled(name, history=["visit"])
            change = bench.change(name, "late", recalled=before, occurred=_at(NOW + 2))._replace(latest=before.latest)
            _add(bench, name, instant, kind=kind)
            bench.reopen()
            refused = bench.commit(change, bench.change(f"t-{kind}", "1", occurred=_at(NOW)))
            assert list(refused.subscriber_ids) == [name]
            assert bench.recalled(name, "late").seen == frozenset()
            assert NOW + 2 not in _instants(bench, name)
            assert _instants(bench, f"t-{kind}") == [NOW]
            again = bench.change(name, "late", occurred=_at(NOW + 2))
            assert not bench.commit(again._replace(latest=bench.recalled(name, history=["visit"]).latest))
            assert NOW + 2 in _instants(bench, name)

    def test_the_first_past_event_refuses_who_found_none(self, bench: Bench) -> None:
        """Be it of a subscriber who was known, or of a stranger."""
        bench.commit(bench.change("known", "0"))
        for name in ("known", "stranger"):
            before = bench.recalled(name, history=["visit"])
            changes = [
                bench.change(name, cause, recalled=before, occurred=_at(NOW))._replace(latest=before.latest)
                for cause in ("1", "2")
            ]
            assert not bench.commit(changes[0])
            bench.reopen()
            assert list(bench.commit(changes[1]).subscriber_ids) == [name]
            assert _instants(bench, name) == [NOW]

    def test_what_does_not_ask_for_the_past_is_not_refused_by_it(self, bench: Bench) -> None:
        """Nor does the past of others refuse anything."""
        _add(bench, "s", NOW)
        before = bench.recalled("s", history=["visit"])
        _add(bench, "t", NOW + 1)
        bench.reopen()
        fenced = bench.change("s", "1", recalled=before, occurred=_at(NOW + 2))._replace(latest=before.latest)
        assert not bench.commit(fenced)
        assert not bench.commit(bench.change("s", "2", recalled=before, occurred=_at(NOW + 3)))
        assert _instants(bench) == [NOW, NOW + 2, NOW + 3]

    def test_no_number_is_given_twice(self, bench: Bench) -> None:
        """What comes after the newest was dropped is newer than it was, for who has read it."""
        _add(bench, "s", NOW)
        before = bench.recalled("s", history=["visit"])
        later, need = NOW + _WINDOW, HistoryNeed(window=_WINDOW)
        _add(bench, "s", NOW - 1, at=later, need=need)
        assert _instants(bench) == []
        bench.reopen()
        _add(bench, "s", later, at=later, need=need)
        bench.reopen()
        assert bench.recalled("s", history=["visit"]).latest > before.latest
        late = bench.change("s", "late", recalled=before)._replace(latest=before.latest)
        assert list(bench.commit(late).subscriber_ids) == ["s"]

    def test_a_change_that_is_refused_leaves_the_past_as_it_was(self, bench: Bench) -> None:
        """It adds nothing, and nothing is dropped for it."""
        _add(bench, "s", NOW - 5, NOW - 3)
        before = bench.recalled("s")
        bench.commit(bench.change("s", "1"))
        twice = bench.change("s", "1", recalled=before, occurred=_at(NOW))
        other = bench.change("t", "1", occurred=_at(NOW))
        assert list(bench.commit(twice, other, history={"visit": HistoryNeed(latest=1)}).subscriber_ids) == ["s"]
        bench.reopen()
        assert _instants(bench) == [NOW - 5, NOW - 3]
        assert _instants(bench, "t") == [NOW]

    # -- dropped ------------------------------------------------------------------------------------------------------

    def test_an_event_is_dropped_when_exactly_the_window_has_passed(self, bench: Bench) -> None:
        """At one microsecond less it is still kept."""
        need = HistoryNeed(window=_WINDOW)
        _add(bench, "s", NOW - 1, NOW, NOW + 1, need=need)
        assert _instants(bench) == [NOW - 1, NOW, NOW + 1]
        _add(bench, "s", NOW + 2, at=NOW + _WINDOW - 1, need=need)
        bench.reopen()
        assert _instants(bench) == [NOW, NOW + 1, NOW + 2]
        _add(bench, "s", NOW + 3, at=NOW + _WINDOW, need=need)
        bench.reopen()
        assert _instants(bench) == [NOW + 1, NOW + 2, NOW + 3]

    def test_an_event_that_is_too_old_when_it_comes_is_not_kept(self, bench: Bench) -> None:
        """One that is just young enough is, and so is one of the future."""
        _add(bench, "s", NOW - _WINDOW - 1, NOW - _WINDOW, NOW - _WINDOW + 1, NOW + 5, need=HistoryNeed(window=_WINDOW))
        bench.reopen()
        assert _instants(bench) == [NOW - _WINDOW + 1, NOW + 5]

    def test_the_latest_are_kept(self, bench: Bench) -> None:
        """In whatever order they come: one that happened before all of them is not kept."""
        need = HistoryNeed(latest=3)
        _add(bench, "s", NOW + 5, NOW + 1, NOW + 3, NOW + 4, need=need)
        assert _instants(bench) == [NOW + 3, NOW + 4, NOW + 5]
        _add(bench, "s", NOW + 2, need=need)
        bench.reopen()
        assert _instants(bench) == [NOW + 3, NOW + 4, NOW + 5]
        _add(bench, "s", NOW + 9, -NOW, NOW + 4, need=need)
        bench.reopen()
        assert _instants(bench) == [NOW + 4, NOW + 5, NOW + 9]

    def test_of_the_same_instant_the_one_that_came_last_is_the_latest(self, bench: Bench) -> None:
        """As it is read after the others."""
        need = HistoryNeed(latest=2)
        _add(bench, "s", NOW, NOW, NOW, need=need)
        bench.reopen()
        assert [one.value for one in bench.past("s", types=["visit"])["s"]["visit"]] == [1, 2]
        _add(bench, "s", NOW, need=need)
        assert [one.value for one in bench.past("s", types=["visit"])["s"]["visit"]] == [2, 0]

    def test_window_and_latest_hold_together(self, bench: Bench) -> None:
        """What either of them drops is gone."""
        need = HistoryNeed(window=_WINDOW, latest=2)
        _add(bench, "s", NOW - 9, NOW - 8, NOW - 7, need=need)
        assert _instants(bench) == [NOW - 8, NOW - 7]
        _add(bench, "s", NOW - 9, at=NOW + _WINDOW - 8, need=need)
        bench.reopen()
        assert _instants(bench) == [NOW - 7]
        _add(bench, "s", NOW, NOW, at=NOW + _WINDOW - 8, need=need)
        assert _instants(bench) == [NOW, NOW]

    def test_only_what_was_written_is_looked_at(self, bench: Bench) -> None:
        """Other types of the subscriber and other subscribers are not, and a type without a need keeps all."""
        _add(bench, "s", NOW)
        _add(bench, "s", NOW, NOW, kind="open")
        _add(bench, "t", NOW)
        needs = {"visit": HistoryNeed(window=_WINDOW), "open": HistoryNeed(latest=1)}
        later = NOW + 10 * _WINDOW
        assert not bench.commit(
            bench.change("s", occurred=_at(NOW - 1, NOW - 2, kind="click")), at=later, history=needs
        )
        bench.reopen()
        assert [_instants(bench, kind=kind) for kind in ("visit", "open", "click")] == [
            [NOW],
            [NOW, NOW],
            [NOW - 2, NOW - 1],
        ]
        assert not bench.commit(bench.change("s", occurred=_at(later)), at=later, history=needs)
        bench.reopen()
        assert _instants(bench) == [later]
        assert _instants(bench, kind="open") == [NOW, NOW]
        assert _instants(bench, "t") == [NOW]

    def test_without_window_and_number_all_is_kept(self, bench: Bench) -> None:
        """A need that reads all of a type drops nothing of it; nor does one that reads more than there can be."""
        needs = [HistoryNeed(), HistoryNeed(window=10**20), HistoryNeed(latest=10**20)]
        for number, need in enumerate(needs):
            _add(bench, f"s{number}", -NOW, 0, NOW, at=2 * NOW, need=need)
            bench.reopen()
            assert _instants(bench, f"s{number}") == [-NOW, 0, NOW]
