"""One pipeline: whatever is asked for, the account equals the files, and memory stays flat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from data_support import conversation, lines_of, put_json, put_lines
from hypothesis import event, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, Input, Lossy, Pipeline, Split, TooManyRejects, run
from data_tools.operations.deduping import Deduper

ROOT = Path(__file__).resolve().parents[2]
ROWS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "broken"]), min_size=1, max_size=25)
WEIGHTS = st.none() | st.floats(0.1, 5)
COUNTS = st.none() | st.integers(0, 40) | st.floats(0, 3)


@settings(max_examples=120)
@given(
    sources=st.lists(
        st.tuples(ROWS, COUNTS, st.none() | st.floats(0.1, 5)), min_size=1, max_size=3
    ),
    split=st.none() | st.tuples(st.floats(0, 1), st.sampled_from([None, "request"])),
    limit=st.none() | st.integers(1, 20),
    dedupe=st.sampled_from([None, "exact", "request"]),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_account_equals_the_files(
    sources: list[Any],
    split: tuple[float, str | None] | None,
    limit: int | None,
    dedupe: str | None,
    shuffle: bool,
    seed: int,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = []
        for number, (kinds, count, weight) in enumerate(sources):
            rows = [{} if k == "broken" else conversation((k, f"{number}")) for k in kinds]
            path = put_lines(folder / f"{number}.jsonl", rows)
            inputs.append(Input(files=path, count=count, weight=weight))
        outputs = [folder / "train.out.jsonl", folder / "test.out.jsonl"]
        job = Pipeline(
            inputs=inputs,
            outputs=outputs if split else outputs[:1],
            split=Split(train=split[0], group=split[1]) if split else None,
            limit=limit,
            dedupe={"by": dedupe} if dedupe else None,
            shuffle=shuffle,
            seed=seed,
            rejected=folder / "left-out.jsonl",
            allow_empty=True,
        )
        try:
            outcome = run(job)
        except DataError:  # rows drawn from a source without any
            event("refused")
            assert not outputs[0].exists()
            return
        written = [lines_of(path) for path in job.outputs]
        left = folder / "left-out.jsonl"
        rejected = lines_of(left) if left.exists() else []
    account = outcome.account
    assert account.read == account.written + account.rejected
    assert account.written == sum(map(len, written))
    assert account.rejected == len(rejected) == sum(account.rejects.values())
    assert dict(Counter(record["reason"] for record in rejected)) == dict(account.rejects)
    assert list(outcome.written) == [len(rows) for rows in written]
    if limit is not None:
        assert len(written[0]) <= limit
    if len(outcome.inputs) == len(sources):
        for number, own in enumerate(outcome.inputs):
            mine = [
                r for rows in written for r in rows if r["conversation"][0]["output"] == f"{number}"
            ]
            assert own.written == len(mine)
            assert own.read == own.written + own.rejected


def test_what_is_not_drawn_is_counted_and_named_by_its_place(tmp_path: Path) -> None:
    src = put_json(tmp_path / "a.json", [conversation((f"q{i}", "a")) for i in range(10)])
    job = Pipeline(inputs=[Input(files=src)], outputs=[tmp_path / "o.jsonl"], limit=4)
    account = run(job).account
    assert account.rejects == {"not drawn (at most 4 rows)": 6}
    assert (account.read, account.written, account.faults) == (10, 4, 0)
    records = lines_of(next(tmp_path.glob("*rejected*")))
    drawn = {row["conversation"][0]["input"] for row in lines_of(tmp_path / "o.jsonl")}
    assert {f"q{record['item'] - 1}" for record in records} == {f"q{i}" for i in range(10)} - drawn


def test_rows_of_one_shape_with_something_in_every_list_at_the_head(tmp_path: Path) -> None:
    raws = [{"instruction": f"q{i}", "output": "a"} for i in range(6)]
    raws[3]["history"] = [["x", "y"]]  # type: ignore[assignment]
    raws[4].update(instruction="<image>q4", images=["a.jpg"])  # type: ignore[call-overload]
    columns = {"instruction": "", "input": "", "output": "", "history": [], "images": []}
    src = put_lines(tmp_path / "a.jsonl", raws)
    out = tmp_path / "o.jsonl"
    run(Pipeline(inputs=[Input(files=src)], outputs=[out], to="alpaca", columns=columns))
    rows = lines_of(out)
    assert all(list(row) == list(columns) for row in rows)
    assert (rows[0]["history"], rows[1]["images"]) == ([["x", "y"]], ["a.jpg"])
    asked = [row["instruction"] for row in rows]
    assert asked == ["q3", "<image>q4", "q0", "q1", "q2", "q5"]


def test_a_column_that_is_not_declared_is_refused_with_all_others(tmp_path: Path) -> None:
    raws = [
        {"instruction": "<image>q", "output": "a", "images": ["a.jpg"], "note": 1},
        {"instruction": "q", "chosen": "a", "rejected": "b", "id": 7},
    ]
    src = put_lines(tmp_path / "a.jsonl", raws)
    columns = {"instruction": "", "input": "", "output": ""}
    job = Pipeline(
        inputs=[Input(files=src)], outputs=[tmp_path / "o.jsonl"], to="alpaca", columns=columns
    )
    with pytest.raises(Lossy) as caught:
        run(job)
    assert set(caught.value.fields) == {"images", "note", "preference", "id"}
    assert not (tmp_path / "o.jsonl").exists()
    dropped = Pipeline(**{**vars(job), "drop": caught.value.fields})
    account = run(dropped).account
    assert account.dropped == dict.fromkeys(caught.value.fields, 1)
    assert [row["output"] for row in lines_of(tmp_path / "o.jsonl")] == ["a", "a"]
    assert [row["instruction"] for row in lines_of(tmp_path / "o.jsonl")] == ["q", "q"]


def test_a_field_of_a_turn_that_the_reader_does_not_know_is_refused(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "weight": 0, "mood": 1}]
    src = put_lines(tmp_path / "a.jsonl", [{"conversations": turns}])
    files: dict[str, Any] = {"inputs": [Input(files=src)], "outputs": [tmp_path / "o.jsonl"]}
    job = Pipeline(**files, to="sharegpt", turn_fields=())
    with pytest.raises(Lossy) as caught:
        run(job)
    assert set(caught.value.fields) == {"loss", "mood"}
    run(Pipeline(**files, to="sharegpt", turn_fields=("loss",), drop=["mood"]))
    assert lines_of(tmp_path / "o.jsonl")[0]["conversations"][1] == {
        **{"from": "gpt", "value": "a", "loss": False}
    }


def test_every_fault_is_known_when_there_are_too_many(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "a.jsonl", [{"text": ""}] * 7 + [{"text": "a"}])
    job = Pipeline(inputs=[Input(files=src)], outputs=[tmp_path / "o.jsonl"], max_rejects=2)
    with pytest.raises(TooManyRejects, match="7 of 8 rows") as caught:
        run(job)
    assert caught.value.faults == 7


def test_an_output_is_never_an_input(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "a.jsonl", [conversation(("q", "a"))] * 4)
    before = src.read_bytes()
    job = Pipeline(
        inputs=[Input(files=src)],
        outputs=[tmp_path / "o.jsonl", src],
        split=Split(train=0.5),
    )
    with pytest.raises(DataError, match="one of the files that are read"):
        run(job)
    assert src.read_bytes() == before


def test_copies_with_a_few_characters_changed_are_near_duplicates() -> None:
    import random

    rng = random.Random(0)
    letters = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会"
    found = 0
    for number in range(200):
        text = "".join(rng.choices(letters, k=rng.randrange(60, 400)))
        changed = list(text)
        for at in rng.sample(range(len(text)), round(len(text) * 0.05)):
            changed[at] = rng.choice(letters)
        rows = [{"instruction": f"{number}", "output": said} for said in (text, "".join(changed))]
        from data_tools.formats.emitting import as_row

        found += len(list(Deduper("near").first(map(as_row, rows), Account()))) == 1
    assert found >= 190


METER = """
import sys
from pathlib import Path
from data_tools import Input, Pipeline, Split, run
job = Pipeline(
    inputs=[Input(files=sys.argv[1], weight=1), Input(files=sys.argv[1], weight=2)],
    outputs=[sys.argv[2] + "1.jsonl", sys.argv[2] + "2.jsonl"],
    to="alpaca", split=Split(train=0.7), limit=5000,
)
run(job)
status = Path("/proc/self/status").read_text()  # ru_maxrss would be that of the parent
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_stays_flat_with_a_split_a_mix_and_a_limit(tmp_path: Path) -> None:
    peaks = []
    for size in (2_000, 20_000):
        answer = "好的，我明白了。" * 150
        src = put_lines(
            tmp_path / f"{size}.jsonl", [conversation((f"q{i}", answer)) for i in range(size)]
        )
        done = subprocess.run(
            [sys.executable, "-c", METER, str(src), str(tmp_path / f"o{size}-")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        peaks.append(float(done.stdout) / 1024)
        assert (tmp_path / f"o{size}-1.jsonl").stat().st_size
    assert src.stat().st_size > 60 << 20
    assert peaks[1] - peaks[0] < 15, json.dumps(peaks)


def test_a_total_needs_weights(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "a.jsonl", [conversation(("q", "a"))])
    job = Pipeline(inputs=[Input(files=src)], outputs=[tmp_path / "o.jsonl"], total=5)
    with pytest.raises(DataError, match="shared out by weights"):
        run(job)
