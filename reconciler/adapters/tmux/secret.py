"""Looks up the values behind secret references, at the moment of starting and never before.

A value is returned to the caller and kept nowhere; no error and no log ever holds one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from reconciler.model.problems import NovaorchError

FILE_BYTES_MAX = 64 * 1024


def lookup(reference: str, environ: Mapping[str, str]) -> str:
    """Return the value that `reference` (`env:NAME` or `file:/PATH`) stands for.

    NovaorchError names the reference, never the value. A file must be regular, at most 64 KiB,
    UTF-8, and readable by its owner alone; one line break at its end is not part of the value.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "env" and name:
        return _of_variable(name, environ)
    if scheme == "file" and name:
        return _of_file(name)
    raise NovaorchError(
        f"not a secret reference: {reference.partition(':')[0]}:…",
        why="a secret is given by `env:NAME` or `file:/path`",
        fix="write the reference of the secret, never the secret itself",
    )


def _of_variable(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if not value:
        raise NovaorchError(
            f"the secret's variable {name} is not set",
            why="novaorch's own environment has no such variable, or an empty one",
            fix=f"set {name} where novaorch runs, then try again",
        )
    return value


def _of_file(path: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as broken:
        why = getattr(broken, "strerror", None) or "not a path"
        raise NovaorchError(
            f"the secret's file {path} cannot be read", why=why, fix=f"put the secret into {path}"
        ) from broken
    try:
        return _content(handle, path)
    finally:
        os.close(handle)


def _content(handle: int, path: str) -> str:
    seen = os.fstat(handle)
    if not stat.S_ISREG(seen.st_mode):
        raise _refused(path, "it is not a regular file", "give the path of a regular file")
    if seen.st_mode & 0o077:
        raise _refused(path, "others than its owner may read it", f"chmod 600 {path}")
    data = b""
    while chunk := os.read(handle, FILE_BYTES_MAX + 1 - len(data)):
        data += chunk
    if len(data) > FILE_BYTES_MAX:
        raise _refused(path, "it is larger than 64 KiB", "put the secret alone into the file")
    try:
        value = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _refused(path, "it is not UTF-8 text", "store the secret as UTF-8 text") from None
    if not value or "\0" in value:
        raise _refused(path, "it is empty or holds a NUL", f"put the secret into {path}")
    return value


def _refused(path: str, why: str, fix: str) -> NovaorchError:
    return NovaorchError(f"the secret's file {path} is refused", why=why, fix=fix)
