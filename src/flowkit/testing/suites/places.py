# ruff: noqa: S101 - these are tests, and what they expect are literals
"""Places under frequency caps, and the buckets of rate limits: no two workers take the last one."""

from __future__ import annotations

from flowkit.ports import Bucket, Cap, Full, Reservation
from flowkit.runs.turns import Turns
from flowkit.testing.bench import NOW, Bench

__all__ = ["Places"]

_DAY = 86_400_000_000


def _cap(most: int = 1, *, name: str = "few", at: int = NOW, per: int = _DAY) -> Cap:
    """Make a cap over a rolling time, as it is asked for at an instant."""
    return Cap(name, most, at - per, at + per)


def _asked(key: str, subscriber_id: str, *caps: Cap) -> Reservation:
    return Reservation(key, subscriber_id, caps)


class Places:
    """``reserve`` and ``unreserve``, ``bucket`` and ``put_bucket``."""

    def test_places_are_taken_until_there_are_none(self, bench: Bench) -> None:
        """In order, within one batch and from one to the next."""
        assert bench.reserve(
            _asked("a:1", "ada", _cap(2)), _asked("a:2", "ada", _cap(2)), _asked("a:3", "ada", _cap(2))
        ) == [
            [],
            [],
            [Full("few", 2, NOW)],
        ]
        bench.reopen()
        assert bench.reserve(_asked("a:4", "ada", _cap(2))) == [[Full("few", 2, NOW)]]

    def test_places_are_of_one_subscriber_and_of_one_cap(self, bench: Bench) -> None:
        """Who shares neither is not in the way."""
        assert bench.reserve(_asked("a:1", "ada", _cap()), _asked("b:1", "bob", _cap())) == [[], []]
        assert bench.reserve(_asked("a:2", "ada", _cap(name="other"))) == [[]]

    def test_a_message_finds_its_own_place(self, bench: Bench) -> None:
        """Asked again under its key, it takes no other one; and it has it as of then."""
        assert bench.reserve(_asked("a:1", "ada", _cap())) == [[]]
        bench.reopen()
        later = NOW + _DAY // 2
        assert bench.reserve(_asked("a:1", "ada", _cap(at=later)), at=later) == [[]]
        assert bench.reserve(_asked("a:2", "ada", _cap(at=later)), at=later) == [[Full("few", 1, later)]]
        at = NOW + _DAY
        assert bench.reserve(_asked("a:2", "ada", _cap(at=at)), at=at) == [[Full("few", 1, later)]]

    def test_a_place_does_not_go_back(self, bench: Bench) -> None:
        """A worker whose clock is behind may take over from one whose message went out."""
        assert bench.reserve(_asked("a:1", "ada", _cap())) == [[]]
        assert bench.reserve(_asked("a:1", "ada", _cap(at=NOW - 9)), at=NOW - 9) == [[]]
        bench.reopen()
        at = NOW + _DAY - 1
        assert bench.reserve(_asked("a:2", "ada", _cap(at=at)), at=at) == [[Full("few", 1, NOW)]]
        assert bench.reserve(_asked("a:1", "ada", Cap("few", 1, 0, NOW + 5)), at=NOW + 3) == [[]]
        assert bench.reserve(_asked("b:1", "bob", _cap()), at=NOW + 6) == [[]]
        assert bench.reserve(_asked("a:2", "ada", Cap("few", 1, 0, NOW)), at=NOW + 6) == [[Full("few", 1, NOW + 3)]]

    def test_a_place_is_free_when_its_time_is_over(self, bench: Bench) -> None:
        """At the very instant, and not before; who makes room first is told."""
        for number, at in enumerate((NOW, NOW + 10, NOW + 20)):
            assert bench.reserve(_asked(f"a:{number}", "ada", _cap(3, at=at)), at=at) == [[]]
        bench.reopen()
        at = NOW + _DAY - 1
        assert bench.reserve(_asked("a:3", "ada", _cap(3, at=at)), at=at) == [[Full("few", 3, NOW)]]
        assert bench.reserve(_asked("a:3", "ada", _cap(2, at=at)), at=at) == [[Full("few", 3, NOW + 10)]]
        at = NOW + _DAY
        assert bench.reserve(_asked("a:3", "ada", _cap(3, at=at)), at=at) == [[]]
        assert bench.reserve(_asked("a:4", "ada", _cap(3, at=at)), at=at) == [[Full("few", 3, NOW + 10)]]

    def test_all_caps_have_room_or_none_is_taken(self, bench: Bench) -> None:
        """Every one that is full is told."""
        daily, weekly = _cap(1, name="daily"), _cap(2, name="weekly", per=7 * _DAY)
        assert bench.reserve(_asked("a:1", "ada", daily, weekly), _asked("a:2", "ada", daily, weekly)) == [
            [],
            [Full("daily", 1, NOW)],
        ]
        assert bench.reserve(_asked("a:3", "ada", weekly)) == [[]]
        assert bench.reserve(_asked("a:4", "ada", daily, weekly)) == [[Full("daily", 1, NOW), Full("weekly", 2, NOW)]]

    def test_what_is_given_back_is_free(self, bench: Bench) -> None:
        """Under all caps; to give back what nobody has changes nothing."""
        both = (_cap(), _cap(name="other"))
        assert bench.reserve(_asked("a:1", "ada", *both), _asked("b:1", "bob", *both)) == [[], []]
        bench.reopen()
        bench.unreserve("a:1", "nobody")
        bench.unreserve("a:1")
        bench.reopen()
        assert bench.reserve(_asked("a:2", "ada", *both), _asked("b:2", "bob", *both)) == [
            [],
            [Full("few", 1, NOW), Full("other", 1, NOW)],
        ]

    def test_what_nobody_asks_about_is_forgotten(self, bench: Bench) -> None:
        """After its ``until``, and not before, whatever is asked by then; one that was taken again has a later one."""
        assert bench.reserve(
            _asked("a:1", "ada", Cap("few", 9, 0, NOW + 10)), _asked("a:2", "ada", Cap("few", 9, 0, NOW + 20))
        ) == [
            [],
            [],
        ]
        assert bench.reserve(_asked("a:1", "ada", Cap("few", 9, 0, NOW + 30)), at=NOW + 5) == [[]]
        bench.reopen()
        assert bench.reserve(_asked("b:1", "bob", _cap()), at=NOW + 19) == [[]]
        assert bench.reserve(_asked("a:3", "ada", Cap("few", 1, 0, NOW + 99)), at=NOW + 19) == [
            [Full("few", 2, NOW + 5)]
        ]
        assert bench.reserve(_asked("a:3", "ada", Cap("few", 1, 0, NOW + 99)), at=NOW + 20) == [
            [Full("few", 1, NOW + 5)]
        ]
        assert bench.reserve(_asked("a:3", "ada", Cap("few", 1, 0, NOW + 99)), at=NOW + 30) == [[]]

    def test_a_bucket_is_written_by_who_read_it_last(self, bench: Bench) -> None:
        """Of two who read the same, the second is refused, and reads again."""
        assert bench.bucket("mail") == Bucket("mail")
        first = bench.bucket("mail")
        assert bench.put_bucket(first._replace(turns=Turns(NOW, 3, 2, -1)))
        assert not bench.put_bucket(first._replace(turns=Turns(NOW, 9, 8, 7)))
        bench.reopen()
        second = bench.bucket("mail")
        assert second.turns == Turns(NOW, 3, 2, -1)
        assert bench.put_bucket(second._replace(turns=Turns(NOW + 5, 2**40, 7, 6)))
        assert not bench.put_bucket(second._replace(turns=Turns(0, 0, 0, 0)))
        assert bench.bucket("mail").turns == Turns(NOW + 5, 2**40, 7, 6)
        assert bench.bucket("other") == Bucket("other")
