"""Rules about YAML text and charters: the strict subset that is read."""

from __future__ import annotations

from reconciler.kinds.rules.rule import Rule
from reconciler.model.problems import Severity

RULES: dict[str, Rule] = {
    "yaml/encoding": Rule("files are UTF-8", "save the file as UTF-8"),
    "yaml/utf16": Rule(
        "files are UTF-8; this one looks like UTF-16",
        "save the file as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`",
    ),
    "yaml/control-character": Rule(
        "control characters can hide what a file says",
        'delete it, or write it as an escape such as "\\u001b" in double quotes',
    ),
    "yaml/tab": Rule("YAML is indented with spaces only", "replace the tab by spaces"),
    "yaml/syntax": Rule(
        "this is not YAML",
        "look at this place and the line above: an unclosed quote or bracket, a missing colon, "
        "or uneven indentation",
    ),
    "yaml/empty": Rule(
        "an empty file says nothing, and nothing is not a wish",
        "write a manifest, or delete the file",
    ),
    "yaml/not-a-mapping": Rule(
        "a manifest is a mapping with apiVersion, kind, metadata and spec",
        "start with `apiVersion: novaorch/v1` and `kind: Agent`",
    ),
    "yaml/documents": Rule(
        "one file is one unit, so that path and identity agree",
        "put the second document into a file of its own",
    ),
    "yaml/directive": Rule("directives change how a file is read", "delete the `%` line"),
    "yaml/duplicate-key": Rule(
        "YAML readers silently keep one of the two values",
        "delete one of them",
    ),
    "yaml/merge-key": Rule(
        "`<<` makes a value come from elsewhere in the file",
        "write the fields out",
    ),
    "yaml/alias": Rule(
        "a few aliases can stand for gigabytes",
        "write the value out",
    ),
    "yaml/anchor": Rule("anchors serve aliases, which are not read", "delete the `&name`"),
    "yaml/tag": Rule(
        "tags tell a YAML reader what to construct; here the schema gives every value its type",
        "delete the tag",
    ),
    "yaml/key-not-text": Rule("keys are plain words", "write the key as one word"),
    "yaml/depth": Rule("values are nested at most 32 deep", "flatten it"),
    "yaml/nodes": Rule("a file holds at most 50,000 values", "split it"),
    "charter/front-matter": Rule(
        "front matter starts and ends with a line of three dashes",
        "add a closing line `---`, or delete the first one",
    ),
    "charter/title": Rule(
        "the first `# ` heading names the charter in every listing",
        "start the charter with `# Its title`",
        Severity.WARNING,
    ),
    "charter/hidden-text": Rule(
        "agents read what people cannot see",
        "delete the invisible character; `cat -v` shows it",
        Severity.WARNING,
    ),
}
