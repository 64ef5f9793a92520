"""The keys of a small store, as they lie on the server: they outlive the code, so they are frozen."""

from contextlib import closing

import pytest
from redis import Redis

from flowkit.ports import Move
from flowkit.runs.consent import Ban, SuppressionReason
from flowkit.runs.model import Entry, Kind
from flowkit.stores.redis import RedisStore
from flowkit.testing.bench import DONE_STATE, NOW, Bench, Ticks


@pytest.fixture
def keys(valkey_url, valkey_prefix):
    """What lies there when one has ended and one waits: each key's own part of the name, and its value."""
    with closing(RedisStore(valkey_url, prefix=valkey_prefix)) as store:
        bench = Bench(store, Ticks(), lambda same: same)
        ada = bench.enter("ada", due=NOW)
        bench.enter("bob", due=NOW + 5)
        claim = bench.held(NOW)
        assert list(claim.runs) == [ada]
        bench.commit(moves=[Move(claim.runs, DONE_STATE, None, (Entry(Kind.COMPLETED),))], claim=claim, ends=True)
        store.suppress(["bob"], Ban.of(SuppressionReason.COMPLAINT), NOW)
    with closing(Redis.from_url(valkey_url, decode_responses=True)) as client:
        base = f"{{{valkey_prefix}}}:"
        return {key.removeprefix(base): read(client, key) for key in client.scan_iter(match=f"{base}*", count=1000)}


def read(client, key):
    match client.type(key):
        case "hash":
            return client.hgetall(key)
        case "zset":
            return [(member, int(score)) for member, score in client.zrange(key, 0, -1, withscores=True)]
        case "set":
            return client.smembers(key)
        case "list":
            return client.lrange(key, 0, -1)
        case _:
            return [(number, row) for number, row in client.xrange(key)]


def test_the_rows_of_runs_are_frozen(keys):
    assert keys["run"] == {
        "0000000001": "2||2|1|[2]",
        "0000000002": f"1|{NOW + 5}|0|1|#eQZ8vfZQ65KE",
    }
    assert keys["text"]["eQZ8vfZQ65KE"] == '[0,"pause",0,null,"duration"]'
    assert keys["born"]["0000000001"] == (
        '["08acdebb75775d60a03b1272aa2bea21","ada","w",1767225600000000,'
        '"{\\"type\\":\\"signup\\",\\"at\\":1767225600000000,\\"id\\":\\"1\\"}"]'
    )
    assert keys["order"] == [("1-0", {"": ""}), ("2-0", {"": ""})]
    assert keys["due"] == [("0000000002", NOW + 5)]
    assert keys["live:w"] == [("0000000002", 0)]


def test_the_rows_of_subscribers_are_frozen(keys):
    assert keys["s:ada"] == {"h": "1", "l:w": f"1|1|{NOW}|0||"}
    assert keys["s:bob"] == {
        "h": "2",
        "l:w": f"1|1|{NOW}|0||",
        "r:0000000002": "",
        "b:complaint:marketing": "1",
    }
    assert keys["r:ada"] == [("0000000001", NOW)]
    assert keys["e:ada"] == {"1"}
    assert keys["j:ada"] == ["1", "3"]
    assert keys["bans"] == {"1": f'["bob","complaint","marketing",{NOW}'}


def test_the_rows_of_the_journal_are_frozen(keys):
    assert keys["journal"] == [
        ("1-0", {"a": str(NOW), "b": '[["entered","pause",null,{"trigger":"1"}]]', "r": "0000000001"}),
        ("2-0", {"a": str(NOW), "b": keys["journal"][1][1]["b"], "r": "0000000002"}),
        ("3-0", {"a": str(NOW), "b": '[["completed"]]', "r": "0000000001"}),
    ]
    digest = keys["journal"][1][1]["b"].removeprefix("#")
    assert keys["text"][digest] == keys["journal"][0][1]["b"]
    assert len(keys["text"]) == 2, "what comes a second time is written once"


def test_what_belongs_to_nobody_is_frozen(keys):
    assert keys["meta"] == {"schema": "1", "partitions": "1", "stamp": "1", "editions": "1"}
    assert keys["counts"] == {"subscriber": "2", "run": "2", "line": "3", "ban": "1", "standing": "1"}
    assert keys["current"] == {"w": "1"}
    assert keys["changed"] == [("1", 1)]
    assert keys["published"] == {"1": ""}
