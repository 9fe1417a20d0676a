"""Several large files are converted at once, with the same result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_support import conversation, lines_of, put_json, put_lines

from data_tools import Account, DataError, convert
from data_tools.containers.rejects import rejects_for
from data_tools.operations import workers


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(workers, "WORTH", 0)
    monkeypatch.setattr(workers, "cores", lambda: 2)
    folder = tmp_path / "in"
    folder.mkdir()
    good = [conversation((f"问{i}", "答"), system="s") for i in range(5)]
    return [
        put_lines(folder / "1.jsonl", [*good, {"conversation": []}]),
        put_json(folder / "2.json", good),
        put_lines(folder / "3.jsonl", [{"prompt": "p", "response": "r", "odd": 1}, 7]),
    ]


@pytest.mark.parametrize("name", ["o.jsonl", "o.json", "o.jsonl.gz"])
def test_many_processes_give_what_one_gives(tmp_path: Path, files: list[Path], name: str) -> None:
    results: list[Any] = []
    for processes in (1, None):
        out = tmp_path / str(processes) / name
        account = convert([*files], out, to="alpaca", processes=processes)
        rejected = lines_of(rejects_for(out))
        results.append((out.read_bytes(), account.to_dict(), rejected))
        assert sorted(p.name for p in out.parent.iterdir()) == sorted([name, rejects_for(out).name])
    assert results[0] == results[1]
    assert results[0][1]["read"] == 13
    assert [r["line"] for r in results[0][2]] == [6, 2]


def test_workers_are_used(tmp_path: Path, files: list[Path], monkeypatch: Any) -> None:
    started: list[Any] = []
    start = workers._start
    monkeypatch.setattr(workers, "_start", lambda job: started.append(job) or start(job))
    convert([*files], tmp_path / "o.jsonl")
    assert [Path(job["src"]).name for job in started] == ["1.jsonl", "2.json", "3.jsonl"]


def test_an_error_in_a_worker_is_the_callers_error(tmp_path: Path, files: list[Path]) -> None:
    out = tmp_path / "o.jsonl"
    out.write_text("earlier")
    files[1].write_text(json.dumps([conversation(("q", "a"))])[:-5])
    with pytest.raises(DataError, match="too early") as caught:
        convert([*files], out)
    assert "2.json" in caught.value.where
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "o.jsonl"]


def test_a_file_without_a_good_row_does_not_stop_the_others(
    tmp_path: Path, files: list[Path]
) -> None:
    put_lines(files[2], [{"conversation": []}])
    account = convert([*files], tmp_path / "o.jsonl")
    assert (account.written, account.rejected) == (10, 2)


def test_limits_hold_over_all_workers(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(DataError, match="Too many rows"):
        convert([*files], tmp_path / "o.jsonl", max_rejects=1)
    assert not (tmp_path / "o.jsonl").exists()
    with pytest.raises(DataError, match="conversation is empty"):
        convert([*files], tmp_path / "o.jsonl", strict=True)


def test_a_worker_that_dies_is_an_error(
    tmp_path: Path, files: list[Path], monkeypatch: Any
) -> None:
    monkeypatch.setattr(workers, "_START", "import sys; sys.stdin.read(); sys.exit(9)")
    with pytest.raises(DataError, match="ended early"):
        convert([*files], tmp_path / "o.jsonl", account=Account())
    assert not (tmp_path / "o.jsonl").exists()


def test_small_jobs_and_steps_stay_in_one_process(tmp_path: Path, files: list[Path]) -> None:
    assert not workers.worth_it(files[:1], "jsonl")
    assert not workers.worth_it(files, "xlsx")
    account = convert([*files], tmp_path / "o.jsonl", steps={"dedupe": "exact"})
    assert account.written == 6
