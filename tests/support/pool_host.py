"""A host whose workers tell what they do through a pipe with a name, in the folder that FLOWKIT_POOL_FOLDER names."""

import os
import threading
from datetime import timedelta
from pathlib import Path

from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt
from flowkit.runs.effects import DONE
from flowkit.stores.sqlite import SqliteStore
from flowkit.worker.loop import Worker
from flowkit.worker.turns import Turn

FOLDER = "FLOWKIT_POOL_FOLDER"
STORE = "flowkit.db"
PIPE = "told"
GATE = "gate"


class Teller:
    """Writes lines into the pipe, each in one piece."""

    def __init__(self, folder: Path) -> None:
        self._pipe = os.open(folder / PIPE, os.O_WRONLY)

    def tell(self, *words: object) -> None:
        os.write(self._pipe, f"{' '.join(map(str, words))}\n".encode())


class Sender:
    """Tells of each message; one to `stuck` never ends, one to `gated` when it was let through two gates."""

    key_window = None
    timeout = timedelta(seconds=5)
    in_doubt = InDoubt.RESEND
    needs = NO_NEEDS

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def send(self, messages):
        (message,) = messages
        self._teller.tell("sent", message.subscriber_id, os.getpid())
        if message.subscriber_id == "stuck":
            threading.Event().wait()
        if message.subscriber_id == "gated":
            with (Path(os.environ[FOLDER]) / GATE).open("rb", buffering=0) as gate:
                gate.read(1)
                self._teller.tell("passed")
                gate.read(1)
        return [DONE]


def worker() -> Worker:
    folder = Path(os.environ[FOLDER])
    teller = Teller(folder)
    engine = Engine(
        SqliteStore(folder / STORE), sender=Sender(teller), profiles=MemoryProfiles(), lease=timedelta(seconds=11)
    )
    brisk = timedelta(milliseconds=5)
    teller.tell("began", os.getpid())

    def on_turn(turn: Turn) -> None:
        if turn.number == 1:
            teller.tell("turned", os.getpid())

    return Worker(engine, shortest_rest=brisk, longest_rest=brisk, on_turn=on_turn)


def failing() -> Worker:
    Teller(Path(os.environ[FOLDER])).tell("failed", os.getpid())
    message = "no engine today"
    raise RuntimeError(message)
