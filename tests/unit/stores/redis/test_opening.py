"""On which servers a store is opened, and with what client; all of them are real."""

from contextlib import closing

import pytest
from valkey import Valkey

from flowkit import (
    ConfigurationError,
    FlowkitError,
    RedisStore,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersionError,
    UnsafeServer,
)
from flowkit.ports import Move
from flowkit.stores.redis.scripts import SCRIPTS
from flowkit.stores.redis.wire import Wire
from flowkit.testing.bench import DONE_STATE, SENDING, Bench, Ticks, key_of
from tests.support.valkey import Server


@pytest.fixture(scope="module")
def server():
    """A server of its own, whose settings the tests change."""
    with Server() as running:
        yield running


@pytest.fixture
def client(server):
    client = server.client()
    yield client
    client.config_set("appendonly", "yes")
    client.config_set("maxmemory-policy", "noeviction")
    client.close()


def refused(server, **options):
    with pytest.raises(UnsafeServer) as caught:
        RedisStore(server.url, **options)
    return caught.value


def test_a_server_without_an_append_only_file_is_refused_unless_that_is_wanted(server, client):
    client.config_set("appendonly", "no")
    error = refused(server, allow_eviction=True)
    assert (error.setting, error.value) == ("appendonly", "no")
    assert "set appendonly yes, or pass allow_volatile=True" in str(error)
    RedisStore(server.url, allow_volatile=True).close()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_server_that_throws_keys_away_is_refused_unless_that_is_wanted(server, client, policy):
    client.config_set("maxmemory-policy", policy)
    error = refused(server, allow_volatile=True)
    assert (error.setting, error.value) == ("maxmemory-policy", policy)
    assert "set noeviction, or pass allow_eviction=True" in str(error)
    RedisStore(server.url, allow_eviction=True).close()


def test_nothing_is_written_to_a_server_that_is_refused(server, client):
    client.config_set("appendonly", "no")
    refused(server, prefix="never")
    assert client.keys("*never*") == []


def test_a_store_is_opened_as_it_was_made(server, client):
    RedisStore(server.url, prefix="parted", partitions=4).close()
    with pytest.raises(ConfigurationError, match="made with 4 partitions, not 1: pass partitions=4"):
        RedisStore(server.url, prefix="parted")
    client.hset("{parted}:meta", "schema", 9)
    with pytest.raises(StoreVersionError, match="schema 9"):
        RedisStore(server.url, prefix="parted", partitions=4)


@pytest.mark.parametrize(
    "options", [{"partitions": 0}, {"partitions": 1025}, {"prefix": ""}, {"prefix": "a{b"}, {"prefix": "a b"}]
)
def test_what_cannot_be_is_refused(server, options):
    with pytest.raises(ConfigurationError):
        RedisStore(server.url, **options)


def test_what_is_no_url_is_refused():
    with pytest.raises(ConfigurationError, match="is not the URL of a server"):
        RedisStore("localhost")


def test_where_there_is_no_server_that_is_said():
    with pytest.raises(StoreUnavailable, match="make the call again"):
        RedisStore("unix:///nowhere/s")


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_client_of_the_hosts_will_do(server, kind, decode):
    url = server.url
    client = (
        server.client(decode_responses=decode) if kind == "redis" else Valkey.from_url(url, decode_responses=decode)
    )
    with closing(client):
        store = RedisStore(client, prefix=f"{kind}-{decode}")
        with closing(Bench(store, Ticks(), lambda same: same)) as bench:
            run = bench.enter("größe 😀")
            assert bench.runs() == [run]
        store.close()
        assert client.ping(), "the host's client is the host's to close"


def test_errors_of_the_other_driver_are_translated_too(server):
    client = Valkey.from_url("unix:///nowhere/s")
    with pytest.raises(StoreUnavailable):
        RedisStore(client)


def test_no_transaction_is_joined(server):
    with closing(RedisStore(server.url)) as store, pytest.raises(ConfigurationError, match="after the host's commit"):
        store.joined(object())


def test_a_server_that_forgot_the_scripts_is_given_them_again(server, client):
    with closing(RedisStore(server.url, prefix="forgot")) as store:
        client.script_flush()
        assert store.runs() == []
        client.script_flush()
        assert store.next_due() is None
    with closing(RedisStore(server.url, prefix="forgot-4", partitions=4)) as store:
        client.script_flush()
        assert store.watches(0, limit=1) == (0, []), "several at once"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", StoreFull),
        ("READONLY You can't write against a read only replica.", StoreReadOnly),
        ("MISCONF Errors writing to the AOF file: No space left on device", StoreReadOnly),
        ("BUSY script is running", StoreBusy),
        ("LOADING the dataset in memory", StoreUnavailable),
        ("CLUSTERDOWN The cluster is down", StoreUnavailable),
        ("NOPERM this user has no permissions", StoreError),
        ("ERR whatever", StoreError),
    ],
)
def test_what_the_server_replies_has_its_error(server, monkeypatch, reply, kind):
    """The reply is the server's; its text is made up, since the states behind it are hard to bring about."""
    source = f'return redis.error_reply("{reply}")'
    monkeypatch.setitem(SCRIPTS, "failing", type(SCRIPTS["next"])("failing", source, "0" * 40))
    with closing(server.client(retry=None)) as client, pytest.raises(FlowkitError) as caught:
        Wire(client).run("failing", "{x}:", {})
    assert type(caught.value) is kind


def test_a_user_needs_the_keys_and_commands_that_the_documentation_names(server, client):
    kinds = ["scripting", "hash", "set", "sortedset", "list", "stream", "keyspace", "connection"]
    rights = [*(f"+@{kind}" for kind in kinds), "+info", "+time"]
    client.execute_command("ACL SETUSER", "shop", "on", ">secret", "~{shop*", "-@all", *rights, "-keys", "-flushall")
    with closing(server.client(username="shop", password="secret")) as own:
        bench = Bench(RedisStore(own, prefix="shop"), Ticks(), lambda same: same)
        bench.enter("s", state=SENDING)
        claim = bench.held()
        bench.freeze(claim, {key_of(claim.runs[0]): "input"})
        bench.notes(claim).begin(claim.runs[0])
        bench.lapse()
        moves = [Move(claim.runs, DONE_STATE, None, ())]
        assert not bench.commit(moves=moves, claim=claim, ends=True)
        with pytest.raises(StoreError, match="refused the user"):
            RedisStore(own, prefix="other")
