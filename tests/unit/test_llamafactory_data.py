"""Rows for LLaMA-Factory: cleaned as the tutorial does, one shape, sampled over all sources."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base.errors import RecipeError
from orchestrator.planning import pack
from orchestrator.planning.job import build
from orchestrator.planning.stages.data import ConvertRows
from orchestrator.recipe.load import load

COLUMNS = ["instruction", "input", "output", "system", "history"]


def convert(root: Path, name: str, *sets: str, **more: bool) -> list[dict[str, Any]]:
    job = build(load(name, sets=sets, environ={}), **more)
    ConvertRows(job).run(root, lambda _done, _total, _what: None)
    text = (root / "data" / "train.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def account(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "data" / "account.json").read_text("utf-8"))
    return found


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_thirteen_samples_become_rows_of_one_shape(tmp_path: Path) -> None:
    rows = convert(tmp_path, "emollm-glm4-lora", rehearse=True)
    assert all(list(row) == COLUMNS for row in rows)
    assert all(isinstance(row["system"], str) for row in rows)
    assert rows[0]["history"]  # the reader takes the column's type from the head of the file
    texts = json.dumps(rows, ensure_ascii=False)
    assert "🐳" not in texts
    assert "我是红烧肉" not in texts
    assert "吵架之后难受" in texts  # only the opening line went
    by_question = {row["instruction"]: row for row in rows}
    third = by_question["谢谢你。"]
    assert [asked for asked, _ in third["history"]] == ["失恋之后吃不下饭。", "要多久才会好？"]
    assert third["system"].startswith("现在你是一个心理专家")
    assert by_question["最近总是睡不好，怎么办？"]["system"].startswith("你是心理健康助手EmoLLM")
    assert "艾薇医生" in by_question["改了八遍方案。"]["system"]
    said = "\n".join(account(tmp_path)["warnings"])
    assert "metadata (" in said  # a field of one source, which the recipe leaves out by name
    assert account(tmp_path)["dropped"]["metadata"] > 0


def test_a_sample_is_drawn_over_all_sources_and_says_so(tmp_path: Path) -> None:
    for name, count in (("a", 900), ("b", 100)):
        rows = [
            {"instruction": f"{name}{number}", "input": "", "output": "x"}
            for number in range(count)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    sets = ("data.sources=[{path: a.json}, {path: b.json}]", "train.max_samples=200")
    rows = convert(tmp_path, "emollm-glm4-lora", *sets)
    second = [row for row in rows if row["instruction"].startswith("b")]
    assert len(rows) == 200
    assert 8 <= len(second) <= 35  # a tenth, give or take; the first 200 would hold none
    (said,) = account(tmp_path)["warnings"]
    assert said.startswith("max_samples: 200 of 1000 rows, drawn over all sources with seed 42")
    assert f"b.json {len(second)}" in said
    again = convert(tmp_path / "again", "emollm-glm4-lora", *sets)
    assert again == rows
    other = convert(tmp_path / "other", "emollm-glm4-lora", *sets, "data.split.seed=1")
    assert other != rows


KINDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "dpo",
        {"instruction": "q", "chosen": "good", "rejected": "bad"},
        {
            "instruction": "q",
            "input": "",
            "system": "",
            "history": [],
            "chosen": "good",
            "rejected": "bad",
        },
    ),
    (
        "kto",
        {"instruction": "q", "input": "", "output": "a", "kto_tag": True},
        {
            "instruction": "q",
            "input": "",
            "output": "a",
            "system": "",
            "history": [],
            "kto_tag": True,
        },
    ),
    (
        "dpo",
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        },
        {
            "instruction": "q",
            "input": "",
            "system": "",
            "history": [],
            "chosen": "good",
            "rejected": "bad",
        },
    ),
    (
        "kto",
        {
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "a"},
            ],
            "label": False,
        },
        {
            "instruction": "q",
            "input": "",
            "output": "a",
            "system": "",
            "history": [],
            "kto_tag": False,
        },
    ),
    ("pt", {"text": "many words"}, {"text": "many words"}),
]


@pytest.mark.parametrize(("stage", "row", "wanted"), KINDS)
def test_rows_of_other_stages(
    stage: str, row: dict[str, Any], wanted: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "mine.jsonl").write_text(json.dumps(row) + "\n")
    sets = ("data.sources=[{path: mine.jsonl}]", f"train.stage={stage}")
    assert convert(tmp_path, "emollm-glm4-lora", *sets) == [wanted]


def test_a_preference_row_that_does_not_fit_is_named(tmp_path: Path) -> None:
    good = {"instruction": "q", "chosen": "a", "rejected": "b"}
    rows = [good, {"instruction": "q", "chosen": ["a"], "rejected": "b"}, {"instruction": "q"}]
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    sets = ("data.sources=[{path: mine.json}]", "train.stage=rm", "data.max_rejects=0")
    with pytest.raises(RecipeError) as caught:
        convert(tmp_path, "emollm-glm4-lora", *sets)
    text = str(caught.value)
    assert "2 of 3 rows" in text
    assert "item 2: chosen is a list, not text" in text
    assert "item 3: output is empty" in text


def test_a_pack_makes_the_rows_of_a_run(tmp_path: Path) -> None:
    rows = [
        {"conversation": [{"system": "s", "input": "a", "output": "b"}]},
        {
            "conversation": [
                {"system": "s", "input": "c", "output": "d"},
                {"input": "e", "output": "f"},
            ]
        },
    ]
    (tmp_path / "child.yaml").write_text(
        "extends: emollm-glm4-lora\ndata: {sources: [{path: mine.json}]}\n"
        "train: {max_samples: null}\n"
    )
    names = pack.write("child.yaml", tmp_path / "pack")
    assert "make_data.py" in names
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    convert(tmp_path / "run", "child.yaml")
    (tmp_path / "pack" / "mine.json").write_text(json.dumps(rows))
    subprocess.run([sys.executable, "make_data.py"], cwd=tmp_path / "pack", check=True)
    made = (tmp_path / "pack" / "data" / "train.jsonl").read_bytes()
    assert made == (tmp_path / "run" / "data" / "train.jsonl").read_bytes()


def test_a_pack_without_its_rows_says_how_to_make_them(tmp_path: Path) -> None:
    names = pack.write("emollm-glm4-lora", tmp_path / "pack")
    assert "make_data.py" not in names
    assert {"train.yaml", "export.yaml", "dataset_info.json", "commands.sh"} <= set(names)
    script = (tmp_path / "pack" / "commands.sh").read_text(encoding="utf-8")
    assert "recipe run emollm-glm4-lora --until data" in script
    readme = (tmp_path / "pack" / "README.md").read_text(encoding="utf-8")
    assert readme.count("github.com/SmartFlowAI/EmoLLM") == 13


ODD_ROWS: list[dict[str, Any]] = [
    {"instruction": f"Translate {n}", "input": f"你好 {n}", "output": "x", "note": n}
    for n in range(7)
]
ODD_ROWS += [
    {"instruction": "", "input": "only input", "output": "y"},
    {"instruction": "z", "input": "", "output": "y", "history": [["a", "b"]], "system": "s"},
    {"conversation": [{"system": "t", "input": "c", "output": "d"}], "note": [1.5]},
]


@pytest.mark.parametrize("recipe", ["emollm-glm4-lora", "medqa-qlora"])
def test_a_pack_makes_the_rows_of_a_run_with_inputs_and_other_fields(
    tmp_path: Path, recipe: str
) -> None:
    (tmp_path / "child.yaml").write_text(
        f"extends: {recipe}\nexpect: null\ntrain: {{max_samples: null}}\n"
        "data: {sources: [{path: mine.json}], drop: [note], split: {train: 0.8}}\n"
    )
    assert "make_data.py" in pack.write("child.yaml", tmp_path / "pack")
    (tmp_path / "mine.json").write_text(json.dumps(ODD_ROWS))
    convert(tmp_path / "run", "child.yaml")
    (tmp_path / "pack" / "mine.json").write_text(json.dumps(ODD_ROWS))
    subprocess.run([sys.executable, "make_data.py"], cwd=tmp_path / "pack", check=True)
    for name in ("train.jsonl", "test.jsonl"):
        made = (tmp_path / "pack" / "data" / name).read_bytes()
        assert made == (tmp_path / "run" / "data" / name).read_bytes()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"instruction": "q", "output": ""}, "no answer"),
        ({"instruction": "q", "output": "a", "images": ["x.jpg"]}, "images"),
        ({"conversation": [{"input": "q", "output": "a", "sep": "x"}]}, "more than this script"),
    ],
)
def test_a_packs_script_refuses_what_a_run_refuses(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    (tmp_path / "child.yaml").write_text(
        "extends: emollm-glm4-lora\ntrain: {max_samples: null}\n"
        "data: {sources: [{path: mine.json}], drop: []}\n"
    )
    pack.write("child.yaml", tmp_path / "pack")
    (tmp_path / "pack" / "mine.json").write_text(json.dumps([row]))
    done = subprocess.run(
        [sys.executable, "make_data.py"], cwd=tmp_path / "pack", capture_output=True, text=True
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
