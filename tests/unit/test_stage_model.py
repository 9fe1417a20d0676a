"""The model stage: what is linked under which name, and what the record says was used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError
from orchestrator.hub import receipts
from orchestrator.hub.remote import Listing, RemoteFile
from orchestrator.planning import stages
from orchestrator.planning.job import build
from orchestrator.planning.stages.model import LinkModel
from orchestrator.recipe.load import load
from orchestrator.recipe.trust import trusts_remote_code
from tests.support.models import model_files, write

COMMIT = "f" * 40


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def task(*sets: str) -> LinkModel:
    loaded = load("self-cognition-qlora", sets=sets, params=["name=x"], environ={})
    plan = stages.plan("model", build(loaded), Path("/run"))
    assert isinstance(plan.task, LinkModel)
    return plan.task


def run(made: LinkModel, root: Path) -> Mapping[str, Any]:
    return made.run(root, lambda *_step: None)


@pytest.mark.parametrize("name", [*layout.FOLDERS, "Merged"])
def test_a_folder_with_one_of_the_runs_own_names(name: str, root: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "models" / name, model_files())
    for own in layout.FOLDERS:
        (root / own).mkdir()
    before = sorted(model.rglob("*"))
    made = task("model.hub=local", f"model.id={model}", "model.revision=null")
    run(made, root)
    assert (root / f"{name}-base").resolve() == model
    for own in layout.FOLDERS:
        assert not (root / own).is_symlink()
        (root / own / "something.log").write_text("of the run")
    assert sorted(model.rglob("*")) == before


def test_the_record_names_what_was_really_used(root: Path, tmp_path: Path) -> None:
    files = model_files()
    model = write(tmp_path / "here", files)
    facts = run(task(f"model.path={model}"), root)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["path"] == str(model)
    assert facts["bytes"] == sum(map(len, files.values()))
    for name, body in files.items():
        entry = facts["files"][name]
        assert entry == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_a_download_is_named_by_its_commit_and_checksums(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.hub.provenance._SMALL", 100)
    files = model_files(filler=2000)
    folder = write(tmp_path / "cached", files)
    made = task("model.id=o/m", "model.revision=main", "model.hub=huggingface")
    model = made.job.recipe.model
    shards = [name for name in files if name.endswith(".safetensors")]
    listed = tuple(
        RemoteFile(name, len(body), "a" * 64 if name in shards else None)
        for name, body in files.items()
    )
    receipts.write(model, Listing(listed, COMMIT, str(folder)))
    facts = run(made, root)
    assert (facts["id"], facts["asked"], facts["revision"]) == ("o/m", "main", COMMIT)
    assert {facts["files"][name]["sha256"] for name in shards} == {"a" * 64}
    assert f"take o/m@{COMMIT} from {folder}" in made.describe()


@pytest.mark.parametrize(
    ("sets", "words", "trusted"),
    [
        ((), "is run: Shanghai_AI_Laboratory/internlm-chat-7b@v1.0.3, known", True),
        (
            ("model.revision=v9",),
            "is not run (Shanghai_AI_Laboratory/internlm-chat-7b@",
            False,
        ),
        (("model.id=evil/m",), "is not run (evil/m@v1.0.3)", False),
        (("model.path=here",), "is not run (whatever lies in here)", False),
        (("model.path=here", "model.trust_remote_code=true"), "is run: whatever lies in", True),
    ],
)
def test_the_plan_says_whose_code_would_run(
    sets: tuple[str, ...], words: str, trusted: bool, root: Path, tmp_path: Path
) -> None:
    made = task("model.id=Shanghai_AI_Laboratory/internlm-chat-7b", "model.revision=v1.0.3", *sets)
    assert words in made.describe()
    assert trusts_remote_code(made.job.recipe.model) is trusted
    if "model.path=here" in sets:
        write(tmp_path / "here", model_files())
        assert run(made, root)["trust_remote_code"] is trusted


def test_what_is_in_the_way_stays(root: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "here", model_files())
    made = task(f"model.path={model}")
    write(root / made.link, {"mine.txt": b"mine"})
    with pytest.raises(RecipeError, match="in the way"):
        run(made, root)
    assert (root / made.link / "mine.txt").read_bytes() == b"mine"


def test_a_disk_without_links_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    model = write(tmp_path / "here", model_files())
    with pytest.raises(RecipeError) as caught:
        run(task(f"model.path={model}"), root)
    assert caught.value.why == "Operation not permitted"
    assert "RECIPE_RUNS" in (caught.value.fix or "")
