"""The ground that units stand on: the repository's root, the home, the allowed folders, and what
holds for all that do not say otherwise.

Lexical only: whether a directory exists, and where its links lead, is the host's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import normpath

from reconciler.kinds.names import shown
from reconciler.model.unit import Healing


@dataclass(frozen=True, slots=True)
class Ground:
    """`root` is what "." means, `home` what "~" means; `roots` (empty: anywhere) are absolute.

    `healing` is the fleet's. In a `rehearsal` agents may be fake. `workspaces` is the folder in
    which the work trees of the fleet's agents are.
    """

    root: str
    home: str
    roots: tuple[str, ...] = ()
    healing: Healing = field(default_factory=Healing)
    rehearsal: bool = False
    workspaces: str = ""

    def resolve(self, text: str) -> str | tuple[str, str]:
        """Return the absolute directory, or (rule, what) when it may not be used."""
        path = self.absolute(text)
        if isinstance(path, tuple):
            return path
        if "#" in path or not path.isprintable():
            return "directory/unsafe", f"{shown(path)} holds # or a control character"
        if self.roots and not any(below(path, root) for root in self.roots):
            return "directory/not-allowed", f"{shown(path)} is below none of limits.roots"
        return path

    def absolute(self, text: str) -> str | tuple[str, str]:
        """Return the absolute path that `text` means, or (rule, what) when it leads outside."""
        if text == ".":
            return self.root
        if text.startswith("~"):
            if text[1:2] not in {"", "/"}:
                return "directory/user", f"{shown(text)} is the home of someone else"
            return _plain(f"{self.home}/{text[1:]}")
        if text.startswith("/"):
            return _plain(text)
        path = _plain(f"{self.root}/{text}")
        if not below(path, self.root):
            return "directory/outside", f"{shown(text)} leads out of the repository"
        return path

    def reference(self, text: str) -> str:
        """Return a secret's reference with its `~` expanded."""
        return f"file:{self.home}/{text[7:]}" if text.startswith("file:~/") else text


def below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies below it, as text."""
    return path == root or path.startswith("/" if root == "/" else f"{root}/")


def _plain(path: str) -> str:
    # POSIX keeps two leading slashes apart; here they are a slip of the pen.
    return "/" + normpath(path).lstrip("/")


def merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Return the layers laid over each other, the last on top."""
    result: dict[str, str] = {}
    for layer in layers:
        result.update(layer)
    return result
