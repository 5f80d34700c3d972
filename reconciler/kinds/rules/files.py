"""Rules about paths and files, decided before a byte of content is looked at."""

from __future__ import annotations

from reconciler.kinds.rules.rule import Rule
from reconciler.model.problems import Severity

RULES: dict[str, Rule] = {
    "path/symlink": Rule(
        "a symbolic link can point out of the repository",
        "replace the link by a plain file",
    ),
    "path/submodule": Rule(
        "a submodule's content is not part of this commit",
        "copy the manifests into this repository",
    ),
    "path/executable": Rule(
        "nothing below desired-state is ever executed, so nothing there may look as if it were",
        "git update-index --chmod=-x FILE (and chmod -x FILE), then commit",
    ),
    "path/mode": Rule("only plain files of mode 100644 are read", "commit it as a plain file"),
    "path/traversal": Rule(
        "an empty, `.` or `..` part can lead out of the folder",
        "rename the entry",
    ),
    "path/absolute": Rule("a path in a tree is relative to desired-state", "rename the entry"),
    "path/control": Rule(
        "a control character in a name can forge lines of a log or a plan",
        "rename the file with printable characters",
    ),
    "path/not-utf8": Rule(
        "a name that is not UTF-8 has no one spelling",
        "rename the file with UTF-8 characters",
    ),
    "path/backslash": Rule(
        "a backslash separates folders on some systems and not on others",
        "rename the file without a backslash",
    ),
    "path/trailing": Rule(
        "some file systems drop a trailing dot or space, and two names become one",
        "rename the entry without the trailing dot or space",
    ),
    "path/git-folder": Rule(
        "some file systems take this name for the repository's own .git folder",
        "rename the entry",
    ),
    "path/long-component": Rule(
        "file systems hold names of at most 255 bytes",
        "choose a shorter name",
    ),
    "path/deep": Rule("folders are at most 16 deep", "move the file nearer to desired-state"),
    "path/not-read": Rule(
        "only .yaml and .yml manifests and charter.md mean anything here",
        "rename it to .yaml if it is a manifest, or move it out of desired-state",
        Severity.WARNING,
    ),
    "path/misplaced": Rule(
        "the folder of a file tells its kind: PROJECT/agents/*.yaml, PROJECT/sessions/*.yaml",
        "move the file into a project's agents/ or sessions/ folder",
    ),
    "path/wrong-folder": Rule(
        "a unit's identity is its path, so kind and folder must agree",
        "move the file, or correct its kind",
    ),
    "file/too-big": Rule("a manifest or charter is at most 1 MiB", "split it, or shorten it"),
    "file/unread": Rule(
        "unknown is not absent: a file that was not read holds everything it may name",
        "run it again; if it stays, check the repository with `git fsck`",
    ),
    "file/unexpected": Rule(
        "reading this file failed in a way that novaorch did not foresee",
        "please report it with the file; the other files are not affected",
    ),
    "file/more-problems": Rule(
        "only the first 50 problems of a file are shown",
        "mend those above and look again",
    ),
    "tree/case-twins": Rule(
        "on file systems that ignore case the two are one file",
        "rename one of them",
    ),
    "tree/unicode-twins": Rule(
        "the two look alike and are one file on some file systems",
        "rename one of them",
    ),
    "tree/too-many": Rule(
        "at most 20,000 entries are read, so that a mistake cannot exhaust the machine",
        "move what is not a manifest out of desired-state",
    ),
    "name/project": Rule(
        "a project's folder name is part of every id: a-z, 0-9 and -, at most 48 characters",
        "rename the folder",
    ),
    "name/unit": Rule(
        "names are part of ids and tmux names: a-z, 0-9 and -, at most 48 characters",
        "choose a name such as `torch` or `api-2`, by metadata.name or by the file's name",
    ),
    "name/twice": Rule(
        "one identity is declared once; the first file by path stays in force",
        "rename one of the two, or delete it",
    ),
}
