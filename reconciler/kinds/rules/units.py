"""Rules about how units fit together, decided when all files of a tree are known."""

from __future__ import annotations

from reconciler.kinds.rules.rule import Rule
from reconciler.model.problems import Severity

RULES: dict[str, Rule] = {
    "fleet/missing": Rule(
        "without it nobody knows which tmux server is meant, and what runs could be started twice",
        "run `novaorch init`, or write desired-state/fleet.yaml with "
        "`apiVersion: novaorch/v1` and `kind: Fleet`",
    ),
    "fleet/broken": Rule(
        "it decides which tmux server and which store are meant; guessing could touch others",
        "mend the problems of fleet.yaml",
    ),
    "directory/outside": Rule(
        "a relative directory stays inside the repository",
        "write an absolute path, or one starting with ~",
    ),
    "directory/not-allowed": Rule(
        "fleet.yaml names the folders in which things may run (limits.roots)",
        "choose a directory below one of them, or add its folder to limits.roots",
    ),
    "workspace/directory": Rule(
        "an agent with a workspace runs in its own work tree, so that nobody else's is touched",
        "write a directory relative to its work tree, or delete `directory`",
    ),
    "training/no-workspace": Rule(
        "only work in a workspace is committed",
        "add `workspace: {}`",
        Severity.WARNING,
    ),
    "agent/replica-clash": Rule(
        "replicas are named NAME-0, NAME-1 and so on",
        "rename the other agent, or this one",
    ),
    "agent/self-dependency": Rule(
        "what waits for itself never starts",
        "delete the item",
    ),
    "agent/unknown-dependency": Rule(
        "what waits for something that is not there never starts",
        "correct the name, or delete the item",
    ),
    "agent/cycle": Rule(
        "what waits in a circle never starts",
        "delete one `after` of the circle",
    ),
    "agent/unknown-session": Rule(
        "an agent lives in a Session of its own project",
        "correct the name, write the Session, or delete `session` to give it one of its own",
    ),
    "agent/session-conflict": Rule(
        "an agent lives in one place",
        "delete the pane, or make `session` name that Session",
    ),
    "agent/size-unused": Rule(
        "panes of a Session share its size",
        "delete `size`, or set it in the Session",
        Severity.WARNING,
    ),
    "session/unknown-agent": Rule(
        "a pane shows an agent of its own project",
        "correct the name, or write the agent's file",
    ),
    "session/replica-name": Rule(
        "one pane shows one replica",
        "name the replica, or drop the pane and write `session` in the agent's file",
    ),
    "session/agent-twice": Rule("an agent lives in one pane", "delete one of the two panes"),
    "session/protect-unused": Rule(
        "protect of a Session holds for the panes that it declares itself",
        "write `protect: true` into the files of the agents, or delete it here",
        Severity.WARNING,
    ),
    "session/name-taken": Rule(
        "a tmux session has one owner; the first by path keeps the name",
        "choose another name",
    ),
}
