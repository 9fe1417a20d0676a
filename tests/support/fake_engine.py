"""XTuner's commands as small shell scripts in an environment of their own: real processes.

A test says how a stage misbehaves with :meth:`FakeEngine.behave`; the script's shell lines run
first and may end the command.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.base.plan import Plan
from orchestrator.engines import registry
from orchestrator.engines.job import Job
from orchestrator.envs.environment import Environment
from orchestrator.planning.job import build
from orchestrator.recipe.load import load
from orchestrator.running.record import StageRecord
from tests.support.weight_files import adapter_tensors, filled, safetensors, torch_zip

MODULES = ["model.layers.0.q_proj", "model.layers.0.k_proj"]
RECIPE = """\
title: a small run
engine: xtuner@0.2.0
model: {id: some/model-7b, template: internlm_chat}
data:
  sources: [{self_cognition: {name: Ann, repeats: 4}}]
  split: {train: 0.5}
train: {epochs: 1}
"""
#: The closing line of each command. tests/engine/test_xtuner_chains.py holds it to the real logs.
SAYS = {
    "train": "after_train in EvaluateChatHook.",
    "convert": "All done!",
    "merge": "All done!",
}
_XTUNER = f"""\
#!/bin/sh
home=$(dirname "$(dirname "$0")")
case "$1 $2" in
  train*) stage=train ;;
  'convert pth_to_hf') stage=convert ;;
  'convert merge') stage=merge ;;
esac
echo "$stage: $*" >> "$home/calls"
echo "fake $stage begins"
if [ -e "$home/behave/$stage" ]; then . "$home/behave/$stage"; fi
case $stage in
  train)
    mkdir -p work && cp "$home/made/iter_8.pth" work/ && date +%s%N > work/times
    printf '%s' "$PWD/work/iter_8.pth" > work/last_checkpoint
    echo '{SAYS["train"]}' ;;
  *)
    rm -rf "$5" && cp -r "$home/made/$stage" "$5" &&
      date +%s%N > "$5/times" && echo '{SAYS["merge"]}' ;;
esac
"""
_PYTHON = """\
#!/bin/sh
home=$(dirname "$(dirname "$0")")
case "$1" in
  */make_standin.py) stage=model ;;
  */check.py) stage=check ;;
  */peek.py) stage=peek ;;
  */check_tokenizer.py) stage=tokenizer ;;
  */warm_worker.py) exit 1 ;;  # this one imports nothing: each command is a process of its own
esac
echo "$stage" >> "$home/calls"
if [ -e "$home/behave/$stage" ]; then . "$home/behave/$stage"; fi
case $stage in
  model) rm -rf standin && cp -r "$home/made/standin" standin ;;
  check) cp "$home/made/check.json" check.json ;;
  peek) cp "$home/made/peek.json" peek.json ;;
esac
"""


@dataclass(frozen=True)
class FakeEngine:
    """The environment at ``root``; ``calls`` are the stages that ran, in order."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> FakeEngine:
        (root / "bin").mkdir(parents=True)
        (root / "behave").mkdir()
        for name, text in (("xtuner", _XTUNER), ("python", _PYTHON)):
            (root / "bin" / name).write_text(text, encoding="utf-8")
            (root / "bin" / name).chmod(0o755)
        made = root / "made"
        weights = {f"{name}.weight": filled((4, 4)) for name in MODULES}
        _put(made / "iter_8.pth", torch_zip(weights))
        for folder, byte in (("standin", 1), ("merge", 2)):
            model = {name: filled((4, 4), byte) for name in weights}
            _put(made / folder / "model.safetensors", safetensors(model))
            for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
                _put(made / folder / name, b"{}")
        adapter = {"r": 2, "target_modules": ["q_proj", "k_proj"]}
        _put(made / "convert" / "adapter_config.json", json.dumps(adapter).encode())
        _put(made / "convert" / "adapter_model.safetensors", safetensors(adapter_tensors(MODULES)))
        report = {"faults": [], "warnings": ["few steps"], "figures": {"rows": 16}}
        _put(made / "check.json", json.dumps(report).encode())
        return cls(root)

    def behave(self, stage: str, script: str) -> None:
        (self.root / "behave" / stage).write_text(script, encoding="utf-8")

    def heal(self) -> None:
        for path in (self.root / "behave").iterdir():
            path.unlink()

    @property
    def calls(self) -> list[str]:
        """The stages whose commands ran since the last time this was asked."""
        path = self.root / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    @property
    def stages(self) -> list[str]:
        return [line.partition(":")[0] for line in self.calls]

    def environment(self, digest: str = "fake") -> Environment:
        return Environment(
            release=registry.release("xtuner@0.2.0"),
            python=self.root / "bin" / "python",
            managed=False,
            lock_digest=digest,
        )


def _put(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def small_job(folder: Path, *sets: str, rehearse: bool = True, text: str = RECIPE) -> Job:
    """The job of a small recipe of its own, written into ``folder``."""
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return build(load(str(path), sets=sets, environ={}), rehearse=rehearse)


@dataclass
class Told:
    """A reporter that remembers what a run said."""

    skips: list[str] = field(default_factory=list)
    begun: dict[str, str | None] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    printed: bytearray = field(default_factory=bytearray)
    ended: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def progress(self, done: int, total: int, what: str, /) -> None: ...

    def skipped(self, stage: str, seconds: float | None) -> None:
        self.skips.append(stage)

    def started(self, number: int, count: int, plan: Plan, why: str | None) -> None:
        self.begun[plan.stage] = why

    def command(self, line: str) -> None:
        self.commands.append(line)

    def output(self, chunk: bytes) -> None:
        self.printed += chunk

    def finished(self, record: StageRecord) -> None:
        self.ended.append(record.name)

    def note(self, text: str) -> None:
        self.notes.append(text)
