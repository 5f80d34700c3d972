"""The store: DragonflyDB, Redis or Valkey, found, reached, or started on a private socket.

Only observations live here. Losing all of it loses no agent, and nothing here waits for long.
"""

from reconciler.adapters.store.embedded import EmbeddedServer
from reconciler.adapters.store.leases import RedisLeases
from reconciler.adapters.store.mail import RedisMail
from reconciler.adapters.store.redis_store import RedisStore
from reconciler.adapters.store.resolve import open_leases, open_mail, open_store

__all__ = [
    "EmbeddedServer",
    "RedisLeases",
    "RedisMail",
    "RedisStore",
    "open_leases",
    "open_mail",
    "open_store",
]
