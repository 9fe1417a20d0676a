"""Several data sets, and pictures, through the engine's own loader."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines import registry
from orchestrator.envs.environment import Environment
from orchestrator.envs.install import ensure
from tests.support import demo_rows
from tests.support.engine_runs import in_engine, only_run, recipe

pytestmark = pytest.mark.engine
PLAIN = """title: rows of many shapes
engine: llamafactory@0.9.5
model: {id: Qwen/Qwen2.5-0.5B-Instruct, template: qwen, architecture: qwen2}
"""


@pytest.fixture(scope="session")
def environment() -> Environment:
    return ensure(registry.release("llamafactory@0.9.5"), progress=print)


LOAD = """
import json, sys
from pathlib import Path
import yaml
from transformers import Seq2SeqTrainingArguments
from llamafactory.data.loader import _get_merged_dataset
from llamafactory.hparams import DataArguments, ModelArguments

known = DataArguments.__dataclass_fields__
keys = yaml.safe_load(Path("train.yaml").read_text())
data = DataArguments(**{key: value for key, value in keys.items() if key in known})
arguments = Seq2SeqTrainingArguments(output_dir="out", seed=7)
model = ModelArguments(model_name_or_path="x")
rows = _get_merged_dataset(data.dataset, model, data, arguments, "sft")
Path(sys.argv[1]).write_text(json.dumps([dict(row) for row in rows], default=str))
"""


def loaded(
    environment: Environment, tmp_path: Path, text: str, template: str = "qwen"
) -> list[dict[str, Any]]:
    """The rows of a recipe as the engine's own loader gives them to training."""
    (tmp_path / "mine.yaml").write_text(PLAIN.replace("qwen,", f"{template},") + text)
    done = recipe("render", "mine.yaml", "-o", "pack", cwd=tmp_path)
    assert done.code == 0, done.output
    done = recipe("run", "mine.yaml", "--until", "data", cwd=tmp_path)
    assert done.code == 0, done.output
    root = only_run(tmp_path)
    for name in ("train.yaml", "dataset_info.json"):
        shutil.copy(tmp_path / "pack" / name, root)
    done = in_engine(environment, "-c", LOAD, str(tmp_path / "rows.json"), cwd=root)
    assert (tmp_path / "rows.json").exists(), done.output
    rows: list[dict[str, Any]] = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    return rows


def test_two_hub_sets_and_a_file_are_loaded_together(
    environment: Environment, tmp_path: Path
) -> None:
    """A folder stands in for a hub: the loader takes both by the same key."""
    for name, row in (
        ("one", {"question": "1?", "answer": "one"}),
        ("two", {"dialog": [{"who": "me", "says": "2?"}, {"who": "you", "says": "two"}]}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "own.json").write_text(json.dumps([{"instruction": "3?", "output": "three"}]))
    rows = loaded(
        environment,
        tmp_path,
        f"""data:
  sources:
    - dataset: {tmp_path}/one
      fields: {{instruction: question, output: answer}}
    - path: own.json
    - dataset: {tmp_path}/two
      fields: {{conversations: dialog}}
      tags: {{role: who, content: says, user: me, assistant: you}}
""",
    )
    said = {row["_prompt"][0]["content"]: row["_response"][0]["content"] for row in rows}
    assert said == {"1?": "one", "2?": "two", "3?": "three"}


def test_a_model_that_sees_gets_its_pictures(environment: Environment, tmp_path: Path) -> None:
    demo_rows.write("mllm_demo.json", tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.jpg").write_bytes(b"a picture")
    text = "data: {sources: [{path: mllm_demo.json}]}"
    first, second = sorted(
        loaded(environment, tmp_path, text, template="qwen2_vl"),
        key=lambda row: len(row["_prompt"]),
    )
    assert first["_images"] is None
    assert second["_images"] == [str(tmp_path / "pictures" / "1.jpg")] * 2
    assert [turn["content"].count("<image>") for turn in second["_prompt"]] == [1, 0, 1]
