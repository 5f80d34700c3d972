"""Rules about single fields: what a schema says of one value, without looking at other files."""

from __future__ import annotations

from reconciler.kinds.rules.rule import Rule

RULES: dict[str, Rule] = {
    "kind/unknown": Rule("the kind decides which fields a manifest has", "choose a known kind"),
    "kind/api-version": Rule(
        "the version decides how a manifest is read",
        "write `apiVersion: novaorch/v1`",
    ),
    "schema/unknown-field": Rule(
        "a field that nobody reads is a wish that nobody grants",
        "correct its name, or delete it",
    ),
    "schema/missing-field": Rule("this field has no default", "add it"),
    "schema/type": Rule("the value has another shape than the field", "correct the value"),
    "schema/choice": Rule("the field knows a few words only", "choose one of them"),
    "schema/integer": Rule(
        "whole numbers are plain decimal digits: `012` and `1_000` mean different numbers to "
        "different readers",
        "write it in plain decimal digits",
    ),
    "schema/boolean": Rule("yes and no are written `true` and `false`", "write true or false"),
    "schema/duration": Rule(
        "a duration has a number and a unit",
        "write for example 500ms, 15s, 10m, 1h30m",
    ),
    "schema/range": Rule("the value is outside what works", "choose a value within the limits"),
    "schema/empty": Rule("an empty value means nothing here", "write a value, or delete the field"),
    "schema/long": Rule("the value is longer than what works", "shorten it"),
    "schema/text": Rule(
        "control and invisible characters can hide what a value says",
        "use printable characters only",
    ),
    "schema/invalid": Rule("the value does not fit the field", "see `novaorch schema KIND`"),
    "schema/label": Rule(
        "label names are short words",
        "use letters, digits and . _ / - in at most 63 characters",
    ),
    "fleet/socket": Rule(
        "a tmux socket is a short name, or an absolute path",
        "write for example `socket: novaorch`",
    ),
    "fleet/store-url": Rule(
        "the store is reached by redis://, rediss:// or unix://",
        "write for example `url: redis://127.0.0.1:6379/0`",
    ),
    "fleet/store-password": Rule(
        "a secret in git is a secret no more",
        "delete it from the url, change it, and write `password: env:NAME` beside the url",
    ),
    "fleet/store-open": Rule(
        "whoever reaches an open store can give orders to the fleet",
        "use rediss://, or set a password and write `password: env:NAME` beside the url",
    ),
    "fleet/branch": Rule(
        "a branch is named as git names it",
        "write for example `branch: main`",
    ),
    "fleet/journal-key": Rule(
        "a private key in a work tree is soon in git, and then it is private no more",
        "keep it outside, and write for example `key: ~/.ssh/id_ed25519`",
    ),
    "workspace/size": Rule(
        "a size is a whole number and KB, MB or GB",
        "write for example `file-max: 50MB`",
    ),
    "workspace/base": Rule(
        "a run goes back to the branch that it began at, and never into another run",
        "name another branch, or delete `base`",
    ),
    "workspace/pattern": Rule(
        "patterns are about paths in the work tree",
        'write for example `keep-out: ["*.log", build/]`',
    ),
    "sync/window": Rule(
        "a window says when hours begin that are for changes, or when hours begin that are not",
        'keep one: `allow: "0 9 * * 1-5"` or `deny: "0 0 24 12 *"`',
    ),
    "sync/cron": Rule(
        "a cron line has five fields: minute, hour, day of month, month, day of week",
        'write for example `"0 9 * * 1-5"` for nine o\'clock from Monday to Friday',
    ),
    "sync/cron-never": Rule(
        "hours that never begin would close the fleet, or deny nothing, for ever",
        "correct day and month",
    ),
    "sync/timezone": Rule(
        "hours are those of a place's clock, by its IANA name",
        "write for example `timezone: Europe/Berlin`",
    ),
    "sync/canary-first": Rule(
        "the first are a share of those that change, 1% to 100%, or a number, 1 to 10000",
        "write for example `first: 10%` or `first: 3`",
    ),
    "verify/nobody": Rule(
        "no commit could be followed any more, this one's correction neither",
        "write who may sign into `principals`, or `commits: off`",
    ),
    "verify/name": Rule(
        "the name goes into a file that ssh-keygen reads: letters, digits and . _ @ + -",
        "write for example `name: ada@example.org`",
    ),
    "verify/no-key": Rule(
        "a signature is known by its key",
        "add `ssh:` or `gpg:` with the public key",
    ),
    "verify/key-twice": Rule(
        "who signed must have one answer",
        "delete one of the two",
    ),
    "verify/private-key": Rule(
        "whoever can read the repository can sign with it now",
        "delete it, make a new key, and write the public one (the file that ends in .pub)",
    ),
    "verify/ssh-key": Rule(
        "a public SSH key is one line: its type, then base64, without options before it",
        "copy the line of the file that ends in .pub; `ssh-keygen -l -f FILE` checks it",
    ),
    "verify/gpg-key": Rule(
        "a public OpenPGP key is an armoured block",
        "write `gpg: |` and below it what `gpg --armor --export ada@example.org` prints",
    ),
    "verify/date": Rule("days are written year-month-day", "write for example 2026-01-31"),
    "verify/dates": Rule(
        "signatures count from the first day up to, and without, the second",
        "make `until` later than `from`",
    ),
    "agent/no-command": Rule(
        "runtime command, which is the default, starts what `command` says",
        "add `command: [program, argument]`, or choose `runtime: claude-code`",
    ),
    "agent/command-unused": Rule(
        "an agent runtime is started with what it needs, and with nothing else",
        "delete `command`, or write `runtime: command`",
    ),
    "agent/only-agents": Rule(
        "a plain command has no model, no permissions and no conversation",
        "delete the field, or choose a runtime such as `runtime: claude-code`",
    ),
    "agent/rehearsal-only": Rule(
        "a fake agent does nothing but pretend",
        "choose `runtime: claude-code`; `novaorch rehearse` shows a fleet of fake ones",
    ),
    "agent/model": Rule(
        "a model's name becomes an argument of the runtime: letters, digits and . _ : / @ [ ] -",
        "write for example `model: opus`",
    ),
    "agent/tool": Rule(
        "a tool's name that starts with `-` would be taken for an option",
        'write for example `tools: [Read, "Bash(git status)"]`',
    ),
    "agent/dollars": Rule(
        "an amount has at most six digits before the point and two behind it",
        "write for example `usd_per_day: 20`",
    ),
    "launch/nul": Rule("a program cannot be given a NUL byte", "delete it"),
    "launch/program": Rule(
        "a program whose name starts with `-` or holds `=` is taken for an option or a variable",
        "name the program first: `command: [program, argument]`",
    ),
    "launch/env-name": Rule(
        "variable names are letters, digits and _, and do not start with a digit",
        "correct the name",
    ),
    "launch/env-reserved": Rule(
        "names that start with NOVAORCH_ or TMUX are set by novaorch and tmux themselves",
        "choose another name",
    ),
    "launch/secret-literal": Rule(
        "a secret in git is a secret no more",
        "write a reference, `env:NAME` or `file:/absolute/path`; if this was a real secret, "
        "change it now",
    ),
    "launch/env-and-secret": Rule(
        "a variable has one value",
        "delete it from `env` or from `secrets`",
    ),
    "launch/typed": Rule(
        "typed lines are keys pressed one after the other; a control character is a command",
        "write one printable line an item",
    ),
    "launch/backoff": Rule(
        "waits grow from base to max",
        "make `base` at most `max`",
    ),
    "launch/kill-unused": Rule(
        "without `quit` lines the first word is TERM, and `grace` is the time until KILL",
        "delete `kill`, or write `quit: [/exit]` or what makes the program end politely",
    ),
    "session/name": Rule(
        "tmux changes or misreads other names: letters, digits, space and _ / @ + , - only, "
        "starting with a letter or digit, at most 64 characters",
        "choose such a name",
    ),
    "session/window-name": Rule(
        "tmux expands `#` in names, and control characters break its output",
        "use at most 64 printable characters without #",
    ),
    "session/layout": Rule(
        "a layout is one of tmux's names, or a string that tmux printed with its checksum",
        "choose even-horizontal, even-vertical, main-horizontal, main-vertical or tiled; or copy "
        "what `tmux list-windows -F '#{window_layout}'` prints",
    ),
    "session/option-unknown": Rule(
        "only options that cannot run a command and that novaorch does not own may be set",
        "choose one of the list, or set it in the file that fleet.yaml names in tmux.config",
    ),
    "session/option-value": Rule(
        "`#(`, `#{` and a trailing `;` are commands to tmux, not text",
        "use plain printable text",
    ),
    "session/pane-both": Rule(
        "a pane runs one thing: an agent, a command, or the user's shell",
        "keep one of the two",
    ),
    "session/pane-agent-only": Rule(
        "how an agent runs is said in the agent's own file",
        "move the field to the agent's file",
    ),
    "session/focus-twice": Rule("one place has the focus", "keep one `focus: true`"),
    "directory/unsafe": Rule(
        "tmux expands `#` in a directory, and control characters can forge output",
        "use a directory whose path has no # and no control character",
    ),
    "directory/user": Rule(
        "only your own home is known here",
        "write ~/path or an absolute path",
    ),
}
