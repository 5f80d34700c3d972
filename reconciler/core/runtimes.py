"""What is done with the table of runtimes: the words that start an agent. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconciler.kinds.runtimes import AGENTS, RUNTIMES
from reconciler.model.agent import Persona
from reconciler.model.runtime import Runtime

_WORD = re.compile(r"\{([a-z_]+)\}")


def argv(
    runtime: Runtime, persona: Persona, words: Mapping[str, str], *, resume: bool
) -> tuple[str, ...]:
    """Return the program and its arguments; with `resume` those of a conversation that goes on.

    `words` are what only the moment of starting knows (`conversation`, `settings`, `mcp`, `plugin`,
    `gate`, `token_variable`); the rest comes from the persona. A group of arguments one of whose
    words is empty or not known is left out.
    """
    known = {
        "model": persona.model,
        "permission": persona.permission or runtime.usual,
        "tools": ",".join(persona.tools),
        "prompt": persona.prompt,
        **words,
    }
    groups = runtime.resume if resume else runtime.start
    return (runtime.program, *(word for group in groups for word in _filled(group, known)))


def _filled(group: tuple[str, ...], words: Mapping[str, str]) -> Iterator[str]:
    if all(words.get(name) for part in group for name in _WORD.findall(part)):
        for part in group:
            # What is put in is never looked at again: a prompt may hold braces.
            yield _WORD.sub(lambda found: words[found[1]], part)


__all__ = ["AGENTS", "RUNTIMES", "argv"]
