"""A fleet whose agent has worked, by the real recorder: its lines have turns and prompts."""

from __future__ import annotations

from pathlib import Path

from reconciler.adapters.git.record.recorder import GitRecorder
from reconciler.adapters.git.seal import Seal
from reconciler.core.masks import Mask
from reconciler.model.ids import UnitId
from reconciler.model.training import Turn
from reconciler.model.unit import Training
from reconciler.model.workspace import SeenWorkspace
from tests.adapters.git.keys import Key
from tests.adapters.git.runbed import ADA, TORCH, Bed
from tests.adapters.git.sandbox import Sandbox

FLEET = """\
apiVersion: novaorch/v1
kind: Fleet
metadata: {{name: f}}
spec: {{{training}}}
"""
AGENT = """\
apiVersion: novaorch/v1
kind: Agent
metadata: {{name: torch}}
spec: {{runtime: command, command: [sh], mode: training, workspace: {{}}, env: {{N: "{n}"}}}}
"""
PROMPT = "Please add a parser.\nIt has to read a line at a time; the token is sk-abcdefgh12345678."


class LineBed(Bed):
    """`apart`: the fleet is another repository than the one in which the agent works."""

    def __init__(
        self, folder: Path, *options: str, key: Key | None = None, apart: bool = False
    ) -> None:
        super().__init__(folder, *options)
        self.fleet = Sandbox(folder / "fleet", *options) if apart else self.repo
        self.key = key
        self.seal = Seal(key.file) if key is not None else None
        training = f"training: {{key: {key.file}}}" if key is not None else ""
        self.fleet.write("fleet.yaml", FLEET.format(training=training))
        self.fleet.write("shop/charter.md", "# The shop\n")
        self.charter = self.fleet.commit("Say what the shop is for")
        self.fleet.write("shop/agents/torch.yaml", AGENT.format(n=1))
        self.placed = self.fleet.commit("Let torch train")
        self.fleet.write("shop/agents/torch.yaml", AGENT.format(n=2))
        self.desired = self.fleet.commit("Give torch a number")
        self.begin(2)
        self.recorder = GitRecorder(key.file if key is not None else None, Mask(b"k" * 32))

    def turn_of(self, files: dict[str, str], *, prompts: str = "excerpt", **more: object) -> str:
        """Write files in the agent's tree and record them as one turn; return the commit."""
        for path, text in files.items():
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).write_bytes(text.encode("utf-8", "surrogateescape"))
        said: dict[str, object] = {
            "summary": "Add the parser", "prompt": PROMPT, "conversation": "c-1", "model": "opus",
            "tokens_in": 1200, "tokens_out": 34, "cost_usd": 0.25, "desired": self.desired,
            "charter": self.charter,
        }  # fmt: skip
        turn = Turn(TORCH, 1_800_000_000.0, **{**said, **more})  # type: ignore[arg-type]
        made = self.recorder.record(self.seen(), Training(prompts=prompts), turn)
        assert made is not None
        return made.commit

    def seen(self) -> SeenWorkspace:
        """Return the agent's tree as a photograph shows it."""
        branch = f"training/shop/torch/{self.run}"
        common = self.repo.git("rev-parse", "--path-format=absolute", "--git-common-dir")
        unit = UnitId.of("shop", "workspace", "torch")
        return SeenWorkspace(unit, str(self.tree), common, branch, self.at("rev-parse", "HEAD"))

    def close(self) -> None:
        """Let go of everything."""
        self.recorder.close()
        super().close()


__all__ = ["ADA", "PROMPT", "TORCH", "LineBed"]
