"""What the fake agent is started with: the same words as the real one, and nothing guessed."""

from __future__ import annotations

SEVERAL = frozenset(
    ("--add-dir", "--allowedTools", "--allowed-tools", "--disallowedTools", "--disallowed-tools")
) | {"--mcp-config", "--tools", "--betas"}
"""Take every word up to the next that begins with a dash, as the real one does."""

LONE = frozenset(
    ("--strict-mcp-config", "--dangerously-skip-permissions", "--verbose", "--ide", "--bare")
) | {"--allow-dangerously-skip-permissions", "--fork-session", "--version", "--no-chrome"}

SHORT = {"-r": "--resume", "-n": "--name", "-v": "--version"}


class Flags:
    """A command line, read. `rest` are the words that are no option: the first is the prompt."""

    def __init__(self, words: list[str]) -> None:
        self.options: dict[str, list[str]] = {}
        self.rest: list[str] = []
        left = list(words)
        while left:
            word = left.pop(0)
            if word == "--":
                self.rest += left
                break
            if word.startswith("-"):
                self._option(word, left)
            else:
                self.rest.append(word)

    def _option(self, word: str, left: list[str]) -> None:
        name, equals, value = word.partition("=")
        name = SHORT.get(name, name)
        values = self.options.setdefault(name, [])
        if equals:
            values.append(value)
        elif name in SEVERAL:
            while left and not left[0].startswith("-"):
                values.append(left.pop(0))
        elif name not in LONE and left:
            values.append(left.pop(0))

    def has(self, name: str) -> bool:
        """Whether an option is there at all."""
        return name in self.options

    def one(self, name: str, otherwise: str = "") -> str:
        """Return the last value of an option."""
        return (self.options.get(name) or [otherwise])[-1]

    @property
    def allowed(self) -> list[str]:
        """The tools that may be used without asking, one by one."""
        told = self.options.get("--allowedTools", []) + self.options.get("--allowed-tools", [])
        return [tool for words in told for tool in words.replace(",", " ").split()]
