"""A manifest as YAML text: block style, one way to write each thing, safe in our strict subset.

Words that other YAML readers take for booleans, numbers or nothing are quoted.
"""

from __future__ import annotations

import json
import re

from reconciler.kinds.foreign.notes import Manifest
from reconciler.model.ids import Json

_SAFE = re.compile(
    r"[A-Za-z_/.~][A-Za-z0-9_/.~@+=,-]*(?: [A-Za-z0-9_/.~@+=(-][A-Za-z0-9_/.~@+=,()-]*)*"
)
_SPECIAL = re.compile(
    r"y|n|yes|no|on|off|true|false|null|none|~|\.inf|\.nan|[.0-9eE_+-]+|\.?[0-9][0-9a-fA-FxXoO_.:+-]*",
    re.IGNORECASE,
)


def manifest_text(manifest: Manifest, schema: str = "") -> str:
    """Return the file's text. `schema` is where an editor finds the JSON Schema ('': nowhere)."""
    head = [f"# yaml-language-server: $schema={schema}"] if schema else []
    return "\n".join([*head, *_mapping(manifest, "")]) + "\n"


def _mapping(value: dict[str, Json], indent: str) -> list[str]:
    lines: list[str] = []
    for key, inner in value.items():
        lines += _entry(f"{indent}{scalar(key)}:", inner, indent)
    return lines


def _entry(head: str, value: Json, indent: str) -> list[str]:
    if isinstance(value, dict) and value:
        return [head, *_mapping(value, indent + "  ")]
    if isinstance(value, list) and value:
        return [head, *_items(value, indent + "  ")]
    return [f"{head} {scalar(value)}"]


def _items(values: list[Json], indent: str) -> list[str]:
    lines: list[str] = []
    for value in values:
        if isinstance(value, dict) and value:
            first, *rest = _mapping(value, indent + "  ")
            lines += [f"{indent}- {first.lstrip()}", *rest]
        elif isinstance(value, list) and value:
            first, *rest = _items(value, indent + "  ")
            lines += [f"{indent}- {first.lstrip()}", *rest]
        else:
            lines.append(f"{indent}- {scalar(value)}")
    return lines


def scalar(value: Json) -> str:
    """Return a value that fits on one line; a list or mapping must be empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return json.dumps(value)
    if _SAFE.fullmatch(value) and not _SPECIAL.fullmatch(value):
        return value
    if value.isascii() and value.isprintable() and ('"' in value or "\\" in value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escaped(c) for c in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable() and character not in "\u0085\u2028\u2029\ufeff":
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
