"""Which files are read at all: no pipes, no devices, no text that nobody called training data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from data_support import conversation, lines_of, put_lines

from data_tools import DataError, convert, read
from data_tools.containers.files import expand
from data_tools.containers.rejects import is_rejects, rejects_for

GOOD, BAD = conversation(("q", "a")), {"input": "q"}
PROSE = "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1::/:/usr/bin/nologin\n"


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "link to a pipe"])
def test_what_would_hang_or_never_end_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jsonl"
    target = path if "link" not in kind else tmp_path / "target"
    if "pipe" in kind:
        os.mkfifo(target)
    else:
        target = Path("/dev/zero")
    if "link" in kind:
        path.symlink_to(target)
    wanted = path if path.exists() else target
    with pytest.raises(DataError, match="not a regular file") as caught:
        list(read(wanted))
    assert caught.value.exit_code == 2
    assert "standard input" in caught.value.fix


def test_a_pipe_in_a_folder_is_not_among_its_files(tmp_path: Path) -> None:
    put_lines(tmp_path / "a.jsonl", [GOOD])
    os.mkfifo(tmp_path / "b.jsonl")
    assert expand(tmp_path) == [tmp_path / "a.jsonl"]


@pytest.mark.parametrize("name", ["passwd", "notes", "code.py", "a.log", "a.cfg", "a.html"])
def test_plain_text_is_no_training_data_unless_somebody_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(PROSE)
    with pytest.raises(
        DataError, match="Nothing says that this file holds training data"
    ) as caught:
        list(read(path))
    assert "--format text" in caught.value.fix
    assert [row["messages"][-1]["content"] for row in read(path, format="text")] == [PROSE.strip()]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.TXT"])
def test_a_text_files_name_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(PROSE)
    assert len(list(read(path))) == 1


def test_each_output_has_its_own_rejected_rows(tmp_path: Path) -> None:
    source = put_lines(tmp_path / "in.jsonl", [GOOD, BAD, {"x": 1}])
    for name in ("a.jsonl", "a.json", "b.jsonl.gz"):
        convert(source, tmp_path / name)
    put_lines(source, [GOOD])
    convert(source, tmp_path / "b.jsonl.gz")
    found = sorted(path.name for path in tmp_path.iterdir() if is_rejects(path.name))
    assert found == ["a.json.rejected.jsonl", "a.jsonl.rejected.jsonl"]
    for name in found:
        assert [record["line"] for record in lines_of(tmp_path / name)] == [2, 3]


def test_rejected_rows_are_never_an_input(tmp_path: Path) -> None:
    source = put_lines(tmp_path / "in.jsonl", [GOOD, BAD])
    convert(source, tmp_path / "out.jsonl")
    kept = rejects_for(tmp_path / "out.jsonl")
    names = [source, tmp_path / "out.jsonl"]
    assert expand(tmp_path) == expand(str(tmp_path / "*.jsonl")) == names
    with pytest.raises(DataError, match="an earlier command rejected"):
        list(read(kept))


@pytest.mark.parametrize("role", ["the output", "a folder or a device"])
def test_rejected_rows_never_take_anothers_place(tmp_path: Path, role: str) -> None:
    source = put_lines(tmp_path / "in.jsonl", [GOOD, BAD])
    wanted = {"the output": tmp_path / "out.jsonl", "a folder or a device": Path("/dev/null")}[role]
    before = source.read_bytes()
    with pytest.raises(DataError, match=role) as caught:
        convert(source, tmp_path / "out.jsonl", rejected=wanted)
    assert "--rejected" in caught.value.fix
    assert source.read_bytes() == before
    assert not (tmp_path / "out.jsonl").exists()
