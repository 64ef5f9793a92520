"""Workers in processes of their own: looked after, asked to end, killed, and left alone."""

import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.stores.sqlite import SqliteStore
from flowkit.worker import __main__ as command
from flowkit.worker.pool import WorkerPool
from tests.support import pool_host
from tests.support.journeys import node, send, signup, signups, workflow

REPOSITORY = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")


class Host:
    """The test's end of the pipe, and of the store."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / pool_host.PIPE)
        # For both directions, so that it neither waits for a worker nor ends with the last one.
        self._pipe = os.fdopen(os.open(folder / pool_host.PIPE, os.O_RDWR), "rb", buffering=0)
        self.store = SqliteStore(folder / pool_host.STORE)
        self.engine = Engine(self.store)
        self._sender = Engine(self.store, sender=pool_host.Sender(self), profiles=None)
        self._sender.publish(workflow(node("start", send())))

    def tell(self, *_words):
        """Stand for a worker's teller; nothing is sent from here."""
        raise AssertionError

    def hear(self) -> list[str]:
        return self._pipe.readline().decode().split()

    def hear_of(self, what: str) -> list[str]:
        while (words := self.hear())[0] != what:
            pass
        return words

    def close(self) -> None:
        self._pipe.close()
        self.store.close()


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setenv(pool_host.FOLDER, str(tmp_path))
    one = Host(tmp_path)
    yield one
    one.close()


def while_running(pool, story):
    """Run a pool in this thread and a story in another, which ends with the pool's being stopped."""
    raised = []

    def told():
        try:
            story()
        except BaseException as error:  # noqa: BLE001 - it is raised where the test sees it
            raised.append(error)
        finally:
            pool.stop()

    thread = threading.Thread(target=told, daemon=True)
    thread.start()
    killed = pool.run()
    thread.join(60)
    if raised:
        raise raised[0]
    return killed


def test_processes_share_the_work_and_come_to_their_end(host):
    def story():
        assert len({host.hear_of("turned")[1] for _ in range(2)}) == 2
        host.engine.ingest(signups(200))
        assert len({host.hear_of("sent")[1] for _ in range(200)}) == 200

    assert while_running(WorkerPool(pool_host.worker, processes=2), story) == 0
    assert {run.status.value for run in host.engine.runs()} == {"completed"}


def test_where_one_is_killed_another_takes_its_place_and_its_work(host, caplog):
    def story():
        first = int(host.hear_of("turned")[1])
        host.engine.ingest([signup("stuck")])
        assert host.hear_of("sent") == ["sent", "stuck", str(first)]
        os.kill(first, signal.SIGKILL)
        second = int(host.hear_of("began")[1])
        assert second != first
        # The claim of the dead one is taken over, and the message that was in doubt is sent again.
        assert host.hear_of("sent") == ["sent", "stuck", str(second)]
        os.kill(second, signal.SIGKILL)
        host.hear_of("began")

    with caplog.at_level(logging.ERROR, "flowkit.worker"):
        while_running(WorkerPool(pool_host.worker, processes=1, patience=timedelta(seconds=1)), story)
    assert caplog.records[0].message.startswith("flowkit-worker-1 ended with -9; another one starts in ")


def test_one_that_cannot_begin_is_begun_again(host):
    def story():
        first, second = (host.hear_of("failed")[1] for _ in range(2))
        assert first != second

    while_running(WorkerPool(pool_host.failing, processes=1), story)


def test_one_that_does_not_come_to_its_end_is_killed(host):
    def story():
        host.hear_of("turned")
        host.engine.ingest([signup("stuck")])
        host.hear_of("sent")

    pool = WorkerPool(pool_host.worker, processes=1, patience=timedelta(milliseconds=50))
    assert while_running(pool, story) == 1


MORE_THAN_A_WINDOW = 150


@pytest.mark.parametrize(("again", "finishes"), [(signal.SIGTERM, True), (signal.SIGUSR1, False)])
def test_only_a_hurry_ends_the_grace_of_a_process(host, tmp_path, again, finishes):
    """Whoever stops a service may signal all of its processes, and the parent passes the signal on besides."""
    os.mkfifo(tmp_path / pool_host.GATE)

    def story():
        host.hear_of("turned")
        host.engine.ingest([signup("gated"), *signups(MORE_THAN_A_WINDOW)])
        _, name, worker = host.hear_of("sent")
        assert name == "gated"
        with (tmp_path / pool_host.GATE).open("wb", buffering=0) as gate:
            os.kill(int(worker), signal.SIGTERM)
            gate.write(b".")
            host.hear_of("passed")
            os.kill(int(worker), again)
            gate.write(b".")
        sent = 0
        while (words := host.hear())[0] != "began":
            assert words[0::2] == ["sent", worker]
            sent += 1
        assert (sent == MORE_THAN_A_WINDOW) is finishes

    while_running(WorkerPool(pool_host.worker, processes=1), story)


def test_the_command_works_until_it_is_asked_to_end(host):
    process = subprocess.Popen(
        [sys.executable, "-m", "flowkit.worker", "tests.support.pool_host:worker", "--processes", "2"], cwd=REPOSITORY
    )
    host.hear_of("turned")
    host.hear_of("turned")
    host.engine.ingest(signups(20))
    for _ in range(20):
        host.hear_of("sent")
    process.terminate()
    assert process.wait(60) == 0


def test_workers_whose_parent_was_killed_come_to_their_end(host):
    process = subprocess.Popen(
        [sys.executable, "-m", "flowkit.worker", "tests.support.pool_host:worker", "--processes", "2"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    host.hear_of("turned")
    host.hear_of("turned")
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    # The other end of its output is held by the workers too: it ends when they have.
    with process.stdout as output:
        assert output.read() == b""


def test_a_signal_stops_the_pool_from_within(host, monkeypatch):
    def story():
        host.hear_of("turned")
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=story, daemon=True)
    thread.start()
    assert command.main(["tests.support.pool_host:worker"]) == 0
    thread.join(60)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tests.support.nowhere:worker", "No module named"),
        ("tests.support.pool_host:nobody", "has no attribute 'nobody'"),
        ("tests.support.pool_host:STORE", "is no function"),
        ("", "cannot be imported"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name, said, capsys):
    with pytest.raises(SystemExit) as left:
        command.main([name])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigurationError, match="processes"):
        WorkerPool(pool_host.worker, processes=0)
    with pytest.raises(ConfigurationError, match="grace"):
        WorkerPool(pool_host.worker, processes=1, patience=timedelta(-1))
