"""Whose signature a commit of an agent's work carries, by the keys that `fleet.yaml` names.

Starts `ssh-keygen` with one key that it may believe, and nothing else. What cannot be checked is
never good.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from reconciler.adapters.git.formats import printable
from reconciler.adapters.git.seal import WHO, Signers, key_path
from reconciler.adapters.git.seal import Seal as Pen
from reconciler.adapters.git.signed import fingerprint, key_line, read_ssh, ssh_key, take_apart
from reconciler.model.problems import NovaorchError
from reconciler.model.provenance import Seal, SealState

TRAINING_KEY = "novaorch, with the training key of this fleet"
YAML_MAX, DEPTH_MAX = 2**20, 32
_Value: TypeAlias = "str | list[_Value] | dict[str, _Value] | None"


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that somebody here vouches for. `asked`: agents' work has to be signed.

    `trouble` says why the training key cannot be known. `known`: there is a fleet at all.
    """

    training: bytes = b""
    principals: Mapping[bytes, str] = field(default_factory=dict)
    asked: bool = False
    trouble: str = ""
    known: bool = False

    def owner(self, key: bytes) -> str:
        """Return whose a key is, '' for nobody's."""
        return (
            TRAINING_KEY if self.training and key == self.training else self.principals.get(key, "")
        )


def trust_of(manifest: bytes | None, root: Path, home: str) -> Trust:
    """Return what a `fleet.yaml` says of keys; of one that cannot be read, nothing is known."""
    if manifest is None:
        return Trust()
    said = composed(manifest) if b"key" in manifest or b"ssh" in manifest else {}
    if said is None:
        return Trust(asked=True, trouble="fleet.yaml cannot be read", known=True)
    spec = _below(said, "spec")
    principals = dict(_principals(spec))
    written = _below(spec, "training").get("key")
    path = key_path(written, home, root) if isinstance(written, str) and written else None
    if path is None:
        return Trust(principals=principals, known=True)
    try:
        key = ssh_key(Pen(path).public())
    except (NovaorchError, ValueError, OSError):
        why = f"the key that fleet.yaml names, {printable(str(path))}, cannot be read here"
        return Trust(principals=principals, asked=True, trouble=why, known=True)
    return Trust(key, principals, asked=True, known=True)


def seal_of(oid: str, body: bytes, object_format: str, trust: Trust) -> Seal:
    """Return what is known of the signature of a commit."""
    try:
        signed = take_apart(oid, body, object_format)
        if signed.kind != "ssh":
            odd = "it is no SSH signature" if signed.kind else ""
            return Seal(SealState.UNCHECKED if odd else SealState.UNSIGNED, why=odd)
        seen = read_ssh(signed.signature)
    except (ValueError, UnicodeError) as error:
        return Seal(SealState.BAD, why=f"its signature cannot be read: {error}")
    name, owner = fingerprint(seen.key), trust.owner(seen.key)
    if seen.namespace != "git":
        return Seal(SealState.BAD, owner, name, "its signature was made for something else")
    if not owner:
        return Seal(SealState.UNKNOWN_KEY, key=name, why=trust.trouble)
    signers = Signers(f'{WHO} namespaces="git" {key_line(seen.key)}\n')
    try:
        good = signers.trust(signed.payload, seen.armoured().decode("ascii"))
    except NovaorchError as error:
        return Seal(SealState.UNCHECKED, owner, name, error.what)
    finally:
        signers.close()
    why = "" if good else "its signature does not fit its content"
    return Seal(SealState.GOOD if good else SealState.BAD, owner, name, why)


def composed(text: bytes) -> dict[str, _Value] | None:
    """Return a YAML file as texts, lists and maps; None for what is not plain."""
    import yaml  # noqa: PLC0415 - only fleets with keys need it

    if len(text) > YAML_MAX:
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        made = _composed(yaml.parse(text, Loader=loader))
    except (yaml.YAMLError, ValueError, UnicodeError):
        return None
    return made if isinstance(made, dict) else None


def _composed(events: Iterator[object]) -> _Value:
    """Put events together, without recursion: libyaml's own composer dies of deep nesting."""
    root: list[_Value] = []
    stack: list[tuple[list[_Value] | dict[str, _Value], list[str]]] = [(root, [])]
    for event in events:
        word = type(event).__name__
        if word in ("MappingEndEvent", "SequenceEndEvent"):
            stack.pop()
        elif word == "AliasEvent" or len(stack) > DEPTH_MAX:
            raise ValueError
        elif word in ("MappingStartEvent", "SequenceStartEvent", "ScalarEvent"):
            _add(stack, word, str(getattr(event, "value", "")))
    return root[0] if root else None


def _add(
    stack: list[tuple[list[_Value] | dict[str, _Value], list[str]]], word: str, text: str
) -> None:
    value: _Value = text
    if word != "ScalarEvent":
        value = {} if word == "MappingStartEvent" else []
    above, keys = stack[-1]
    if isinstance(above, list):
        above.append(value)
    elif not keys:
        if not isinstance(value, str):
            raise ValueError
        keys.append(value)
        return
    else:
        above[keys.pop()] = value
    if isinstance(value, list | dict):
        stack.append((value, []))


def _below(value: _Value, name: str) -> dict[str, _Value]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _principals(spec: dict[str, _Value]) -> Iterator[tuple[bytes, str]]:
    listed = spec.get("principals")
    for one in listed if isinstance(listed, list) else ():
        keys = one.get("ssh") if isinstance(one, dict) else None
        name = one.get("name") if isinstance(one, dict) else None
        revoked = isinstance(one, dict) and one.get("revoked") == "true"
        for text in keys if isinstance(keys, list) and not revoked else ():
            with contextlib.suppress(ValueError):
                yield ssh_key(str(text)), printable(str(name))
