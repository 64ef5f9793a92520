# ruff: noqa: S101, PLR2004 - these are tests, and what they expect are literals
"""Publication: the same content is the same version, and one of a workflow's versions is live."""

from __future__ import annotations

import pytest

from flowkit.errors import StoreError
from flowkit.testing.bench import NOW, Bench

__all__ = ["Versions"]


class Versions:
    """``publish``, ``editions``, ``source`` and the stamp."""

    def test_a_version_is_kept_as_it_was_given(self, bench: Bench) -> None:
        """Document, hash and templates come back, with the number that the store gave."""
        templates = {"hello": "0123", "grüße 😀": "4567"}
        stored = bench.publish("wörk", '{"name":"Ümlaut 😀"}', templates=templates)
        bench.reopen()
        [edition] = bench.editions()
        assert edition == stored
        assert edition.number > 0
        assert (edition.workflow_id, edition.document, edition.live) == ("wörk", '{"name":"Ümlaut 😀"}', True)
        assert dict(edition.templates) == templates

    def test_the_same_content_is_the_same_version(self, bench: Bench) -> None:
        """It keeps its number, be it live or not at the moment."""
        first = bench.publish(content="first")
        assert bench.publish(content="first") == first
        second = bench.publish(content="second")
        assert second.number != first.number
        bench.reopen()
        assert bench.publish(content="first") == first
        assert len(bench.editions()) == 2

    def test_the_same_content_of_two_workflows_is_two_versions(self, bench: Bench) -> None:
        """A version belongs to its workflow."""
        assert bench.publish("a", "same").number != bench.publish("b", "same").number
        assert [edition.live for edition in bench.editions()] == [True, True]

    def test_one_version_of_a_workflow_is_live(self, bench: Bench) -> None:
        """The one that was published last, be it old or new; other workflows are not touched."""
        first, other = bench.publish("w", "first"), bench.publish("other", "first")
        second = bench.publish("w", "second")
        assert bench.live() == {"w": second.number, "other": other.number}
        bench.publish("w", "first")
        bench.reopen()
        assert bench.live() == {"w": first.number, "other": other.number}

    def test_versions_with_living_runs_are_listed_by_number(self, bench: Bench) -> None:
        """A run finishes on the version that it entered."""
        numbers: list[int] = []
        for content in ("first", "second", "third"):
            numbers.append(bench.publish(content=content).number)
            bench.enter(content)
        bench.reopen()
        assert [edition.number for edition in bench.editions()] == sorted(numbers)
        assert [run.version for run in bench.runs()] == numbers

    def test_every_publication_moves_the_stamp(self, bench: Bench) -> None:
        """Whoever compiled what was published before sees that it has to look again."""
        stamps = [bench.stamp()]
        for content in ("first", "second", "first"):
            bench.publish(content=content)
            stamps.append(bench.stamp())
        bench.publish("other", "first")
        stamps.append(bench.stamp())
        assert len(set(stamps)) == len(stamps)

    def test_every_answer_bears_the_stamp(self, bench: Bench) -> None:
        """A recall bears it, of nobody, of strangers and of subscribers; and a claim does."""
        for content in ("first", "second"):
            bench.publish(content=content)
            bench.enter("s", content)
            bench.reopen()
            stamp = bench.stamp()
            assert bench.recall({}).stamp == stamp
            assert bench.recall({"stranger": ["1"]}).stamp == stamp
            assert bench.recall({"s": [], "stranger": []}).stamp == stamp
            claim = bench.held(NOW)
            assert claim.stamp == stamp
            bench.release(claim)

    def test_sources_are_found_by_their_hash(self, bench: Bench) -> None:
        """Those of all versions stay; the text comes back to the letter."""
        bench.publish(content="first", sources={"h1": "Hello {{ name }} – 😀\r\n", "h2": ""})
        bench.publish(content="second", sources={"h2": "", "h3": "third"})
        bench.reopen()
        assert [bench.source(digest) for digest in ("h1", "h2", "h3")] == ["Hello {{ name }} – 😀\r\n", "", "third"]

    def test_an_unknown_source_is_a_store_error(self, bench: Bench) -> None:
        """And not an empty text."""
        bench.publish(sources={"h1": "x"})
        with pytest.raises(StoreError):
            bench.source("h2")

    def test_only_what_changed_is_read_again(self, bench: Bench) -> None:
        """A version that came to be live, and the one whose place it took; not those of other workflows."""
        first = bench.publish("a", "{}")
        other = bench.publish("b", "{}")
        stamp = bench.stamp()
        assert bench.editions(stamp) == []
        assert [edition.number for edition in bench.editions(0)] == [first.number, other.number]
        second = bench.publish("a", '{"second":1}')
        bench.reopen()
        changed = bench.editions(stamp)
        assert [(edition.number, edition.live) for edition in changed] == [(first.number, False), (second.number, True)]
        stamp = bench.stamp()
        bench.publish("a", "{}")
        assert [(edition.number, edition.live) for edition in bench.editions(stamp)] == [
            (first.number, True),
            (second.number, False),
        ]
