"""What novaorch keeps on this machine for itself: its folder, its locks, its numbers."""

from reconciler.adapters.state.epochs import EpochFile
from reconciler.adapters.state.folder import (
    SOCKET_BYTES_MAX,
    StateDir,
    private_folder,
    replaced,
    told,
)
from reconciler.adapters.state.lock import Lock, LockFile, born, holder, holder_pid
from reconciler.adapters.state.oneself import gone, oneself
from reconciler.adapters.state.port import PortFile
from reconciler.adapters.state.questions import QuestionFile
from reconciler.adapters.state.tokens import Tokens

__all__ = [
    "SOCKET_BYTES_MAX",
    "EpochFile",
    "Lock",
    "LockFile",
    "PortFile",
    "QuestionFile",
    "StateDir",
    "Tokens",
    "born",
    "gone",
    "holder",
    "holder_pid",
    "oneself",
    "private_folder",
    "replaced",
    "told",
]
