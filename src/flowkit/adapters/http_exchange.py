"""One HTTP request and its response over a connection of its own, before a deadline, to an address that was checked."""

from __future__ import annotations

import io
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse
from time import monotonic
from typing import IO, TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import quote, urlsplit

from attrs import frozen

from flowkit.adapters.networks import Network, refusal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

__all__ = [
    "Answer",
    "BadTargetError",
    "InDoubtError",
    "NotSentError",
    "Resolver",
    "Target",
    "exchange",
    "resolve_name",
    "target_of",
]

Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name, for a port, in the order in which they are tried; raises ``OSError``."""

_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_SAFE: Final = "!$&'()*+,;=:@/?%~[]"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token: RFC 9110, section 5.6.2
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")  # the client would take a folded line
# What a response may have beside its body: a head, and what stands around the chunks.
_HEAD: Final = 1_048_576
_FRAMED: Final = 8


class BadTargetError(Exception):
    """Nothing may or can be called there; it would be no different later."""


class NotSentError(Exception):
    """Nothing was sent."""


class InDoubtError(Exception):
    """The request was sent, at least in part, and what became of it is not known."""


@frozen(repr=False)
class Target:
    """Where a URL leads.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The name or the address, in ASCII.
        port: The port.
        path: Path and query, in ASCII; they may hold what is nobody's business.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What stands in the header ``Host``."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


@frozen(repr=False)
class Answer:
    """What came back.

    Attributes:
        status: The status code.
        headers: The header lines.
        body: The body, where the status is one of success and it could be read; None else.
        problem: Why the body of a success could not be read; empty where it could.
    """

    status: int
    headers: HTTPMessage
    body: bytes | None
    problem: str


def target_of(url: str) -> Target:
    """Read a URL.

    Raises:
        BadTargetError: It is none that can be called.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else _ascii_host(host)
        path = quote(parts.path or "/", safe=_SAFE)
        query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    except ValueError as error:  # a UnicodeError is one, and half a character gives one
        raise BadTargetError("is no URL") from error
    if parts.scheme not in _PORTS or not host:
        raise BadTargetError("is no http or https URL with a host")
    if "@" in parts.netloc:
        raise BadTargetError("holds a user name or a password")
    return Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path + query)


def _ascii_host(host: str) -> str:
    """Write a name in A-labels, unless IDNA 2003 would make another name of it (``faß.de``), which somebody may own."""
    encoded = host.encode("idna")
    if encoded.decode("idna") != host.lower():
        raise BadTargetError("has a host that would become another name")
    return encoded.decode()


def resolve_name(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a name.

    Raises:
        OSError: There are none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for _, _, _, _, place in found]


def exchange(  # noqa: PLR0913 - what a request is made of
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    resolver: Resolver,
    allowed: Sequence[Network],
    tls: ssl.SSLContext,
    deadline: float,
    most: int,
) -> Answer:
    """Send a request, and read the response; redirects are not followed.

    Args:
        target: Where to.
        method: The HTTP method.
        headers: Header lines by name, all of them but ``Host``, ``Content-Length`` and those of the connection.
        body: The body; None for none.
        resolver: Gives the addresses of the host. It is asked once, and the connection goes to an address that it gave.
        allowed: Networks that may be called although they are not public.
        tls: How certificates are checked.
        deadline: Until when, on the monotonic clock.
        most: How many bytes of the response's body are read.

    Raises:
        BadTargetError: No address of the host may be called.
        NotSentError: Nothing was sent.
        InDoubtError: What became of the request is not known.
    """
    connection = _connected(target, resolver=resolver, allowed=allowed, tls=tls, deadline=deadline)
    with connection:
        client = HTTPConnection(target.host, target.port)
        # It reads and writes through this, and may close it while the response is not read yet.
        client.sock = cast("socket.socket", _Timed(connection, deadline, _HEAD + _FRAMED * most))
        try:
            client.putrequest(method, target.path, skip_host=True)
            client.putheader("Host", target.authority)
            for name, value in headers.items():
                if not _HEADER_NAME.fullmatch(name) or _CONTROL.search(value):
                    raise BadTargetError("has a header that cannot be sent")
                client.putheader(name, value.encode())
            client.putheader("Connection", "close")
            if body is not None:
                client.putheader("Content-Length", str(len(body)))
        except (HTTPException, ValueError) as error:
            raise BadTargetError(f"cannot be asked for ({type(error).__name__})") from error
        try:
            client.endheaders(body)
            response = client.getresponse()
        except TimeoutError as error:
            raise InDoubtError("timed out") from error
        except (OSError, HTTPException, ValueError) as error:
            raise InDoubtError(f"no response ({type(error).__name__})") from error
        return _answer(response, most)


def _answer(response: HTTPResponse, most: int) -> Answer:
    status, headers = response.status, response.headers
    if status // 100 != 2:  # noqa: PLR2004 - the class of statuses that says that it was done
        return Answer(status, headers, None, "")
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return Answer(status, headers, None, "the response is encoded")
    try:
        body = response.read(most + 1)
    except TimeoutError:
        return Answer(status, headers, None, "the response took too long")
    except (OSError, HTTPException, ValueError):  # a chunk of less than no bytes is a ValueError
        return Answer(status, headers, None, "the response was cut off")
    if len(body) > most:
        return Answer(status, headers, None, f"the response has more than {most} bytes")
    if response.length:
        return Answer(status, headers, None, "the response was cut off")
    return Answer(status, headers, body, "")


# ------------------------------------------------------------------------------------------------------------
# Connections


def _connected(
    target: Target, *, resolver: Resolver, allowed: Sequence[Network], tls: ssl.SSLContext, deadline: float
) -> socket.socket:
    """Connect to the first address that may be called and takes the connection."""
    try:
        addresses = resolver(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise NotSentError("the host's name has no address") from error
    refusals = {address: refusal(address, allowed) for address in addresses}
    callable_ones = [address for address, why in refusals.items() if not why]
    if not callable_ones:
        if not refusals:
            raise NotSentError("the host's name has no address")
        kinds = " or ".join(sorted(set(refusals.values())))
        raise BadTargetError(f"leads to an address that is not called: {kinds}")
    failure = ""
    for tried, address in enumerate(callable_ones):
        try:
            # One that does not answer leaves the others their share of the time.
            until = monotonic() + _left(deadline) / (len(callable_ones) - tried)
            return _opened(address, target, tls, until)
        except ssl.SSLCertVerificationError as error:
            failure = f"certificate refused: {error.verify_message}"
        except TimeoutError:
            failure = "no connection in time"
        except (OSError, ValueError) as error:  # a name that TLS cannot ask for is a ValueError
            failure = f"no connection ({type(error).__name__})"
    raise NotSentError(failure)


def _opened(address: str, target: Target, tls: ssl.SSLContext, deadline: float) -> socket.socket:
    # An address is not looked up again.
    plain = socket.create_connection((address, target.port), timeout=_left(deadline))
    if target.scheme != "https":
        return plain
    try:
        plain.settimeout(_left(deadline))
        return tls.wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


def _left(deadline: float) -> float:
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class _Timed:
    """A socket whose every read and write ends at the deadline; it is closed by whoever opened it.

    Args:
        connection: The socket.
        deadline: Until when, on the monotonic clock.
        most: How many bytes are read altogether, whatever the response says of its length.
    """

    def __init__(self, connection: socket.socket, deadline: float, most: int) -> None:
        self._connection = connection
        self._deadline = deadline
        self._most = most

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._connection.settimeout(_left(self._deadline))
            left = left[self._connection.send(left) :]

    def makefile(self, _mode: str) -> IO[bytes]:
        return io.BufferedReader(_TimedReader(self._connection, self._deadline, self._most))

    def close(self) -> None:
        """Leave it open: what was sent back may still be read."""


class _TimedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float, most: int) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        if self._left <= 0:
            raise HTTPException("the response does not end")
        self._connection.settimeout(_left(self._deadline))
        read = self._connection.recv_into(buffer)
        self._left -= read
        return read
