"""HTTP calls over real connections to the loopback: what is sent, what becomes of it, and where nothing goes."""

import json
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.http import HttpWebhooks
from flowkit.conditions import parse
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.ports import WebhookRequest
from flowkit.runs.effects import Outcome, Result
from flowkit.stores.memory import MemoryStore
from flowkit.workflows.control import Branch, Case
from flowkit.workflows.model import Action, CallWebhook
from tests.support.journeys import DAY, START, node, signup, wait, workflow
from tests.support.web_server import CERTIFICATE, WebServer, response

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
LOOPBACK = ("127.0.0.0/8",)


def client(**options):
    return HttpWebhooks(**{"allow": LOOPBACK, "clock": VirtualClock(NOW), **options})


def request(url, key="k", method="POST", headers=None, body=None, *, once=False):
    return WebhookRequest(key, url, method, headers or {}, {"a": 1} if body is None else body, once=once)


def called(server, webhooks=None, **fields):
    """The outcome of one call to a server."""
    [outcome] = (webhooks or client()).call([request(server.url(fields.pop("path", "/")), **fields)])
    return outcome


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_call_carries_its_key_and_a_body_of_json():
    with WebServer() as server:
        outcome = called(server, path="/a/b?c=d", headers={"X-Kind": "größe"}, body={"name": "größe", "n": [1, None]})
        [asked] = server.asked
    assert outcome == Outcome(Result.DONE)
    assert asked.line == "POST /a/b?c=d HTTP/1.1"
    assert json.loads(asked.body) == {"name": "größe", "n": [1, None]}
    assert asked.header("Idempotency-Key") == "k"
    assert asked.header("Content-Type") == "application/json"
    assert asked.header("Host") == f"127.0.0.1:{server.port}"
    assert asked.header("X-Kind") == "größe"
    assert asked.header("Connection") == "close"
    assert asked.header("Accept-Encoding") == "identity"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_have_a_body_too(method):
    with WebServer() as server:
        called(server, method=method)
        [asked] = server.asked
    assert (asked.line, asked.body) == (f"{method} / HTTP/1.1", b'{"a":1}')


def test_get_has_none():
    with WebServer() as server:
        called(server, method="GET")
        [asked] = server.asked
    assert (asked.line, asked.body, asked.header("Content-Type")) == ("GET / HTTP/1.1", b"", None)


def test_a_header_of_the_workflow_goes_before_one_of_ours_and_the_key_has_the_name_that_is_asked_for():
    with WebServer() as server:
        called(server, client(key_header="X-Once"), headers={"content-type": "application/vnd.api+json"})
        [asked] = server.asked
    assert asked.header("Content-Type") == "application/vnd.api+json"
    assert (asked.header("X-Once"), asked.header("Idempotency-Key")) == ("k", None)


def test_a_path_that_is_not_ascii_is_quoted():
    with WebServer() as server:
        called(server, path="/grüße{x}?q=a%20b|ö#part")
        [asked] = server.asked
    assert asked.line == "POST /gr%C3%BC%C3%9Fe%7Bx%7D?q=a%20b%7C%C3%B6 HTTP/1.1"


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "Idempotency-Key", "Upgrade", "Expect"]
)
def test_headers_of_the_client_are_not_the_workflows(name):
    with WebServer() as server:
        outcome = called(server, headers={name: "x"})
    assert (outcome.result, outcome.reason) == (Result.FAILED, f"the header {name} is the client's own")
    assert server.connections == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"A": "b\r\nC: d"},
        {"A": "b\r\n C: d"},
        {"A": "b\n\tc"},
        {"A": "b\0"},
        {"A\n": "b"},
        {"Transfer-Encoding ": "chunked"},
        {"": "b"},
        {"ä": "b"},
        {"A": "\ud800"},
    ],
)
def test_a_header_that_cannot_be_sent_fails(headers):
    with WebServer() as server:
        outcome = called(server, headers=headers)
    assert outcome.result is Result.FAILED
    assert server.asked == []


def test_a_body_beyond_the_limit_is_not_sent():
    with WebServer() as server:
        most = client(max_request=20)
        assert called(server, most, body={"a": "x" * 12}).result is Result.DONE
        outcome = called(server, most, body={"a": "x" * 13})
    assert outcome == Outcome(Result.FAILED, "a body of 21 bytes, and at most 20 are sent")
    assert server.connections == 1


@pytest.mark.parametrize("body", [{"a": {1, 2}}, {"a": float("nan")}, {"a": "\ud800"}])
def test_a_body_that_json_cannot_hold_fails(body):
    with WebServer() as server:
        outcome = called(server, body=body)
    assert outcome.result is Result.FAILED
    assert outcome.reason.startswith("a body that JSON cannot hold")
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "http://",
        "https:///a",
        "nothing",
        "http://user:secret@127.0.0.1/",
        "http://[::1",
        "http://127.0.0.1:99999/",
        f"http://{'ü' * 70}.example/",
        "http://faß.example/",
        "http://127.0.0.1/\ud800",
        "http://127.0.0.1/?\udfff",
    ],
)
def test_a_url_that_cannot_be_called_fails_and_tells_no_secret(url):
    [outcome] = client().call([request(url)])
    assert outcome.result is Result.FAILED
    assert "secret" not in outcome.reason


# -- what comes back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "result", "reason"),
    [
        ("200 OK", Result.DONE, ""),
        ("201 Created", Result.DONE, ""),
        ("204 No Content", Result.DONE, ""),
        ("299 Odd", Result.DONE, ""),
        ("301 Moved", Result.FAILED, "status 301: redirects are not followed"),
        ("307 Temporary Redirect", Result.FAILED, "status 307: redirects are not followed"),
        ("304 Not Modified", Result.FAILED, "status 304: redirects are not followed"),
        ("400 Bad Request", Result.FAILED, "status 400"),
        ("401 Unauthorized", Result.FAILED, "status 401"),
        ("404 Not Found", Result.FAILED, "status 404"),
        ("409 Conflict", Result.FAILED, "status 409"),
        ("408 Request Timeout", Result.RETRY, "status 408"),
        ("425 Too Early", Result.RETRY, "status 425"),
        ("429 Too Many Requests", Result.RETRY, "status 429"),
        ("500 Oops", Result.RETRY, "status 500"),
        ("503 Busy", Result.RETRY, "status 503"),
        ("599 Odd", Result.RETRY, "status 599"),
        ("600 Odd", Result.FAILED, "status 600"),
        ("999 Odd", Result.FAILED, "status 999"),
    ],
)
def test_a_status_says_how_it_ended(status, result, reason):
    with WebServer(response(status, b"", "Location: http://127.0.0.1/elsewhere")) as server:
        outcome = called(server)
    assert (outcome.result, outcome.reason, outcome.retry_after, outcome.output) == (result, reason, None, None)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "result"),
    [("408 x", Result.RETRY), ("425 x", Result.RETRY), ("429 x", Result.RETRY), ("500 x", Result.UNKNOWN)],
)
def test_what_must_be_done_once_is_not_called_again_after_what_may_have_been_done(status, result):
    with WebServer(response(status)) as server:
        assert called(server, once=True).result is result


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ("0", timedelta()),
        ("120", timedelta(seconds=120)),
        (" 7 ", timedelta(seconds=7)),
        ("Sat, 07 Mar 2026 12:02:00 GMT", timedelta(minutes=2)),
        ("Sat, 07 Mar 2026 13:02:00 +0100", timedelta(minutes=2)),
        ("Sat, 07 Mar 2026 12:02:00 -0000", timedelta(minutes=2)),
        ("Sat, 07 Mar 2026 11:00:00 GMT", timedelta()),
        ("9" * 400, timedelta(seconds=3_155_760_000)),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Sat, 99 Mar 2026 12:02:00 GMT", None),
        (f"Sat, 07 Mar {'9' * 20} 12:02:00 GMT", None),
        (f"Sat, 07 Mar 2026 12:02:00 +{'9' * 20}", None),
        ("²", None),
    ],
)
def test_a_receiver_says_when_it_wants_to_be_called_again(status, said, pause):
    with WebServer(response(status, b"", f"Retry-After: {said}")) as server:
        outcome = called(server)
    assert (outcome.result, outcome.retry_after) == (Result.RETRY, pause)


@pytest.mark.parametrize(
    ("answer", "output", "reason"),
    [
        (response(body=b'{"a": 1}'), '{"a": 1}', ""),
        (response(body="größe".encode()), "größe", ""),
        (response(body=b""), None, ""),
        (response(body=b"\xff"), None, "the response is no UTF-8"),
        (response(body=b"x" * 64), "x" * 64, ""),
        (response(body=b"x" * 65), None, "the response has more than 64 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil it is closed", "until it is closed", ""),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, None, "the response has more than 64 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", None, "the response was cut off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nshort", None, "the response was cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n9\r\nde", None, "the response was cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", None, "the response was cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nab", None, "the response was cut off"),
        (response("200 OK", b"\x1f\x8b", "Content-Encoding: gzip"), None, "the response is encoded"),
        (response("200 OK", b"ab", "Content-Encoding: Identity"), "ab", ""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + response(body=b"ab"), "ab", ""),
        (b"HTTP/1.0 200\r\n\r\nold", "old", ""),
    ],
)
def test_what_a_success_says_is_the_output_where_it_can_be_read(answer, output, reason):
    """It was done either way."""
    with WebServer(answer) as server:
        assert called(server, client(max_response=64)) == Outcome(Result.DONE, reason, output=output)


@pytest.mark.parametrize(
    ("head", "result"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", Result.DONE),
        (b"HTTP/1.1 100 Continue\r\n", Result.RETRY),
    ],
    ids=["a chunk without a length", "a head without an end"],
)
def test_a_response_that_does_not_end_is_left_at_a_number_of_bytes(head, result):
    sent = []

    def floods(connection):
        connection.sendall(head)
        while sum(sent) < 64_000_000:
            sent.append(connection.send(b"a: b\r\n" * 10_000))

    with WebServer(floods) as server:
        assert called(server, client(max_response=1_000)).result is result
    assert 0 < sum(sent) < 32_000_000  # Some of it is still in the buffers of the system.


# -- doubt -------------------------------------------------------------------------------------------------------------


def aborted(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        aborted,
        b"HTTP/1.1",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
    ],
    ids=["closed", "reset", "half a line", "no HTTP", "no status", "endless header"],
)
def test_without_a_response_nobody_knows(answer):
    with WebServer(answer) as server:
        outcome, once = called(server), called(server, once=True)
    assert (outcome.result, once.result) == (Result.RETRY, Result.UNKNOWN)
    assert outcome.reason.startswith("in doubt: no response")
    assert len(server.asked) == 2


def test_a_response_that_never_comes_and_one_that_drips_are_left_in_time():
    """The deadline is for all of it, however often there is a sign of life."""
    let_go = threading.Event()

    def silent(_connection):
        let_go.wait(10)

    def drips(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not let_go.wait(0.02):
            connection.sendall(b"X: y\r\n")

    def drips_body(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not let_go.wait(0.02):
            connection.sendall(b"z")

    with WebServer(silent, drips, drips_body) as server:
        webhooks = client(timeout=timedelta(seconds=0.5))
        outcomes = [called(server, webhooks) for _ in range(3)]
        let_go.set()
    assert outcomes == [
        Outcome(Result.RETRY, "in doubt: timed out"),
        Outcome(Result.RETRY, "in doubt: timed out"),
        Outcome(Result.DONE, "the response took too long"),
    ]


def test_where_nobody_listens_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for once in (False, True):
        [outcome] = client().call([request(f"http://127.0.0.1:{port}/", once=once)])
        assert outcome == Outcome(Result.RETRY, "no connection (ConnectionRefusedError)")


# -- many --------------------------------------------------------------------------------------------------------------


def test_many_are_answered_in_order_each_for_itself():
    with WebServer() as server, WebServer(response("500 x")) as broken:
        urls = [server.url(), broken.url(), "nonsense"] * 10
        outcomes = client(parallel=4).call([request(url, str(number)) for number, url in enumerate(urls)])
        assert [outcome.result for outcome in outcomes] == [Result.DONE, Result.RETRY, Result.FAILED] * 10
        assert {asked.header("Idempotency-Key") for asked in server.asked} == {str(n) for n in range(0, 30, 3)}
    assert client().call([]) == []


def test_what_does_not_begin_in_time_is_not_called():
    let_go = threading.Event()

    def silent(_connection):
        let_go.wait(10)

    with WebServer(silent) as server:
        webhooks = client(timeout=timedelta(seconds=0.3), parallel=1)
        outcomes = webhooks.call([request(server.url(), str(number)) for number in range(3)])
        let_go.set()
    assert [outcome.result for outcome in outcomes] == [Result.RETRY] * 3
    assert [outcome.reason for outcome in outcomes][1:] == ["there was no time left for it"] * 2
    assert server.connections == 1


# -- addresses ---------------------------------------------------------------------------------------------------------


class Names:
    """A resolver that says what it is told, a list a call, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, host, port):
        self.asked.append((host, port))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_private_address_is_not_called_unless_it_is_allowed():
    with WebServer() as server:
        outcome = called(server, HttpWebhooks())
        assert outcome == Outcome(Result.FAILED, "leads to an address that is not called: loopback")
        assert server.connections == 0
        assert called(server, HttpWebhooks(allow=["127.0.0.1"])).result is Result.DONE


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::1]"])
def test_however_the_loopback_is_written(host):
    with WebServer() as server:
        [outcome] = HttpWebhooks().call([request(server.url(host=host))])
        assert outcome.result is not Result.DONE
        assert server.connections == 0


@pytest.mark.parametrize(
    ("addresses", "kinds"),
    [
        (["10.0.0.1"], "private"),
        (["169.254.169.254", "fd00::1"], "link-local or private"),
        (["::ffff:8.8.8.8"], "IPv4-mapped"),
        (["224.0.0.1"], "multicast"),
        (["100.64.0.1"], "reserved"),
        (["nonsense"], "no address"),
    ],
)
def test_a_name_that_leads_inside_is_not_called(addresses, kinds):
    [outcome] = client(resolver=Names(addresses)).call([request("https://inside.example/")])
    assert outcome == Outcome(Result.FAILED, f"leads to an address that is not called: {kinds}")


def test_a_name_is_looked_up_once_and_the_address_that_was_judged_is_called():
    """Whoever owns the name may answer otherwise a moment later: nobody asks."""
    with WebServer() as server:
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        [outcome] = client(resolver=names).call([request(server.url("/x", host="rebinding.example"))])
        [asked] = server.asked
    assert outcome.result is Result.DONE
    assert names.asked == [("rebinding.example", server.port)]
    assert asked.header("Host") == f"rebinding.example:{server.port}"


def test_only_addresses_that_pass_are_tried_one_after_the_other():
    with WebServer() as server:
        names = Names(["10.0.0.1", "127.0.0.2", "127.0.0.1"])
        webhooks = client(resolver=names, allow=["127.0.0.1", "127.0.0.2"])
        [outcome] = webhooks.call([request(server.url(host="two.example"))])
    assert outcome.result is Result.DONE
    assert server.connections == 1


def test_an_address_that_does_not_answer_leaves_time_for_the_next():
    tls = ssl.create_default_context(cafile=CERTIFICATE)
    with WebServer(tls=True) as server, socket.create_server(("127.0.0.2", server.port)):
        webhooks = client(resolver=Names(["127.0.0.2", "127.0.0.1"]), tls=tls, timeout=timedelta(seconds=2))
        [outcome] = webhooks.call([request(server.url(host="localhost"))])
    assert outcome == Outcome(Result.DONE)


@pytest.mark.parametrize("answer", [socket.gaierror("unknown"), [], UnicodeError("label too long")])
def test_a_name_without_an_address_is_tried_again_later(answer):
    [outcome] = client(resolver=Names(answer)).call([request("http://nowhere.example/")])
    assert outcome == Outcome(Result.RETRY, "the host's name has no address")


def test_a_name_that_is_not_ascii_is_asked_for_as_the_net_writes_it():
    names = Names([])
    client(resolver=names).call([request("https://bücher.example/")])
    assert names.asked == [("xn--bcher-kva.example", 443)]


def test_an_address_of_six_parts_is_called_and_named_in_brackets():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with WebServer(host="::1") as server:
        [outcome] = client(allow=["::1"]).call([request(server.url(host="[::1]"))])
        [asked] = server.asked
    assert outcome.result is Result.DONE
    assert asked.header("Host") == f"[::1]:{server.port}"


# -- TLS ---------------------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_not_accepted():
    with WebServer(tls=True) as server:
        outcome = called(server)
    assert outcome.result is Result.RETRY
    assert outcome.reason.startswith("certificate refused: ")
    assert server.asked == []


def test_one_that_is_vouched_for_is_accepted_for_its_own_name_only():
    tls = ssl.create_default_context(cafile=CERTIFICATE)
    with WebServer(response(body=b'{"a": 1}'), tls=True) as server:
        names = Names(["127.0.0.1"], ["127.0.0.1"])
        webhooks = client(tls=tls, resolver=names)
        [mine] = webhooks.call([request(server.url(host="localhost"))])
        [other] = webhooks.call([request(server.url(host="other.example"))])
    assert mine == Outcome(Result.DONE, output='{"a": 1}')
    assert other.result is Result.RETRY
    assert other.reason.startswith("certificate refused: Hostname mismatch")
    assert len(server.asked) == 1


# -- as a port ---------------------------------------------------------------------------------------------------------


def test_a_run_goes_by_what_a_response_says():
    fork = Action("fork", Branch([Case("high", parse({"variables": {"score": {"$gte": 5}}}))], otherwise="low"))
    with WebServer(response("503 Busy", b"", "Retry-After: 120"), response(body=b'{"result": {"score": 7}}')) as server:
        ask = Action("ask", CallWebhook(server.url(), response={"score": "result.score"}, body={"of": "ann"}))
        engine = Engine(MemoryStore(), clock=VirtualClock(START), webhooks=client())
        engine.publish(
            workflow(node("start", ask, fork, high="high", low="low"), *(node(n, wait(DAY)) for n in ("high", "low")))
        )
        engine.ingest([signup()])
        engine.advance()
        assert engine.next_due() >= START + timedelta(seconds=120)
        engine.advance(now=START + timedelta(hours=1))
        first, second = server.asked
    [run] = engine.runs()
    assert (run.state.node, dict(run.variables)) == ("high", {"score": 7})
    assert (first.headers, first.body) == (second.headers, second.body)
    assert json.loads(first.body) == {
        "of": "ann",
        "subscriber_id": "s",
        "workflow_id": "w",
        "run_id": run.id,
        "node": "start",
        "action": "ask",
    }
    assert first.header("Idempotency-Key") == f"{run.id}:start:1:ask"


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": timedelta()},
        {"parallel": 0},
        {"max_request": 0},
        {"max_response": 0},
        {"allow": ["nonsense"]},
    ],
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ConfigurationError):
        HttpWebhooks(**options)


def test_its_time_out_is_held_against_the_lease():
    with pytest.raises(ConfigurationError, match=r"webhooks\.timeout"):
        Engine(MemoryStore(), webhooks=HttpWebhooks(timeout=timedelta(minutes=3)))


def test_nothing_that_is_printed_tells_a_secret():
    made = request("https://example.com/?token=secret", headers={"Authorization": "secret"}, body={"a": "secret"})
    assert "secret" not in repr(made)
    assert repr(HttpWebhooks(allow=["10.0.0.0/8"])) == "HttpWebhooks(timeout=datetime.timedelta(seconds=30))"
