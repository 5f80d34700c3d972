"""A foreign file in a test: text in, manifest and notes out, and proof that our reader takes it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import yaml

from reconciler.kinds.foreign.notes import Imported
from reconciler.kinds.foreign.read import read_document
from reconciler.kinds.foreign.sniff import sniff
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.kinds.foreign.write import manifest_text
from reconciler.kinds.parse import parse

HERE = Surroundings("/files", "/home/me", {"USER": "me", "HOME": "/home/me"}, "/repo")


def imported(
    text: str, *, environ: Mapping[str, str] | None = None, path: str = "f.yaml", tool: str = ""
) -> Imported:
    """Import a text; the manifest has passed our own strict reader."""
    document = read_document(path, textwrap.dedent(text).encode())
    around = Surroundings("/files", "/home/me", {**HERE.environ, **(environ or {})}, "/repo")
    found = sniff(document, tool)(document, around)
    assert_valid(found)
    return found


def assert_valid(found: Imported) -> None:
    """The text is taken by our reader, and says to any YAML reader what the manifest says."""
    text = manifest_text(found.manifest, "x.json")
    manifest, problems = parse(f"work/sessions/{found.name}.yaml", "", text.encode())
    assert manifest is not None, problems
    assert yaml.safe_load(text) == found.manifest


def spec_of(found: Imported) -> Any:
    """Return the spec, loosely typed: a test says what it expects to find."""
    return found.manifest["spec"]


def spec(text: str, **words: Any) -> Any:
    """Return the spec of an imported text."""
    return spec_of(imported(text, **words))


def window(text: str, **words: Any) -> Any:
    """Return the first window of an imported text."""
    return spec(text, **words)["windows"][0]


def said(found: Imported, part: str) -> bool:
    """Whether a note says so."""
    return any(part in note.text for note in found.notes)
