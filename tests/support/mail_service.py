"""A mail service on the loopback interface that is called by HTTP, and remembers keys."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from flowkit.testing.sender_conformance import Delivered


class MailService:
    """The service; as a receiver, what it delivered and what it is to refuse."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.statuses: list[int] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers["Idempotency-Key"]
                status = service.statuses.pop(0) if service.statuses and key not in service.messages else 202
                if status == 202:
                    service.messages.setdefault(key, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("X-Message-Id", f"id-{key}")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/messages"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def received(self) -> list[Delivered]:
        return [
            Delivered(to=one["to"], subject=one["subject"], text=one["text"], html=one["html"])
            for one in self.messages.values()
        ]

    def refuse_next(self, *, permanently: bool) -> None:
        self.statuses.append(422 if permanently else 503)
