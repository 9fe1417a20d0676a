"""What the command line says of a run is so: stale, secret, impossible, unfinished."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from orchestrator.running import record as records
from tests.unit.test_cli_runs import RUN, Shell, shell, the_run

__all__ = ["shell"]


def test_a_partial_run_says_what_is_left_and_how_to_go_on(shell: Shell) -> None:
    shell(*RUN)
    config = the_run() / "adapter" / "adapter_config.json"
    config.write_text(config.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert shell("status") == 0
    assert shell.out.startswith("stale")
    assert shell("status", "small") == 0
    assert "adapter/adapter_config.json was changed" in shell.out
    assert shell("status", "small", "--json") == 0
    told = json.loads(shell.out)
    assert told["state"] == "stale"
    assert list(told["stale"]) == ["convert", "merge"]
    assert shell(*RUN, "--from", "convert", "--until", "convert") == 0
    assert "Done." not in shell.out
    assert "Go on with: recipe run small.yaml --rehearse" in shell.out
    assert shell("status") == 0
    assert shell.out.startswith("stale")
    assert shell("chat", "small", "-n") == 0
    assert "merge is out of date" in shell.err
    assert shell(*RUN) == 0
    assert json.loads((the_run() / "run.json").read_text(encoding="utf-8"))["state"] == "done"


def test_chat_says_that_the_model_is_old(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.running import talk

    shell(*RUN)
    config = the_run() / "adapter" / "adapter_config.json"
    config.write_text(config.read_text(encoding="utf-8") + " ", encoding="utf-8")
    monkeypatch.setattr(talk, "run_on_terminal", lambda _talk: 0)
    assert shell("chat", "small") == 0
    assert "warning: merge is out of date" in shell.err
    assert "recipe run small.yaml --rehearse --run" in shell.err


@pytest.mark.parametrize("brings_code", [True, False])
def test_a_chat_that_ends_early_names_the_models_own_code(
    brings_code: bool, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.running import talk

    shell(*RUN)
    if brings_code:
        config = the_run() / "merged" / "config.json"
        config.write_text('{"auto_map": {"AutoModel": "modeling_x.Model"}}', encoding="utf-8")
    monkeypatch.setattr(talk, "run_on_terminal", lambda _talk: 1)
    assert shell("chat", "small") == 1
    assert ("This model brings its own code" in shell.err) is brings_code


def test_chat_with_a_run_that_is_not_finished(shell: Shell) -> None:
    shell(*RUN, "--until", "data")
    assert shell("chat", "small") == 1
    assert "nothing to talk to yet" in shell.err
    assert "stages that are done: data" in shell.err
    assert "finish it first: recipe run small.yaml --rehearse" in shell.err
    assert "recipe.lock.yaml" not in shell.err


def test_other_values_begin_another_run_and_take_over_what_is_equal(shell: Shell) -> None:
    shell(*RUN)
    shell.engine.calls  # noqa: B018 - forgets them
    assert shell(*RUN, "--set", "export.max_shard_size=1GB") == 0
    assert shell.out.count("taken over from there") == 5
    assert shell.engine.stages == ["merge", "tokenizer"]
    assert len(list(Path.cwd().glob("runs/small/*"))) == 2
    assert shell("status") == 0
    assert "export.max_shard_size=1GB" in shell.out
    assert shell(*RUN) == 0  # the first command goes on in the first run
    assert shell.engine.calls == []


def test_runs_are_named_and_addressed(shell: Shell) -> None:
    assert shell(*RUN, "--name", "first") == 0
    root = Path.cwd() / "runs" / "small" / "first"
    assert (root / "run.json").is_file()
    assert shell(*RUN, "--name", "first", "--set", "train.epochs=2") == 2
    assert "a run called 'first' already" in shell.err
    assert shell(*RUN, "--run", "small/first", "--set", "export.max_shard_size=1GB") == 0
    assert records.read(root).request["sets"] == ["export.max_shard_size=1GB"]
    assert shell(*RUN, "--run", "small/none") == 2
    assert "no run called" in shell.err
    assert shell(*RUN, "--run", "first", "--until", "data") == 0
    assert "in runs/small/first" in shell.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "other.yaml", "--rehearse", "--run", "small/first"), "a rehearsal of small, and"),
        (("run", "small.yaml", "--run", "small/first"), "a real run of small"),
        ((*RUN, "--run", "small/first", "--name", "x"), "--name begins another"),
        ((*RUN, "--run", "small/first", "--new"), "--new begins another"),
    ],
)
def test_a_run_is_never_turned_into_another_one(
    shell: Shell, words: tuple[str, ...], told: str
) -> None:
    Path("other.yaml").write_bytes(Path("small.yaml").read_bytes())
    assert shell(*RUN, "--name", "first", "--until", "data") == 0
    before = Path("runs/small/first/run.json").read_bytes()
    assert shell(*words) == 2
    assert told in shell.err
    assert Path("runs/small/first/run.json").read_bytes() == before


def test_a_start_in_the_middle_makes_no_empty_run(shell: Shell) -> None:
    assert shell(*RUN, "--from", "train") == 2
    assert "data is not done yet" in shell.err
    assert shell.out == ""
    assert not Path("runs").exists()


def test_the_command_of_a_named_run_that_failed_can_be_pasted(shell: Shell) -> None:
    shell.engine.behave("check", "exit 1")
    wrong = ("--set", "expect.rows=1")
    assert shell(*RUN, "--name", "first", "--until", "render", *wrong) == 1
    line = next(line for line in shell.err.splitlines() if "recipe run" in line)
    _, _, command = line.partition("recipe ")
    words = shlex.split(command.partition(";")[0])
    assert words[words.index("--until") + 1] == "render"
    assert shell(*words) == 0
    assert "Stopped as asked" in shell.out


def test_an_impossible_recipe_is_refused_by_every_verb_before_anything_is_made(
    shell: Shell,
) -> None:
    """The class: stage, method, optimizer, schedule, template, each known without an engine."""
    for setting in (
        "train.stage=dpo",
        "train.method=freeze",
        "train.optimizer=Lion",
        "train.scheduler=wsd",
        "evaluate.validation_share=0.1",
    ):
        key = setting.partition("=")[0]
        for words in (("run", "small.yaml"), ("plan", "small.yaml"), RUN):
            assert shell(*words, "--set", setting) == 2, (setting, words)
            assert key in shell.err
    assert not Path("runs").exists()
    text = Path("small.yaml").read_text(encoding="utf-8")
    Path("bad.yaml").write_text(text + "\nevaluate: {validation_share: 0.1}\n", encoding="utf-8")
    assert shell("validate", "bad.yaml") == 2
    line = text.count("\n") + 2
    assert f"bad.yaml:{line}:" in shell.out + shell.err


def test_secrets_reach_neither_the_record_nor_the_terminal(shell: Shell) -> None:
    word = "hf_" + "abcdefghij0123456789"
    assert shell(*RUN, "--", "--hf_hub_token", word) == 0
    assert word not in shell.out + shell.err
    for path in the_run().rglob("*"):
        if path.is_file() and path.suffix in (".json", ".yaml", ".sh", ".py", ".md"):
            assert word not in path.read_text(encoding="utf-8"), path
    assert shell("status", "small") == 0
    assert word not in shell.out
    assert shell("plan", "small.yaml", "--rehearse", "--", "--hf_hub_token", word) == 0
    assert word not in shell.out


def test_a_place_that_cannot_be_used_is_the_users_error(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a-file").write_text("", encoding="utf-8")
    monkeypatch.setenv("RECIPE_RUNS", "a-file")
    assert shell(*RUN) == 1
    assert "fault of recipe" not in shell.err
    assert "export RECIPE_RUNS=FOLDER" in shell.err
    monkeypatch.delenv("RECIPE_RUNS")
    assert shell("render", "small.yaml", "-o", "a-file/inside") in (1, 2)
    assert "fault of recipe" not in shell.err


def test_a_damaged_record_is_said(shell: Shell) -> None:
    shell(*RUN)
    (the_run() / "run.json").write_text('{"schema": 99}', encoding="utf-8")
    assert shell(*RUN) == 1
    assert "record cannot be read" in shell.err
    assert "--new" in shell.err
    assert shell("status") == 0
    assert "unreadable" in shell.out
    assert shell(*RUN, "--new") == 0


@pytest.mark.parametrize(
    "change",
    [
        "export.max_shard_size=1GB",
        "train.learning_rate=0.1",
        "data.split.seed=9",
        "title=another title",
    ],
)
def test_a_plan_is_what_then_happens(shell: Shell, change: str) -> None:
    """Which stages run, which are taken over from the first run: as the plan said."""
    shell(*RUN)
    shell.engine.calls  # noqa: B018 - forgets them
    assert shell("plan", *RUN[1:], "--set", change, "--json") == 0
    stages = json.loads(shell.out)["stages"]
    runs = {one["stage"] for one in stages if one["runs"]}
    taken = {one["stage"] for one in stages if one["taken_over_from"]}
    assert runs | taken == {one["stage"] for one in stages}
    assert shell(*RUN, "--set", change) == 0
    told = {
        line.partition(":")[0].strip() for line in shell.out.splitlines() if "taken over" in line
    }
    assert told == taken
    ended = {line.split()[0] for line in shell.out.splitlines() if " done in " in line}
    assert ended == runs
