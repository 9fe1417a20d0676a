"""Which model a rehearsal has: the model's own in miniature, a native one, or none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from data_tools import language
from orchestrator.base import layout
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.layout import RunPaths
from orchestrator.base.plan import Plan
from orchestrator.cli import cli, rehearsals
from orchestrator.engines import registry
from orchestrator.engines.job import Job, Standin
from orchestrator.hub import receipts
from orchestrator.hub.remote import Listing, RemoteFile
from orchestrator.planning import stages
from orchestrator.planning.job import build
from orchestrator.planning.job import stages as stages_of
from orchestrator.planning.rehearsal import choice
from orchestrator.recipe.load import load
from orchestrator.running import record as records
from orchestrator.running import workflow
from orchestrator.running.deciding import Selection
from orchestrator.running.request import Request
from tests.support.models import write

TRUST = "model.trust_remote_code=true"
CONFIG = {
    "model_type": "tiny",
    "auto_map": {"AutoConfig": "configuration_tiny.Config"},
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECIPE_RUNS", str(tmp_path / "runs"))
    for name in ("RECIPE_CACHE", "MODELSCOPE_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def files(**config: object) -> dict[str, bytes]:
    """A model without weights: config, code and tokenizer."""
    return {
        "config.json": json.dumps({**CONFIG, **config}).encode(),
        "configuration_tiny.py": b"class Config: ...\n",
        "tokenizer.model": b"a vocabulary",
    }


def rehearsal(*sets: str, standin: choice.Asked | None = None) -> Job:
    loaded = load("medqa-qlora", sets=sets, environ={})
    return build(loaded, rehearse=True, standin=standin)


def of_folder(folder: Path, *sets: str, standin: choice.Asked | None = None) -> Job:
    return rehearsal(f"model.path={folder}", *sets, standin=standin)


def test_a_folder_with_trusted_code_is_its_own_stand_in(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", files())
    job = of_folder(folder, TRUST)
    assert job.standin == "own"
    assert f"its own code (configuration_tiny.py) and tokenizer from {folder}" in job.changes[0]
    plan = stages.plan("model", job, tmp_path)
    (command,) = plan.commands
    assert [Path(str(word)).name for word in command.argv[:2]] == ["python", "make_own_standin.py"]
    request = json.loads(str(command.argv[2]))
    assert request == {"folder": "./standin", "own_code": True}
    assert sorted(Path(name).name for name in plan.inputs) == sorted(files())


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of Chinese: the language is asked for once a process, so the answer is replaced."""
    monkeypatch.setattr(language, "is_chinese", lambda: True)


@pytest.mark.usefixtures("chinese")
def test_the_chinese_plan_says_it_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", files())
    assert "自带代码（configuration_tiny.py）" in of_folder(folder, TRUST).changes[0]
    assert "不是它自己的代码" in rehearsal().changes[0]
    assert "不信任" in of_folder(folder).changes[0]


def test_only_the_small_files_are_copied(tmp_path: Path) -> None:
    more = {"pytorch_model-00001-of-00001.bin": b"x", "pytorch_model.bin.index.json": b"{}"}
    folder = write(tmp_path / "model", {**files(), **more, "README.md": b"#"})
    (tmp_path / "run").mkdir()
    task = stages.plan("model", of_folder(folder, TRUST), tmp_path / "run").task
    assert task is not None
    facts = task.run(tmp_path / "run", lambda *_step: None)
    standin = tmp_path / "run" / layout.STANDIN
    assert sorted(path.name for path in standin.iterdir()) == sorted(files())
    assert (facts["id"], facts["trust_remote_code"]) == (
        "Shanghai_AI_Laboratory/internlm-chat-7b",
        True,
    )


def test_an_engine_may_make_it_its_own_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code with numbers for widths, a tower loaded by name: the config alone is not enough."""

    def own_standin(_job: Job, plan: Plan) -> Plan:
        return replace(plan, commands=(), outputs=(*plan.outputs, "clip"))

    monkeypatch.setattr(registry.get("xtuner"), "own_standin", own_standin, raising=False)
    job = of_folder(write(tmp_path / "model", files()), TRUST)
    plan = stages.plan("model", job, tmp_path)
    assert (plan.commands, plan.outputs) == ((), (layout.STANDIN, "clip"))
    assert plan.task is not None


def test_code_that_is_not_trusted_is_never_run(tmp_path: Path) -> None:
    """A folder has no owner: the id of a trusted model does not stand for what lies in it."""
    folder = write(tmp_path / "model", files())
    job = of_folder(folder)
    assert job.standin == "native"
    assert "code (configuration_tiny.py) that the recipe does not trust" in job.changes[0]
    assert "--set model.trust_remote_code=true" in job.changes[0]
    with pytest.raises(UsageError, match="does not trust"):
        of_folder(folder, standin="own")


def test_a_model_without_code_of_its_own_needs_no_trust(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {**files(auto_map=None), "tokenizer.json": b"{}"})
    job = of_folder(folder)
    assert job.standin == "own"
    assert "own architecture, of the engine's transformers" in job.changes[0]
    (command,) = stages.plan("model", job, tmp_path).commands
    assert json.loads(str(command.argv[2]))["own_code"] is False


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"vision_config": {"depth": 2}}, "made of several models (vision_config)"),
        ({"num_hidden_layers": None}, "its config names no layers"),
    ],
)
def test_a_config_that_cannot_be_shrunk(
    config: dict[str, object], why: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "model", files(**config))
    job = of_folder(folder, TRUST)
    assert job.standin == "native"
    assert why in job.changes[0]
    with pytest.raises(UsageError) as caught:
        of_folder(folder, TRUST, standin="own")
    assert why in str(caught.value)
    assert "--rehearse=native" in str(caught.value.fix)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    job = of_folder(tmp_path / "empty", TRUST)
    assert job.standin == "native"
    assert "has no config.json" in job.changes[0]
    with pytest.raises(RecipeError, match=r"no config\.json"):
        of_folder(tmp_path / "empty", TRUST, standin="own")


def noted(files: dict[str, bytes], folder: Path, *, weights: bool) -> None:
    """A receipt of a download, as the hub leaves one."""
    model = load("medqa-qlora", environ={}).recipe.model
    listing = Listing(
        tuple(RemoteFile(name, len(body)) for name, body in files.items()), path=str(folder)
    )
    receipts.write(model, listing, weights=weights)


def test_what_was_fetched_without_weights_is_used_by_the_next_rehearsal(tmp_path: Path) -> None:
    assert rehearsal().standin == "native"
    assert "--rehearse=own fetches them" in rehearsal().changes[0]
    fetched = rehearsal(standin="own")
    assert fetched.standin == "own"
    assert "fetched without the weights" in fetched.changes[0]
    assert stages.plan("model", fetched, tmp_path).inputs == ()
    noted(files(), write(tmp_path / "cache" / "model", files()), weights=False)
    job = rehearsal()  # trusted by id and revision, as the recipe that ships says
    assert job.standin == "own"
    assert rehearsal("model.revision=v1.0.2").standin == "native"
    # The plan is the same before and after the download: nothing is made twice.
    before, after = (stages.plan("model", one, tmp_path) for one in (fetched, job))
    assert (before.commands, before.inputs) == (after.commands, after.inputs)


@pytest.mark.parametrize(
    ("standin", "english", "chinese"),
    [
        ("own", "(the model's own architecture)", "（模型自己的架构）"),
        ("native", "(a native stand-in)", "（通用替身）"),
        ("contract", "(contract only, no model)", "（仅检查约定，无模型）"),
    ],
)
def test_plan_record_and_status_say_which_it_was(
    standin: Standin,
    english: str,
    chinese: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Words for a reader in both languages, one word for a program."""
    asked = workflow.ask(Request(recipe="medqa-qlora", rehearse=True))
    asked = replace(asked, job=replace(asked.job, standin=standin))
    assert workflow.describe(asked, Selection(None, None))["standin"] == standin
    root = workflow.directory(asked, Selection(None, None))
    records.save(records.begun(asked.job, asked.request.identity()), RunPaths(root))
    assert records.read(root).standin == standin
    cli(["status", str(root)], standalone_mode=False)
    assert english in capsys.readouterr().out
    cli(["status"], standalone_mode=False)
    assert english.strip("()") in capsys.readouterr().out
    monkeypatch.setattr(language, "is_chinese", lambda: True)
    cli(["status", str(root)], standalone_mode=False)
    assert chinese in capsys.readouterr().out
    assert rehearsals.proves(standin)


def test_a_native_one_on_demand(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", files())
    assert of_folder(folder, TRUST, standin="native").standin == "native"


def test_an_engine_without_native_stand_ins_checks_the_contract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Upstream scripts know one architecture: without its code nothing is trained, and said so."""
    release = replace(registry.release("xtuner@0.2.0"), native_standins=False)
    chosen = choice.choose(load("medqa-qlora", environ={}).recipe.model, release, None)
    assert chosen.kind == "contract"
    assert "CONTRACT rehearsal: nothing is trained" in chosen.words
    job = replace(rehearsal(), standin="contract")
    assert stages_of(job) == ("data", "render", "check")
    assert job.rehearsal
    monkeypatch.setattr(language, "is_chinese", lambda: True)
    chosen = choice.choose(load("medqa-qlora", environ={}).recipe.model, release, None)
    assert "约定预演" in chosen.words
