"""LLaMA-Factory 0.8.3 beside 0.9.5: the tutorial's files, keys that are new, files without keys."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.engines import llamafactory
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory import capabilities as can
from orchestrator.engines.llamafactory.words import words
from orchestrator.engines.registry import engine_of, engine_plan
from orchestrator.planning import feasible
from orchestrator.planning.job import build
from orchestrator.planning.script import commands_script
from orchestrator.recipe.faults import RecipeFaults
from orchestrator.recipe.load import load
from tests.unit.test_llamafactory_files import METHODS, TUTORIAL_EXPORT, TUTORIAL_TRAIN

OLD = "llamafactory@0.8.3"
PAGE = "emollm-glm4-lora-0.8.3"
PROBES = Path(llamafactory.__file__).parent / "probes"
#: Key -> what it is here: a place that a run decides itself. Everything else is the page's.
MEANT = {
    "model_name_or_path": "./glm-4-9b-chat",
    "dataset": "train",
    "dataset_dir": ".",
    "output_dir": "adapter",
    "adapter_name_or_path": "adapter",
    "export_dir": "merged",
}
QWEN, NAME = "self-cognition-llamafactory", "data.sources.0.self_cognition.name=A"
UNTRUSTED = "model={id: o/m, revision: null, template: qwen, trust_remote_code: null}"


def job(name: str, *sets: str, engine: str | None = None) -> Job:
    return build(load(name, sets=sets, engine=engine, environ={}), must_find_rows=False)


def rendered(of: Job) -> dict[str, str]:
    return {file.path: file.text for file in engine_of(of).files(of)}


def keys(of: Job, file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(rendered(of)[file])
    return found


@pytest.mark.parametrize(
    ("file", "tutorial"), [("train.yaml", TUTORIAL_TRAIN), ("export.yaml", TUTORIAL_EXPORT)]
)
def test_the_pages_own_files_on_its_own_release(file: str, tutorial: dict[str, Any]) -> None:
    ours = keys(job(PAGE), file)
    differing = {
        key: ours.get(key) for key in {*ours, *tutorial} if ours.get(key) != tutorial.get(key)
    }
    assert differing == {key: MEANT[key] for key in MEANT if key in ours}
    assert all(type(ours[key]) is type(tutorial[key]) for key in tutorial)


def test_the_pages_model_is_the_recipes() -> None:
    recipe = load(PAGE, environ={}).recipe
    assert (recipe.model.id, recipe.model.template) == ("ZhipuAI/glm-4-9b-chat", "glm4")
    other = load("emollm-glm4-lora", environ={}).recipe
    assert recipe.data == other.data
    assert recipe.train.model_copy(update={"precision": "auto"}) == other.train


@pytest.mark.parametrize("release", llamafactory.releases, ids=lambda one: one.name)
def test_what_a_release_can_do_is_what_its_words_say(release: llamafactory.Release) -> None:
    known = words(release.version)
    assert (can.TRUST_KEY in release.capabilities) == ("trust_remote_code" in known.train)
    assert (can.TRUST_KEY in release.capabilities) == ("trust_remote_code" in known.export)


@pytest.mark.parametrize("release", llamafactory.releases, ids=lambda one: one.name)
@pytest.mark.parametrize("sets", [sets for sets, *_ in METHODS], ids=str)
def test_every_rendered_key_is_one_that_the_release_knows(
    sets: tuple[str, ...], release: llamafactory.Release
) -> None:
    """Whatever a recipe says: it is refused with its key, or every line of its files is known."""
    made = job(QWEN, *sets, NAME, engine=release.name)
    objections = llamafactory.unsupported(made.recipe, release)
    refused = {objection.key for objection in objections}
    newer = {"train.liger": "train.liger=", "data.shuffle": "data.shuffle="}
    said = {key for key, text in newer.items() if any(one.startswith(text) for one in sets)}
    assert refused == (said if release.name == OLD else set())
    if refused:
        return
    known = words(release.version)
    assert set(keys(made, "train.yaml")) <= set(known.train)
    assert set(keys(made, "export.yaml")) <= set(known.export)
    for key, value in keys(made, "train.yaml").items():
        kind = known.train[key]
        assert isinstance(kind, str) or value in kind, key


def test_a_key_of_a_newer_release_is_refused_by_its_own_name() -> None:
    with pytest.raises(RecipeFaults) as caught:
        feasible.load(PAGE, sets=["engine_options={trust_remote_code: true}"], environ={})
    assert "engine_options.trust_remote_code" in str(caught.value)


def test_a_release_without_keys_after_its_file_gets_a_file_with_them() -> None:
    resumed = replace(job("chatglm3-lora"), resume_from="adapter/checkpoint-7")
    argv = engine_plan("train", resumed).commands[0].argv
    assert argv[0] == "python"
    assert Path(str(argv[1])).name == "with_keys.py"
    assert argv[2:] == ("train", "train.yaml", "resume_from_checkpoint=adapter/checkpoint-7")
    assert engine_plan("train", job("chatglm3-lora")).commands[0].argv[0] == "llamafactory-cli"
    chat = llamafactory.chat(job("chatglm3-lora"), {"system": "a ${b}\n", "model": "./merged"})
    assert chat.argv[2:] == ("chat", "chat.yaml", 'default_system="a ${b}\\n"')


def test_with_keys_writes_the_file_and_becomes_the_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(PROBES))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.yaml").write_text("template: glm4\nmodel_name_or_path: merged\n")
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, argv: became.append([program, *argv[1:]]))
    asked = ["chat", "chat.yaml", "default_system='一: 二'", "temperature=0.5", "template=chatml"]
    monkeypatch.setattr(sys, "argv", ["with_keys.py", *asked])
    with_keys = importlib.import_module("with_keys")
    with_keys.main()
    program = str(Path(sys.executable).with_name("llamafactory-cli"))
    assert became == [[program, "chat", "chat-with-keys.yaml"]]
    assert yaml.safe_load((tmp_path / "chat-with-keys.yaml").read_text(encoding="utf-8")) == {
        "template": "chatml",
        "model_name_or_path": "merged",
        "default_system": "一: 二",
        "temperature": 0.5,
    }
    monkeypatch.setattr(sys, "argv", ["with_keys.py", "train", "train.yaml", "--lr", "1"])
    (tmp_path / "train.yaml").write_text("{}")
    with pytest.raises(SystemExit, match="key=value"):
        with_keys.main()


def test_a_rehearsal_is_qlora_where_the_cpu_can_do_it() -> None:
    def rehearsed(engine: str) -> tuple[str, bool]:
        recipe, changes = llamafactory.rehearse(
            load(QWEN, engine=engine, sets=[NAME], environ={}).recipe
        )
        return recipe.train.method, "no 4-bit kernels for a CPU" in "\n".join(changes)

    assert rehearsed("llamafactory@0.9.5") == ("qlora", False)
    assert rehearsed(OLD) == ("lora", True)


def test_a_reference_is_text_where_no_omegaconf_reads_it() -> None:
    sets = f"engine_options={json.dumps({'run_name': 'a ${b}'})}"
    assert keys(job(PAGE, sets), "train.yaml")["run_name"] == "a ${b}"
    assert keys(job("emollm-glm4-lora", sets), "train.yaml")["run_name"] == "a \\${b}"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The check script's module, with a transformers that knows one model type."""
    for folder in (PROBES, PROBES.parents[2] / "probes"):
        monkeypatch.syspath_prepend(str(folder))
    for name in ("probe_findings", "check"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    auto = type(sys)("transformers.models.auto.configuration_auto")
    auto.CONFIG_MAPPING_NAMES = {"llama": "LlamaConfig"}  # type: ignore[attr-defined]
    top = type(sys)("transformers")
    top.__version__ = "4.41.2"  # type: ignore[attr-defined]
    for module in (top, auto):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return importlib.import_module("check")


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("unasked", [True, False])
@pytest.mark.parametrize("trusted", [True, False])
def test_untrusted_code_stops_before_a_release_runs_it_unasked(
    file: str, unasked: bool, trusted: bool, check: Any, tmp_path: Path
) -> None:
    """0.8.3 takes a model's own code even for a type that transformers has itself."""
    for name in ("config.json", "tokenizer_config.json"):
        more = {"auto_map": {"AutoConfig": "evil.Config"}} if name == file else {}
        (tmp_path / name).write_text(json.dumps({"model_type": "llama", **more}))
    request = {"trusted": trusted, "runs_code_unasked": unasked}
    fine = check.check_model({"model_name_or_path": str(tmp_path)}, request)
    assert fine == (trusted or not unasked)
    if not fine:
        (fault,) = check.FAULTS
        assert "runs it without asking" in fault["why"]
        assert "trust_remote_code=true" in fault["fix"]


def test_a_hub_data_sets_script_is_warned_of_where_it_runs_unasked() -> None:
    hub = "data.sources=[{dataset: o/d}]"
    said = {
        engine: "runs the script of a hub data set"
        in "\n".join(job(QWEN, hub, engine=engine).notes)
        for engine in (OLD, "llamafactory@0.9.5")
    }
    assert said == {OLD: True, "llamafactory@0.9.5": False}


def test_the_check_is_told_what_the_release_does() -> None:
    def request(name: str, *sets: str) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(
            str(engine_plan("check", job(name, *sets)).commands[0].argv[3])
        )
        return asked

    old, new = request(PAGE, UNTRUSTED), request("emollm-glm4-lora")
    assert (old["trusted"], old["runs_code_unasked"], old["rank_variable"]) == (False, True, "RANK")
    assert (new["runs_code_unasked"], new["rank_variable"]) == (False, "NODE_RANK")
    assert request("chatglm3-lora")["trusted"]


def test_the_restored_tokenizer_is_a_visible_step() -> None:
    made = job("chatglm3-lora")
    commands = [command.argv for command in engine_plan("export", made).commands]
    assert commands[:2] == [
        ("llamafactory-cli", "export", "export.yaml"),
        ("python", "restore_tokenizer.py", "merged"),
    ]
    whole = engine_plan("train", job("chatglm3-full"))
    assert whole.commands[1].argv == ("python", "restore_tokenizer.py", "work")
    assert "restore_tokenizer.py" in whole.inputs
    assert len(engine_plan("train", made).commands) == 1
    script = commands_script(made)
    assert script.index("export export.yaml") < script.index("python restore_tokenizer.py")
    assert "restore_tokenizer.py" in engine_plan("export", made).inputs
    for name, engine in ((PAGE, OLD), ("chatglm3-lora", "llamafactory@0.9.5")):
        other = job(name, engine=engine)
        assert "restore_tokenizer.py" not in rendered(other)
        assert len(engine_plan("export", other).commands) == len(commands) - 1


def test_the_base_models_tokenizer_files_replace_the_exported_ones(tmp_path: Path) -> None:
    base, merged = tmp_path / "chatglm3-6b", tmp_path / "merged"
    for folder, files in (
        (
            base,
            ("tokenizer.model", "tokenizer_config.json", "tokenization_chatglm.py", "config.json"),
        ),
        (
            merged,
            (
                "tokenizer_config.json",
                "special_tokens_map.json",
                "config.json",
                "model.safetensors",
            ),
        ),
    ):
        folder.mkdir()
        for name in files:
            (folder / name).write_text(folder.name)
    script = tmp_path / "restore_tokenizer.py"
    script.write_text(rendered(job("chatglm3-lora"))[script.name])

    def run() -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, script.name, merged.name]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0, done.stderr
    assert "the base model's own: tokenizer.model" in done.stdout
    assert {file.name: file.read_text() for file in merged.iterdir()} == {
        **dict.fromkeys(("tokenizer.model", "tokenizer_config.json"), "chatglm3-6b"),
        "tokenization_chatglm.py": "chatglm3-6b",
        **dict.fromkeys(("config.json", "model.safetensors"), "merged"),
    }
    (base / "tokenizer_config.json").unlink()
    before = {file.name: file.read_text() for file in merged.iterdir()}
    done = run()
    assert done.returncode != 0
    assert "is left as it is" in done.stderr
    assert {file.name: file.read_text() for file in merged.iterdir()} == before


def test_new_tokens_are_refused_where_the_tokenizer_is_restored() -> None:
    sets = ["engine_options={new_special_tokens: '<a>'}"]
    with pytest.raises(RecipeFaults) as caught:
        feasible.load("chatglm3-lora", sets=sets, environ={})
    assert "engine_options.new_special_tokens" in str(caught.value)
    assert feasible.load(PAGE, sets=sets, environ={}).recipe


def test_internlm_chat_has_a_template_in_the_older_release() -> None:
    sets = ["model.template=internlm_chat"]
    assert llamafactory.template(load(PAGE, sets=sets, environ={}).recipe) == "intern"
    with pytest.raises(RecipeFaults):
        feasible.load("emollm-glm4-lora", sets=sets, environ={})
