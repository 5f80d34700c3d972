"""Every port without an outside: for tests and for the simulator.

Never kinder than the real thing: what tmux, git or the store would refuse is refused here too.
"""

from reconciler.adapters.memory.control import MemoryControl
from reconciler.adapters.memory.host import CrashError, MemoryHost
from reconciler.adapters.memory.leases import MemoryLeases
from reconciler.adapters.memory.mail import MemoryMail
from reconciler.adapters.memory.outfitter import MemoryOutfitter
from reconciler.adapters.memory.remote import MemoryRemote
from reconciler.adapters.memory.repository import MemoryMark, MemoryRepository
from reconciler.adapters.memory.store import MemoryStore
from reconciler.adapters.memory.time import MemoryClock, ScriptedTrigger
from reconciler.adapters.memory.typist import MemoryPane, MemoryTypist
from reconciler.adapters.memory.workshop import MemoryWorkshop
from reconciler.adapters.memory.yard import Yard

__all__ = [
    "CrashError",
    "MemoryClock",
    "MemoryControl",
    "MemoryHost",
    "MemoryLeases",
    "MemoryMail",
    "MemoryMark",
    "MemoryOutfitter",
    "MemoryPane",
    "MemoryRemote",
    "MemoryRepository",
    "MemoryStore",
    "MemoryTypist",
    "MemoryWorkshop",
    "ScriptedTrigger",
    "Yard",
]
