"""The store in Redis or Valkey: many workers on many machines, every write one Lua script, alone or on a cluster."""

from flowkit.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
