# ruff: noqa: S101 - these are tests, and what they expect are literals
"""Orders: what is held of a workflow, drafts, who is alive where, and writes that depend on all that."""

from __future__ import annotations

import pytest
from attrs import evolve

from flowkit.errors import StoreError
from flowkit.ports import Hold, HoldKind, Living, Move
from flowkit.runs.effects import PauseClock
from flowkit.runs.model import Pause, State, Status
from flowkit.testing.bench import DONE_STATE, NOW, SENDING, WAITING, Bench

__all__ = ["Orders"]

_PAUSE = Hold(HoldKind.PAUSE, NOW, clock=PauseClock.RUN)
_STOP = Hold(HoldKind.STOP, -NOW, reason="Überlauf 😀")
_STILL = evolve(WAITING, status=Status.PAUSED, pause=Pause(NOW, NOW + 5))


class Orders:
    """``hold``, ``living``, drafts, ``runs(living=True)`` and ``Changes.stamp``."""

    # -- drafts -------------------------------------------------------------------------------------------------------

    def test_a_draft_is_stored_and_not_live(self, bench: Bench) -> None:
        """Which version is live stays as it is, and there may be none."""
        draft = bench.publish("w", "draft", draft=True, sources={"h": "text"})
        bench.reopen()
        assert bench.live() == {}
        assert bench.editions() == [draft]
        assert (draft.live, draft.published, draft.number > 0) == (False, None, True)
        assert bench.source("h") == "text"
        live = bench.publish("w", "live", published=NOW)
        assert bench.publish("w", "another draft", draft=True).live is False
        bench.reopen()
        assert bench.live() == {"w": live.number}

    def test_a_draft_is_published_under_its_number(self, bench: Bench) -> None:
        """It is the same content, and then it is live; when that was is kept, and renewed."""
        draft = bench.publish("w", "one", draft=True)
        assert bench.publish("w", "one", published=NOW) == evolve(draft, live=True, published=NOW)
        bench.publish("w", "two", published=NOW + 1)
        bench.reopen()
        assert [(one.live, one.published) for one in bench.editions()] == [(False, NOW), (True, NOW + 1)]
        assert bench.publish("w", "one", published=NOW + 2).published == NOW + 2
        bench.reopen()
        assert [one.published for one in bench.editions()] == [NOW + 2, NOW + 1]

    def test_a_draft_of_a_stored_version_changes_nothing(self, bench: Bench) -> None:
        """Neither of one that is live nor of one that was."""
        first = bench.publish("w", "first", published=NOW)
        assert bench.publish("w", "first", draft=True) == first
        second = bench.publish("w", "second", published=NOW + 1)
        assert bench.publish("w", "first", draft=True) == evolve(first, live=False)
        bench.reopen()
        assert bench.editions() == [evolve(first, live=False), second]

    # -- holds --------------------------------------------------------------------------------------------------------

    def test_a_hold_is_told_with_the_live_version(self, bench: Bench) -> None:
        """Of every kind, to the letter; and its end is."""
        bench.publish("w", "first")
        live = bench.publish("w", "second")
        bench.publish("other")
        for hold in (_PAUSE, _STOP, Hold(HoldKind.DRAIN, 0), None):
            stamp = bench.stamp()
            assert bench.hold(hold) == evolve(live, hold=hold)
            bench.reopen()
            assert bench.editions(stamp) == [evolve(live, hold=hold)]
            assert [one.hold for one in bench.editions()] == [None, hold, None]

    def test_nothing_is_held_of_a_workflow_that_is_not_live(self, bench: Bench) -> None:
        """Be it unknown or a draft; then no sweep is put, and the stamp stands."""
        bench.publish("w", "draft", draft=True)
        stamp = bench.stamp()
        for workflow_id in ("w", "unknown"):
            with pytest.raises(StoreError):
                bench.hold(_PAUSE, workflow_id)
        bench.reopen()
        assert bench.sweeps() == []
        assert bench.stamp() == stamp
        assert bench.publish("w", "draft").hold is None

    def test_a_hold_puts_its_sweep_in_the_place_of_the_one_before(self, bench: Bench) -> None:
        """Whoever read or holds that writes nothing any more."""
        bench.publish("w")
        bench.hold(_PAUSE, plan="first")
        before = bench.sweep("control:w")
        held = bench.claim_sweep()
        assert held == before
        bench.hold(None, plan="second", due=NOW - 1)
        bench.reopen()
        after = bench.sweep("control:w")
        assert (after.plan, after.due, after.sequence > before.sequence) == ("second", NOW - 1, True)
        assert bench.put_sweep(evolve(before, plan="late")) is False
        assert bench.claim_sweep() == after

    @pytest.mark.parametrize("kind", HoldKind)
    @pytest.mark.parametrize("content", ["first", "second"])
    def test_to_publish_ends_every_hold_but_a_pause(self, bench: Bench, kind: HoldKind, content: str) -> None:
        """Be it the same version or another one; other workflows are not touched, and a draft ends nothing."""
        bench.publish("w", "first")
        bench.publish("other")
        hold = Hold(kind, NOW)
        bench.hold(hold)
        bench.hold(_STOP, "other")
        bench.publish("w", "draft", draft=True)
        bench.reopen()
        assert bench.publish("w", content).hold == (hold if kind is HoldKind.PAUSE else None)
        bench.reopen()
        held = {one.workflow_id: one.hold for one in bench.editions() if one.live}
        assert held == {"w": hold if kind is HoldKind.PAUSE else None, "other": _STOP}

    # -- who is alive -------------------------------------------------------------------------------------------------

    def test_the_living_are_counted_by_version_status_and_node(self, bench: Bench) -> None:
        """Those that share a state and those that have one of their own; the ended and those elsewhere are not."""
        first = bench.publish("w", "first").number
        for index in range(5):
            bench.enter(f"s{index}", due=NOW + index)
        bench.enter("still", state=_STILL, due=None)
        bench.enter("done", state=DONE_STATE, due=None)
        bench.enter("nowhere", state=State(), due=None)
        second = bench.publish("w", "second").number
        bench.enter("t", state=SENDING)
        bench.enter("u", workflow_id="other")
        bench.reopen()
        assert bench.living() == [
            Living(first, Status.ACTIVE, None, 1),
            Living(first, Status.ACTIVE, "pause", 5),
            Living(first, Status.PAUSED, "pause", 1),
            Living(second, Status.ACTIVE, "mail", 1),
        ]
        assert {type(one.status) for one in bench.living()} == {Status}
        assert bench.living("unknown") == []

    def test_the_living_are_read_by_themselves(self, bench: Bench) -> None:
        """A page at a time, active and paused, of one workflow or all."""
        for index in range(6):
            bench.enter(f"s{index}", state=(WAITING, DONE_STATE, _STILL)[index % 3], due=None)
        bench.enter("other", workflow_id="other")
        bench.reopen()
        page = bench.runs(workflow_id="w", living=True, limit=3)
        assert [run.subscriber_id for run in page] == ["s0", "s2", "s3"]
        rest = bench.runs(workflow_id="w", living=True, after=page[-1].handle)
        assert [run.subscriber_id for run in rest] == ["s5"]
        assert [run.subscriber_id for run in bench.runs(living=True, after=rest[-1].handle)] == ["other"]

    def test_a_paused_run_is_not_claimed(self, bench: Bench) -> None:
        """It is alive, is recalled, and comes back with its pause; resumed it is claimed again."""
        run = bench.enter("s")
        assert not bench.commit(moves=[Move((run,), _STILL, None, ())])
        bench.reopen()
        assert bench.claim(NOW * 2) is None
        assert bench.next_due() is None
        [still] = bench.recalled("s").runs
        assert still.state == _STILL
        assert not bench.commit(moves=[Move((still,), WAITING, NOW, ())])
        bench.reopen()
        assert [one.state for one in bench.held(NOW).runs] == [WAITING]

    def test_a_run_that_is_held_can_be_ended_by_others(self, bench: Bench) -> None:
        """Who holds it is refused when it writes, and has nothing of it when the claim ends."""
        run = bench.enter("s")
        claim = bench.held(NOW)
        ended = State(Status.EXITED, reason="stopped")
        assert not bench.commit(moves=[Move((run,), ended, None, ())])
        bench.reopen()
        refused = bench.commit(moves=[Move(claim.runs, WAITING, NOW + 1, ())], claim=claim, ends=True)
        assert [one.id for one in refused.runs] == [run.id]
        [now] = bench.read(run)
        assert bench.commit(moves=[Move((now,), ended, None, ())], claim=claim, ends=True) == bench.commit()
        bench.reopen()
        assert bench.claim(NOW * 2) is None
        assert bench.run(run.id).state == ended

    # -- the stamp ----------------------------------------------------------------------------------------------------

    def test_a_batch_is_refused_whole_under_another_stamp(self, bench: Bench) -> None:
        """Changes and moves alike; nothing is written, and a claim is held on."""
        run = bench.enter("s")
        claim = bench.held(NOW)
        stamp = bench.stamp()
        bench.hold(_PAUSE)
        bench.reopen()
        change = bench.change("t", "1", started=[bench.begun("t", "1")])
        moves = [Move(claim.runs, DONE_STATE, None, ())]
        refused = bench.commit(change, moves=moves, claim=claim, ends=True, stamp=stamp)
        assert (list(refused.subscriber_ids), [one.id for one in refused.runs]) == (["t"], [run.id])
        assert (refused.lost, refused.outdated) == (False, True)
        bench.reopen()
        assert bench.runs() == [run]
        assert bench.claim(NOW) is None
        assert not bench.commit(change, moves=moves, claim=claim, ends=True, stamp=bench.stamp())
        assert [one.status for one in bench.runs()] == [Status.COMPLETED, Status.ACTIVE]

    def test_under_the_same_stamp_the_other_rules_hold(self, bench: Bench) -> None:
        """Who wrote first is first."""
        run = bench.enter("s")
        stamp = bench.stamp()
        assert not bench.commit(moves=[Move((run,), DONE_STATE, None, ())], stamp=stamp)
        refused = bench.commit(moves=[Move((run,), WAITING, NOW, ())], stamp=stamp)
        assert ([one.id for one in refused.runs], refused.outdated) == ([run.id], False)
        bench.reopen()
        assert bench.run(run.id).status is Status.COMPLETED
