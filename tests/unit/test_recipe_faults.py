"""Every fault of a recipe at once, each with its place, its key and what was meant."""

# ruff: noqa: E501 - the messages stand here as they are printed

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import EXIT_USAGE
from orchestrator.base.language import is_chinese
from orchestrator.base.paths import shipped_recipes_dir
from orchestrator.base.text import listed, printable
from orchestrator.engines.registry import all_releases
from orchestrator.planning.feasible import load
from orchestrator.recipe.faults import RecipeFaults

GOOD = """\
title: a recipe
engine: xtuner@0.2.0
model: {id: some/model, template: internlm_chat}
data: {sources: [{path: rows.xlsx}]}
"""

BAD = """\
titel: a recipe
engine: xtuner@0.2.1
model: {id: 7, template: "", hub: modelscop, revision: null}
data:
  sources:
    - path: rows.xlsx
      dataset: some/rows
      columns: {input: A}
      sheet: [1]
      sha256: abc
    - {}
  split: {train: 1.5}
  max_rejects: -1
epochs: 3
train: {epochs: -1e-4, lr: 3, method: qlor, batch_size: '3', lora: 7, gpus: 0, pack: yes}
train: {}
expect: {rows: many, train_rows: 1.5}
evaluate: {prompts: [hello, 7], validation_share: .inf}
export: {max_shard_size: 2 GB}
surprise: !!python/object:os.system 3
"""

TOLD = """\
The recipe bad has 32 faults.
  bad.yaml:1:1  title: is required, but missing (One line, shown by `recipe list`)
  bad.yaml:1:1  titel: there is no such key — did you mean title?
  bad.yaml:2:9  engine: there is no engine release 'xtuner@0.2.1' (there are RELEASES) — did you mean xtuner@0.2.0?
  bad.yaml:3:13  model.id: must be text, not the number 7 (to mean the text, write "7" in quotes)
  bad.yaml:3:26  model.template: must not be empty
  bad.yaml:3:35  model.hub: must be one of modelscope, huggingface or local, not the text 'modelscop' — did you mean modelscope?
  bad.yaml:6:7  data.sources.0: give exactly one of path, dataset, self_cognition; this has path and dataset
  bad.yaml:8:7  data.sources.0.columns.output: is required, but missing (The answer)
  bad.yaml:9:14  data.sources.0.sheet: must be text or a whole number, not a list
  bad.yaml:10:15  data.sources.0.sha256: must look like 64 hexadecimal digits, not 'abc'
  bad.yaml:11:7  data.sources.1: give exactly one of path, dataset, self_cognition; this has none of them
  bad.yaml:12:18  data.split.train: must be at most 1, not 1.5
  bad.yaml:13:16  data.max_rejects: must be a number of rows or a share such as 5%, not -1
  bad.yaml:14:1  epochs: there is no such key — did you mean train.epochs?
  bad.yaml:15:17  train.epochs: must be more than 0, not -0.0001
  bad.yaml:15:24  train.lr: there is no such key — did you mean train.learning_rate?
  bad.yaml:15:39  train.method: must be one of full, lora, qlora, freeze or ptuning, not the text 'qlor' — did you mean qlora?
  bad.yaml:15:57  train.batch_size: must be a whole number, not the text '3'
  bad.yaml:15:68  train.lora: must be a mapping (`key: value` lines), not the number 7
  bad.yaml:15:77  train.gpus: must be at least 1, not 0
  bad.yaml:15:86  train.pack: must be true or false, not the text 'yes'
  bad.yaml:16:1  train: this key stands twice (the first one stands in line 15)
  bad.yaml:17:16  expect.rows: must be a whole number, not the text 'many'
  bad.yaml:17:34  expect.train_rows: must be a whole number, not the number 1.5
  bad.yaml:18:29  evaluate.prompts.1: must be text, not the number 7 (to mean the text, write "7" in quotes)
  bad.yaml:18:51  evaluate.validation_share: must be a finite number
  bad.yaml:19:26  export.max_shard_size: must look like 2GB or 500MB, not '2 GB'
  bad.yaml:20:1  surprise: there is no such key (known here: title, source, task, language, needs, engine, model, data, train, export, evaluate, expect, preflight, params, env, engine_options, trust_code and template_file)
  bad.yaml:20:11  the tag !!python/object:os.system is not allowed (a recipe is data)
  --set no  give it as KEY=VALUE
  --set train.epoch  train.epoch: there is no such key — did you mean train.epochs?
  --set train.max_length  train.max_length: must be a whole number, not the text 'x'
  next step: correct the lines above; `recipe schema` lists every key"""


def faults_of(path: Path, **more: object) -> RecipeFaults:
    with pytest.raises(RecipeFaults) as caught:
        load(str(path), environ={}, **more)  # type: ignore[arg-type]
    return caught.value


def test_all_faults_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(BAD, encoding="utf-8")
    error = faults_of(Path("bad.yaml"), sets=["train.epoch=3", "train.max_length=x", "no"])
    there = listed([release.name for release in all_releases()], "and")
    assert str(error) == TOLD.replace("RELEASES", there)
    assert error.exit_code == EXIT_USAGE


def test_a_good_recipe_has_none(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load(str(path), environ={}).recipe.model.id == "some/model"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "train: {learning_rate: 1e-4x}",
            "5:24  train.learning_rate: must be a number, not the text '1e-4x'",
        ),
        (
            "train: {gradient_checkpointing: on}",
            "5:33  train.gradient_checkpointing: must be true or false, not the text 'on'",
        ),
        ("train: [1]", "5:8  train: must be a mapping (`key: value` lines), not a list"),
        ("train: {batch_size: 99999999999999999999999.5}", "must be a whole number"),
        ("train: {per_device_train_batch_size: 2}", "did you mean train.batch_size?"),
        ("train: {gradient_acumulation_steps: 2}", "there is no such key"),
        ("lora: {rank: 8}", "lora: there is no such key — did you mean train.lora?"),
        (
            "train: {lora: {r: 8}}",
            "train.lora.r: there is no such key — did you mean train.lora.rank?",
        ),
        (
            "train: {quantization: {bits: 5}}",
            "5:30  train.quantization.bits: must be one of 4 or 8, not the number 5",
        ),
        ("title: 7", "5:1  title: this key stands twice (the first one stands in line 1)"),
        (
            "params: {name: data.sources.0.self_cognition.nam}",
            "5:16  params.name: stands for data.sources.0.self_cognition.nam, and there is no such key — did you mean data.sources.0.self_cognition.name?",
        ),
        (
            "params: {name: [1]}",
            "5:16  params.name: must be a mapping (`key: value` lines), not a list",
        ),
        ("data: {}", "5:1  data: this key stands twice"),
        ("expect: {rows: -1}", "5:16  expect.rows: must be at least 0, not -1"),
        (
            "engine_options: 3",
            "5:17  engine_options: must be a mapping (`key: value` lines), not the number 3",
        ),
        ("extends: [a]", "5:10  extends: must be the name or path of one recipe, not ['a']"),
        ("extends: medqa-qlroa", "5:10  extends: There is no recipe called 'medqa-qlroa'"),
    ],
)
def test_one_fault_is_told_plainly(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(GOOD + line + "\n", encoding="utf-8")
    assert told in str(faults_of(path))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("title", "1:1  title: is required, but missing"),
        ("engine", "1:1  engine: is required, but missing"),
        ("model", "1:1  model: is required, but missing"),
        ("data", "1:1  data: is required, but missing"),
    ],
)
def test_a_missing_key_points_at_the_mapping_that_lacks_it(
    tmp_path: Path, key: str, told: str
) -> None:
    path = tmp_path / "r.yaml"
    kept = [line for line in GOOD.splitlines() if not line.startswith(key)]
    path.write_text("\n".join(kept), encoding="utf-8")
    assert told in str(faults_of(path))


def test_a_key_missing_inside_points_at_the_line_of_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(GOOD.replace("template: internlm_chat", "hub: local"), encoding="utf-8")
    assert f"{path}:3:1  model.template: is required, but missing" in str(faults_of(path))


def test_null_for_a_required_key_is_told_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(GOOD.replace("a recipe", "null"), encoding="utf-8")
    assert f"{path}:1:1  title: is required, and null takes it away" in str(faults_of(path))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "1:1  a recipe is a mapping (`key: value` lines), and this file is empty"),
        (b"# only a comment\n", "this file is empty"),
        (b"- a\n- b\n", "this file holds ['a', 'b']"),
        (b"just words", "this file holds 'just words'"),
        (b"title: \xff\xfe", "1:8  is not UTF-8 text here (save the file as UTF-8)"),
        (b"PK\x03\x04\x14\x00", "a control character stands here"),
        (b"a: 1\n" * 300_000, "is larger than 1000000 bytes"),
        (b"title: [", "not valid YAML here"),
    ],
)
def test_a_file_that_is_no_recipe_at_all(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(data)
    assert told in str(faults_of(path))


@pytest.mark.parametrize(
    "options",
    [
        "{api_key: x123}",
        "{hf_hub_token: x123}",
        "{swanlab_api_key: 91230045}",
        "{swanlab_api_key: x123}",
        "{visualizer: {vis_backends: [{init_kwargs: {password: x123}}]}}",
    ],
)
def test_a_secret_is_refused_and_never_printed(tmp_path: Path, options: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"{GOOD}engine_options: {options}\n", encoding="utf-8")
    error = faults_of(path)
    assert "a secret does not belong into a recipe" in str(error)
    assert error.faults[0].at.line == 5
    assert "x123" not in str(error)
    assert "91230045" not in str(error)


@pytest.mark.parametrize("options", ["{pad_token: x}", "{max_new_tokens: 9}", "{api_key: null}"])
def test_what_is_called_alike_is_no_secret(tmp_path: Path, options: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"{GOOD}engine_options: {options}\n", encoding="utf-8")
    with contextlib.suppress(RecipeFaults):
        load(str(path), environ={})
        return
    assert "secret" not in str(faults_of(path))


CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_fault_is_told_in_chinese_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them: words of one language that are left in the other's sentence are seen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECIPE_LANG", "zh")
    is_chinese.cache_clear()
    try:
        Path("bad.yaml").write_text(BAD, encoding="utf-8")
        sets = ["train.epoch=3", "train.max_length=x", "no", "extends=x", "data.sources.9.path=x"]
        error = faults_of(Path("bad.yaml"), sets=sets, params=["a", "b=1"])
        lines = str(error).splitlines()
    finally:
        is_chinese.cache_clear()
    assert [line for line in lines if not CHINESE.search(line)] == []
    assert [line for line in lines if re.search(r"\b(must|not|there|is)\b", line)] == []


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load(str(path), environ={}).recipe.title == "a recipe"


def test_a_fault_is_json_as_well(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(GOOD + "epochs: 3\n", encoding="utf-8")
    (fault,) = faults_of(path).faults
    assert fault.as_json() == {
        "file": str(path),
        "line": 5,
        "column": 1,
        "key": "epochs",
        "what": "there is no such key",
        "why": "",
        "meant": "train.epochs",
    }


def test_messages_hold_no_terminal_codes() -> None:
    assert printable("a\x1b[31mb\ud800 中文\n") == "a\\x1b[31mb\\ud800 中文\n"


@given(data=st.data())
def test_a_damaged_recipe_loads_or_is_told_to_be_faulty(data: st.DataObject) -> None:
    """Whatever is cut out of a shipped recipe or typed into it, nothing but faults comes out."""
    text = (shipped_recipes_dir() / "medqa-qlora.yaml").read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    typed = data.draw(st.text(st.sampled_from("{}[]:,-#&*!|>'\"%@` \n\tnull0.e1abc"), max_size=8))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.yaml"
        path.write_text(text[:start] + typed + text[end:], encoding="utf-8")
        with contextlib.suppress(RecipeFaults):
            assert load(str(path), environ={}).recipe.title
