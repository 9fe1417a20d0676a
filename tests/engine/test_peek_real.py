"""`recipe peek` against what the engine's own data set and collator give to training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines.protocol import Glance, Peeks
from orchestrator.engines.registry import engine_of
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.report.peek import summary
from orchestrator.running.peeking import _asked, _of_job
from orchestrator.running.trial import for_any_machine, installed, trial
from tests.support import byte_model
from tests.support.engine_runs import engine_slot, in_engine, recipe

pytestmark = pytest.mark.engine
RELEASES = ("xtuner@0.2.0", "xtuner@0.1.9", "llamafactory@0.9.5", "llamafactory@0.8.3")
#: Rows; XTuner packs in as many processes as there are rows, up to 32.
COUNT, PACKED = 110, 16
RECIPE = """\
title: rows to peek at
engine: {engine}
model: {{id: some/bytes, path: {model}, template: {template}, architecture: llama}}
data: {{shuffle: {shuffle}, sources: [{{path: rows.jsonl}}]}}
train: {{method: lora, max_length: {limit}, pack: {pack}}}
"""
#: One script for both engines: what stands in a batch of one row, without padding.
REFERENCE = """
import json, runpy, sys
from functools import partial
from pathlib import Path

if Path("shim").exists():
    runpy.run_path("shim/sitecustomize.py")
from torch.utils.data import DataLoader

if Path("config.py").exists():
    from mmengine.config import Config
    from xtuner.registry import BUILDER

    cfg = Config.fromfile("config.py")
    if not cfg.train_dataset["pack_to_max_length"] and "use_varlen_attn" in cfg:
        cfg.train_dataset["map_num_proc"] = 1  # rows for themselves are the same in any number
    data = BUILDER.build(cfg.train_dataset)
    keys = dict(cfg.train_dataloader["collate_fn"])
    collate = partial(keys.pop("type"), **keys)
else:
    import yaml
    from llamafactory import data as engine
    from llamafactory.hparams.parser import _TRAIN_ARGS
    from llamafactory.model import load_tokenizer
    from transformers import HfArgumentParser

    keys = yaml.safe_load(Path("train.yaml").read_text())
    model, args, training, _, _ = HfArgumentParser(_TRAIN_ARGS).parse_dict(keys)
    pair = load_tokenizer(model)
    if "data_args" in engine.get_template_and_fix_tokenizer.__annotations__:
        template = engine.get_template_and_fix_tokenizer(pair["tokenizer"], args)
        data = engine.get_dataset(template, model, args, training, stage="sft", **pair)
        more = dict(template=template, **pair)
    else:
        data = engine.get_dataset(model, args, training, stage="sft", **pair)
        more = dict(tokenizer=pair["tokenizer"])
    data = data["train_dataset"]
    collate = engine.SFTDataCollatorWith4DAttentionMask(label_pad_token_id=-100, **more)

batches = []
for batch in DataLoader(data, batch_size=1, shuffle=False, collate_fn=collate):
    batch = batch.get("data", batch)
    count = len(batch["input_ids"][0])
    batches.append([batch[key][0].tolist()[:count] for key in ("input_ids", "labels")])
Path(sys.argv[1]).write_text(json.dumps(batches))
"""


def rows(path: Path, count: int, *, every: bool) -> Path:
    """Rows of one and several turns, with and without a system text, short and far too long.

    A system text in ``every`` one for XTuner, which packs in 32 processes: in one without any, its
    rows have another type than those of the others, and it stops.
    """
    with path.open("w", encoding="utf-8") as lines:
        for number in range(1, count + 1):
            system = every or number % 3 == 0
            turns = [{"role": "system", "content": "你是医生。"}] if system else []
            for turn in range(1 + number % 2):
                question = f"第 {number}.{turn} 问? 🙂 " + "why " * (number % 7)
                answer = f"答 {number}. " + "because " * (number % 11)
                turns += [
                    {"role": "user", "content": question + "long " * (40 * (number % 50 == 0))},
                    {"role": "assistant", "content": answer + "on and on " * (number % 25 == 0)},
                ]
            lines.write(json.dumps({"messages": turns}, ensure_ascii=False) + "\n")
    return path


def seen_and_given(
    release: str, folder: Path, *, pack: bool, shown: int, sequence: int | None = None
) -> tuple[dict[str, Any], list[list[list[int]]]]:
    """What peek says, and what training gets, both of the same rendered files."""
    is_xtuner = release.startswith("xtuner")
    rows(folder / "rows.jsonl", PACKED if pack else COUNT, every=pack and is_xtuner)
    text = RECIPE.format(
        engine=release,
        template="internlm_chat" if is_xtuner else "chatml",
        shuffle=str(not (is_xtuner and pack)).lower(),
        model=byte_model.write(folder / "model"),
        limit=500 if pack else 160,  # several rows go into one sequence
        pack=str(pack).lower(),
    )
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    job = for_any_machine(build(load(str(folder / "mine.yaml"), environ={})))
    engine = engine_of(job)
    assert isinstance(engine, Peeks)
    with trial(job, installed(job)) as here:
        with engine_slot():
            here.stages(("data",))
            glance = Glance(rows=tuple(range(1, shown + 1)), sequence=sequence, system="你是医生。")
            seen = summary({**_of_job(job), **_asked(here, engine, glance)})
        done = in_engine(here.environment, "-c", REFERENCE, "given.json", cwd=here.root)
        assert done.code == 0, done.output
        given = json.loads((here.root / "given.json").read_text(encoding="utf-8"))
    return seen, given


@pytest.mark.parametrize("release", RELEASES)
def test_rows_are_the_batches_of_the_engine(release: str, tmp_path: Path) -> None:
    seen, given = seen_and_given(release, tmp_path, pack=False, shown=COUNT)
    parts = [row["parts"][0] for row in seen["shown"] if row["parts"]]
    assert len(given) >= 100
    assert [[part["ids"], part["labels"]] for part in parts] == given
    assert [[kept, trained] for _, _, kept, trained in seen["rows"] if kept] == [
        [len(ids), sum(label >= 0 for label in labels)] for ids, labels in given
    ]
    assert seen["about"]["cut"], "some rows are too long"
    for row in seen["shown"]:
        if row["parts"] and row["cuts"]:
            _, length, kept, _ = seen["rows"][row["row"] - 1]
            assert length - kept == sum(cut["tokens"] for cut in row["cuts"])
    asked = [row for row in seen["shown"] if row["parts"]]
    with_system = next(row for row in asked if row["system"])
    training, chat, own = with_system["prompts"]
    assert "🙂" in "".join(training["texts"])
    # XTuner's training begins with <s> by itself, its chat only where the tokenizer adds it.
    lacks_bos = "the engine's chat: “<s>” of the training is missing"
    expected = [lacks_bos] if release.startswith("xtuner") else []
    told = [english for english, _ in with_system["differences"]]
    assert told[: len(expected)] == expected
    assert training["ids"][len(expected) :] == chat["ids"], "the system text of `recipe chat`"
    assert "".join(own["texts"]).startswith("[SYSTEM]你是医生。\n[USER]第 "), own["absent"]
    assert all("own chat template" in english for english in told[len(expected) :])
    for row in asked:
        if not row["cuts"]:
            prompt = row["prompts"][0]["ids"]
            assert row["parts"][0]["ids"][: len(prompt)] == prompt, "what was trained on"
    without = next(row for row in asked if not row["system"] and not row["cuts"])
    chat = [english for english, _ in without["differences"] if "the engine's chat" in english]
    assert any("你是医生。" in english for english in chat), "this row has no system text"


@pytest.mark.parametrize("release", ["xtuner@0.2.0", "llamafactory@0.9.5"])
def test_packed_sequences_are_those_of_the_engine(release: str, tmp_path: Path) -> None:
    seen, given = seen_and_given(release, tmp_path, pack=True, shown=1, sequence=2)
    assert [[tokens, trained] for tokens, trained, _ in seen["packed"]] == [
        [len(ids), sum(label >= 0 for label in labels)] for ids, labels in given
    ]
    assert [seen["sequence"]["ids"], seen["sequence"]["labels"]] == given[1]
    assert seen["figures"]["optimizer_steps"] > 0


def test_a_rehearsal_shows_the_tokenizer_of_its_stand_in(tmp_path: Path) -> None:
    done = recipe("peek", "medqa-qlora", "--rehearse", "--html", "seen.html", cwd=tmp_path)
    assert done.code == 0, done.output
    page = (tmp_path / "seen.html").read_text(encoding="utf-8")
    assert "REHEARSAL" in page
    assert str(tmp_path) not in page
