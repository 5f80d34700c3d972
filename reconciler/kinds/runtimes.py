"""The agent runtimes as data: one entry says how a command-line agent is started, read and ended.

The table alone; `core.runtimes` has what is done with it. A new agent is one more entry. What is
said of a screen was seen on real ones: it names what makes a kind of row, so that another theme,
another width or another version still fits.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.agent import Waiting
from reconciler.model.runtime import Looks, Runtime

# A row of the conversation is indented by two cells or begins with a sign of its own; what asks
# something is indented by one, or has its keys below it. Text within a conversation thus never
# looks like a question. The composer's sign is followed by a no-break space, an old prompt's not.
_CLAUDE = Looks(
    ready=r"^[\u276f>](?! )",
    busy=r"^[·✢✳✶✻✽*] .*(?:…|[Rr]etrying in )|^ .*\besc to interrupt\b",
    composer=r"^[\u276f>](?! )\u00a0?(.*)$",
    hint=r'Resend your message to try again|Try "[^"]+"|Press up to edit queued messages',
    limited=r"^(?:● | {2}⎿ +| )?(?:You've hit your [\w ]*limit|(?:[\w-]+ ){0,2}[Ll]imit reached\b"
    r"|Credit balance (?:is )?too low\b|API Error: (?:Request rejected \(429\)|429\b))",
    auth_lost=r"^(?:● | {2}⎿ +| )?(?:.*· )?(?:Please run /login|Invalid API key\b|Not logged in\b"
    r"|Session expired\b|Login expired\b|API Error: 401\b)|^[·✢✳✶✻✽*] 401 ",
    dialogs=(
        (Waiting.TRUST, r"^ *(?:\u276f )?(?:\d+\. )?Yes, I trust\b|^ Accessing workspace:"),
        (Waiting.TRUST, r"^ *Do you trust the files in this folder\?"),
        (Waiting.PLAN, r"^ {1,4}Exit plan mode\?|^ {1,2}Ready to code\?"),
        (Waiting.PLAN, r"^ Would you like to proceed\?"),
        (Waiting.QUESTION, r"^ ?Enter to select\b"),
        (Waiting.PERMISSION, r"^ Do you want to .*\?$|^ ?Esc to cancel · Tab to amend"),
        (Waiting.QUESTION, r"^ ?Enter to confirm\b|^ ?Esc to cancel\b|^ +\u276f \d+\. "),
    ),
)

_CODEX = Looks(
    ready=r"^[\u203a▌]",
    busy=r"\b[Ee]sc to interrupt\)?",
    composer=r"^[\u203a▌] ?(.*)$",
    limited=r"^(?:■ |• | )*You've hit your usage limit\b",
    auth_lost=r"\bSign in with ChatGPT\b|\b401 Unauthorized\b",
    dialogs=(
        (Waiting.TRUST, r"Do you trust the contents of this directory\?"),
        (Waiting.TRUST, r"allow Codex to work in this"),
        (Waiting.PERMISSION, r"^ *(?:▌ )?(?:Would you like to |Apply changes\?)"),
        (Waiting.QUESTION, r"^ *[Pp]ress [Ee]nter to confirm\b"),
    ),
)

_GEMINI = Looks(
    ready=r"^[│ ]*[>*!](?: |$)",
    busy=r"\(esc to cancel, \d",
    composer=r"^[│ ]*[>*!](?: +(.*?))? *│?$",
    limited=r"[Qq]uota exceeded|RESOURCE_EXHAUSTED|[Uu]sage limit reached",
    auth_lost=r"How would you like to authenticate|Failed to (?:log in|login)",
    dialogs=(
        (Waiting.TRUST, r"Do you trust (?:the files in )?this folder\?"),
        (Waiting.PERMISSION, r"^[│ ]*(?:Allow execution\b|Apply this change\?)"),
        (Waiting.PERMISSION, r"^[│ ]*Do you want to proceed\?"),
        (Waiting.QUESTION, r"^[│ ]*● \d+\. "),
    ),
)

_CLAUDE_OPTIONS = (
    ("--settings", "{settings}"),
    # Strict: a server that a repository brings along would first ask the person at the pane.
    ("--mcp-config", "{mcp}", "--strict-mcp-config"),
    ("--plugin-dir", "{plugin}"),
    ("--model", "{model}"),
    ("--permission-mode", "{permission}"),
)

_CODEX_OPTIONS = (
    ("--model", "{model}"),
    ("--ask-for-approval", "{permission}"),
    ("-c", 'mcp_servers.novaorch.url="{gate}/mcp"'),
    ("-c", 'mcp_servers.novaorch.bearer_token_env_var="{token_variable}"'),
)

_GEMINI_OPTIONS = (
    # The directory is one that a manifest names, as with the others.
    ("--skip-trust",),
    ("--model", "{model}"),
    ("--approval-mode", "{permission}"),
    ("--allowed-tools", "{tools}"),
)

CLAUDE_CODE = Runtime(
    name="claude-code",
    program="claude",
    install="npm install -g @anthropic-ai/claude-code",
    start=(("--session-id", "{conversation}"), *_CLAUDE_OPTIONS, ("--", "{prompt}")),
    resume=(("--resume", "{conversation}"), *_CLAUDE_OPTIONS),
    hooks=True,
    mcp=True,
    paste=True,
    quit=("/exit",),
    looks=_CLAUDE,
    permissions=("default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"),
    usual="default",
)

RUNTIMES: Mapping[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        Runtime("command", program="", install=""),
        CLAUDE_CODE,
        Runtime(
            name="codex",
            program="codex",
            install="npm install -g @openai/codex",
            # It chooses the id of a conversation itself, so each life begins another one.
            start=(*_CODEX_OPTIONS, ("--", "{prompt}")),
            resume=(("resume", "{conversation}"), *_CODEX_OPTIONS),
            mcp=True,
            paste=True,
            quit=("/quit",),
            looks=_CODEX,
            permissions=("on-request", "never"),
        ),
        Runtime(
            name="gemini",
            program="gemini",
            install="npm install -g @google/gemini-cli",
            start=(
                ("--session-id", "{conversation}"),
                *_GEMINI_OPTIONS,
                ("--prompt-interactive={prompt}",),
            ),
            resume=(("--resume", "{conversation}"), *_GEMINI_OPTIONS),
            paste=True,
            quit=("/quit",),
            looks=_GEMINI,
            permissions=("default", "auto_edit", "plan", "yolo"),
        ),
        Runtime(
            name="fake",
            program="python3",
            install="install Python 3.11 or later",
            start=(("-m", "reconciler.rehearsal.agent"), *CLAUDE_CODE.start),
            resume=(("-m", "reconciler.rehearsal.agent"), *CLAUDE_CODE.resume),
            hooks=True,
            mcp=True,
            paste=True,
            quit=CLAUDE_CODE.quit,
            looks=_CLAUDE,
            permissions=CLAUDE_CODE.permissions,
            usual=CLAUDE_CODE.usual,
        ),
    )
}
"""Every runtime by the word that a manifest has for it; `fake` is for rehearsals alone."""

AGENTS = tuple(name for name in RUNTIMES if name != "command")
"""Those that are more than a command."""
