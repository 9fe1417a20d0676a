"""A process of its own in which orchestrator.hub runs against the stand-in.

The real clients read some of their settings once, when they are imported, so they get a fresh
process, and so that what they print can be seen. One process serves many calls: a line of JSON in,
a line of JSON out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLEARED = (
    "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE",
    "MODELSCOPE_API_TOKEN", "MODELSCOPE_DOMAIN", "MODELSCOPE_PREFER_AI_SITE",
)  # fmt: skip


def environment(url: str, home: Path, **more: str) -> dict[str, str]:
    """Both clients pointed at the stand-in, with every cache under ``home``."""
    kept = {k: v for k, v in os.environ.items() if k not in CLEARED}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "RECIPE_CACHE": str(home / "recipe"),
        "MODELSCOPE_ENDPOINT": url,
        "MODELSCOPE_CACHE": str(home / "modelscope"),
        "MODELSCOPE_HOME": str(home / "dot-modelscope"),
        "HF_ENDPOINT": url,
        "HF_HOME": str(home / "huggingface"),
        **more,
    }


@dataclass
class Client:
    """One running process; ``close`` gives what it wrote to standard error."""

    env: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def send(self, what: str, **model: Any) -> None:
        assert self.process.stdin is not None
        settings = model.pop("env", {})
        line = json.dumps({"what": what, "model": {"template": "t", **model}, "env": settings})
        print(line, file=self.process.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def call(self, what: str, **model: Any) -> dict[str, Any]:
        self.send(what, **model)
        return self.answer()

    def close(self) -> str:
        _, errors = self.process.communicate(timeout=300)
        return errors


def _serve() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.update(asked["env"])
        sys.stdout.write(json.dumps(_do(asked["what"], asked["model"])) + "\n")
        sys.stdout.flush()
        for name in asked["env"]:
            del os.environ[name]


def _do(what: str, fields: dict[str, Any]) -> dict[str, Any]:
    from orchestrator.base.errors import RecipeError
    from orchestrator.hub.fetch import cached_files, fetch_model, known_model
    from orchestrator.recipe.schema import Model

    seen: list[tuple[int, int, str]] = []
    try:
        weights = fields.pop("weights", True)
        model = Model(**fields)
        if what == "known":
            folder = known_model(model, weights=weights)
        elif what == "cached":
            folder = cached_files(model)
        else:
            folder = fetch_model(model, progress=lambda *s: seen.append(s), weights=weights)
    except RecipeError as error:
        code, text = error.exit_code, str(error)
        return {"what": error.what, "why": error.why, "fix": error.fix, "text": text, "code": code}
    if folder is None:
        return {"path": None}
    found = {"path": str(folder.path), "revision": folder.revision, "files": list(folder.files)}
    return {**found, "bytes": folder.bytes, "id": folder.id, "hub": folder.hub, "progress": seen}


if __name__ == "__main__":
    _serve()
