"""Recipe keys of data operations: clean, sample_rows, weight, dedupe; every row accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.base.errors import RecipeError
from orchestrator.planning.job import build
from orchestrator.planning.stages.data import ConvertRows
from orchestrator.recipe.load import load


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function from the recipe's `data` to (report, training rows)."""
    monkeypatch.chdir(tmp_path)
    for name, count in (("a.jsonl", 20), ("b.jsonl", 5)):
        rows = [{"instruction": f"{name} {i}", "output": "yes 😀"} for i in range(count)]
        (tmp_path / name).write_text(
            "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8"
        )

    def run(
        data: dict[str, Any],
        engine: str = "xtuner@0.2.0",
        template: str = "internlm2_chat",
        **train: Any,
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        recipe = {
            "title": "t",
            "engine": engine,
            "model": {"id": "a/b", "template": template},
            "data": data,
            "train": train,
        }
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
        job = build(load(str(tmp_path / "mine.yaml")))
        report = dict(ConvertRows(job).run(tmp_path, lambda *_: None))
        return report, lines(tmp_path / "data" / "train.jsonl")

    return run


def questions(rows: list[dict[str, Any]]) -> list[str]:
    return [row["conversation"][0]["input"] for row in rows]


def test_sample_rows_draws_and_accounts_for_the_rest(convert: Any, tmp_path: Path) -> None:
    report, rows = convert({"sources": [{"path": "a.jsonl", "sample_rows": 7}]})
    account = report["sources"][0]
    assert len(rows) == 7
    assert (account["read"], account["written"], account["rejected"]) == (20, 7, 13)
    assert len(lines(tmp_path / "data" / "rejected.jsonl")) == 13


def test_sample_rows_repeats_a_source_that_is_too_small(convert: Any) -> None:
    _, rows = convert({"sources": [{"path": "b.jsonl", "sample_rows": 15}]})
    assert sorted(questions(rows)) == sorted(3 * [f"b.jsonl {i}" for i in range(5)])


def test_weights_share_out_the_mix(convert: Any) -> None:
    sources = [{"path": "a.jsonl", "weight": 1}, {"path": "b.jsonl", "weight": 4}]
    report, rows = convert({"sources": sources})
    assert len(rows) == 25
    assert sum(question.startswith("b.jsonl") for question in questions(rows)) == 20
    assert report["warnings"] == ["mixed by weight: a.jsonl 5, b.jsonl 20"]


def test_dedupe_looks_across_sources(convert: Any) -> None:
    report, rows = convert(
        {"sources": [{"path": "a.jsonl"}, {"path": "a.jsonl"}], "dedupe": "request"}
    )
    assert len(rows) == len(set(questions(rows))) == 20
    first, second = report["sources"]
    assert (first["read"], first["written"], first["rejected"]) == (20, 20, 0)
    assert (second["read"], second["written"], second["rejected"]) == (20, 0, 20)
    assert (report["read"], report["written"], report["rejected"]) == (40, 20, 20)


def test_cleaning_rules_change_texts(convert: Any) -> None:
    source = {"path": "b.jsonl", "clean": {"emoji": "😀", "strip": True}}
    _, rows = convert({"sources": [source]})
    assert {row["conversation"][0]["output"] for row in rows} == {"yes"}


def test_the_account_equals_the_files_when_rows_are_drawn(convert: Any, tmp_path: Path) -> None:
    data = {"sources": [{"path": "a.jsonl"}, {"path": "b.jsonl"}], "split": {"train": 0.8}}
    report, rows = convert(data, max_samples=6)
    assert (report["train_rows"], report["test_rows"], report["rows"]) == (6, 5, 11)
    assert len(rows) == 6
    assert len(lines(tmp_path / "data" / "test.jsonl")) == 5
    assert report["rejects"] == {"not drawn (at most 6 rows)": 14}
    assert report["read"] == report["written"] + report["rejected"] == 25
    assert len(lines(tmp_path / "data" / "rejected.jsonl")) == report["rejected"]
    assert sum(source["written"] for source in report["sources"]) == 11
    stored = json.loads((tmp_path / "data" / "account.json").read_text(encoding="utf-8"))
    assert stored == report


def test_a_field_without_a_place_stops_the_run_and_data_drop_leaves_it_out(
    convert: Any, tmp_path: Path
) -> None:
    rich = {"instruction": "q", "output": "a", "id": 7, "images": ["x.jpg"], "note": "n"}
    (tmp_path / "rich.jsonl").write_text(json.dumps(rich) + "\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="id, images, note") as caught:
        convert({"sources": [{"path": "rich.jsonl"}]})
    assert "--set 'data.drop=[id, images, note]'" in str(caught.value)
    assert not (tmp_path / "data" / "train.jsonl").exists()
    drop = ["images", "id", "note"]
    report, rows = convert({"sources": [{"path": "rich.jsonl"}], "drop": drop})
    assert rows == [{"conversation": [{"input": "q", "output": "a"}]}]
    assert report["dropped"] == {"images": 1, "id": 1, "note": 1}


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (
            '{"prompt": "這個問題你怎麼看", "response": "我們說的都是一樣的"}'.encode("big5"),
            "encoding: big5",
        ),
        (b"just some words", "format: text"),
        (b"a,b\n1,2\n", "columns: {input: A, output: "),
        (b'[{"NLDocumentation": "d", "Instances": []}]', "the format tool-alpaca"),
    ],
)
def test_next_steps_name_the_keys_of_a_source(
    convert: Any, tmp_path: Path, content: bytes, key: str
) -> None:
    path = tmp_path / ("table.csv" if b"a,b" in content else "rows")
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        convert({"sources": [{"path": str(path)}]})
    assert key in str(caught.value)
    assert "--encoding" not in str(caught.value)
    assert "--format" not in str(caught.value)
    assert "--columns" not in str(caught.value)


def test_an_encoding_may_be_named(convert: Any, tmp_path: Path) -> None:
    row = {"prompt": "這個問題你怎麼看", "response": "我們說的都是一樣的"}
    (tmp_path / "rows.jsonl").write_bytes(
        "\n".join([json.dumps(row, ensure_ascii=False)] * 4).encode("big5")
    )
    _, rows = convert({"sources": [{"path": "rows.jsonl", "encoding": "big5"}]})
    assert rows[0]["conversation"][0]["input"] == row["prompt"]


def test_too_many_unusable_rows_name_the_recipes_own_key(convert: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('[{"instruction": "q", "output": ""}, {"text": "a"}]')
    with pytest.raises(RecipeError, match="1 of 2 rows cannot be used") as caught:
        convert({"sources": [{"path": "bad.json"}]})
    assert "bad.json line 1 item 1: output is empty" in str(caught.value)
    assert "--set data.max_rejects=1" in str(caught.value)


@pytest.mark.parametrize(
    ("engine", "template", "rows", "turns"),
    [
        (
            "llamafactory@0.9.5",
            "qwen",
            "sharegpt",
            {"conversations": [{"from": "human", "value": "q"}]},
        ),
        ("llamafactory@0.9.5", "qwen", None, {"messages": [{"role": "user", "content": "q"}]}),
        ("xtuner@0.1.9", "internlm_chat", None, {"conversation": []}),
        ("xtuner@0.2.0", "internlm2_chat", None, {"conversation": []}),
    ],
)
def test_an_answer_that_must_not_be_learnt_is_never_learnt_in_silence(
    convert: Any, tmp_path: Path, engine: str, template: str, rows: Any, turns: dict[str, Any]
) -> None:
    (key, asked), *_ = turns.items()
    said = {
        "conversations": {"from": "gpt", "value": "a", "loss": False},
        "messages": {"role": "assistant", "content": "a", "weight": 0},
        "conversation": {"input": "q", "output": "a", "output_with_loss": False},
    }[key]
    (tmp_path / "c.jsonl").write_text(json.dumps({key: [*asked, said]}), encoding="utf-8")
    data = {"sources": [{"path": "c.jsonl"}], **({"rows": rows} if rows else {})}
    if engine == "xtuner@0.2.0":
        _, written = convert(data, engine, template)
        assert written[0]["conversation"][0]["output_with_loss"] is False
        return
    with pytest.raises(RecipeError, match="cannot hold loss") as caught:
        convert(data, engine, template)
    assert "data.drop=[loss]" in (caught.value.fix or "")
