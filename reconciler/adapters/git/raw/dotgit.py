"""Names that git refuses in a path, because some file system takes them for `.git`.

Never says that a name is good for a checkout elsewhere: only what git itself would refuse.
"""

from __future__ import annotations

import re

# What HFS+ leaves out when it compares names.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# NTFS leaves out dots and blanks at the end; behind a colon is a stream of the same file, and a
# backslash parts names.
_NTFS = re.compile(r"(?:\.git|git~1)[ .]*(?:[:\\].*)?", re.S | re.I)


def refused_name(path: str) -> bool:
    """Return whether git would refuse a path in an index."""
    return any(_refused(part) for part in path.split("/"))


def _refused(part: str) -> bool:
    if part in ("", ".", ".."):
        return True
    if part[0] not in ".gG" and part.isascii():
        return False
    return _NTFS.fullmatch(part) is not None or _IGNORED.sub("", part).lower() == ".git"
