"""An HTTP server on the loopback that answers as it is told, to the byte, and keeps what it was asked."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from attrs import frozen

CERTIFICATE = Path(__file__).with_name("loopback.pem")
_SECONDS = 10.0


@frozen
class Asked:
    """A request as it came over the wire."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for known, value in self.headers if known.lower() == name.lower()]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None


Answer = bytes | Callable[[socket.socket], None]
"""What is sent back before the connection is closed, or what is done with the connection instead."""


def response(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    """A response with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class WebServer:
    """Takes one request a connection; answers follow the order of the connections, and the last one stays."""

    def __init__(self, *answers: Answer, tls: bool = False, host: str = "127.0.0.1") -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.failures: list[Exception] = []
        self._answers = list(answers) or [response()]
        self._tls = tls
        self._threads: list[threading.Thread] = []
        self._socket = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._socket.getsockname()[1]
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        # Closing alone does not wake whoever accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in (self._listener, *self._threads):
            thread.join(_SECONDS)
        assert not self.failures

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def _listen(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            answer = self._answers[min(self.connections, len(self._answers) - 1)]
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, answer), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, answer: Answer) -> None:
        connection.settimeout(_SECONDS)
        try:
            if self._tls:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(CERTIFICATE)
                connection = context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as file:
                line = file.readline().decode().strip()
                if not line:
                    return  # The client thought better of it.
                headers: list[tuple[str, str]] = []
                while (text := file.readline().decode().strip()) != "":
                    name, _, value = text.partition(":")
                    headers.append((name, value.strip()))
                length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
                self.asked.append(Asked(line, tuple(headers), file.read(length)))
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)
        except OSError:
            return  # The client went away, as some tests want it to.
        except Exception as error:  # noqa: BLE001 - told of at the end
            self.failures.append(error)
