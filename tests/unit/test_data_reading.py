"""Files are recognised by what is in them; damage is an error with its place."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from data_support import FILLED, conversation, lines_of, plain_rows, put_json, put_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, convert, read, write
from data_tools.containers.files import look_into
from data_tools.formats.emitting import Emitter

ROWS = [conversation((f"问题 {i}", f"答案 {i} 😀")) for i in range(5)]


def turns(path: Path, **options: Any) -> list[list[tuple[str, str]]]:
    return [row.turns for row in read(path, **options)]


EXPECTED = [[(f"问题 {i}", f"答案 {i} 😀")] for i in range(5)]


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "noending"])
def test_a_json_array_is_read_whatever_its_name(
    tmp_path: Path, name: str, indent: int | None
) -> None:
    assert turns(put_json(tmp_path / name, ROWS, indent=indent)) == EXPECTED


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.data"])
def test_json_lines_are_read_whatever_their_name(tmp_path: Path, name: str) -> None:
    assert turns(put_lines(tmp_path / name, ROWS)) == EXPECTED


def test_blank_lines_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(row) for row in ROWS]
    path.write_bytes("\r\n".join(["", *lines[:2], "   ", *lines[2:]]).encode())
    rows = list(read(path))
    assert [row.turns for row in rows] == EXPECTED
    assert [row.at for row in rows] == [2, 3, 5, 6, 7]


def test_one_pretty_object_and_objects_after_one_another(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS[0], indent=2))
    assert turns(path) == EXPECTED[:1]
    path.write_text("\n".join(json.dumps(row, indent=2) for row in ROWS))
    assert turns(path) == EXPECTED


@pytest.mark.parametrize("indent", [None, 2])
def test_lists_inside_one_object_are_read(tmp_path: Path, indent: int | None) -> None:
    path = put_json(tmp_path / "a.json", {"data": ROWS[:2], "more": ROWS[2:]}, indent=indent)
    assert turns(path) == EXPECTED


@pytest.mark.parametrize("indent", [None, 4])
def test_rows_of_an_array_know_their_line(tmp_path: Path, indent: int | None) -> None:
    path = put_json(tmp_path / "a.json", ROWS, indent=indent)
    lines = path.read_text().splitlines()
    for row in read(path):
        assert isinstance(row.at, tuple)
        start = lines[row.at[0] - 1].strip() if indent else lines[0]
        assert start.startswith("{" if indent else "[")
    places = [row.at for row in read(path) if isinstance(row.at, tuple)]
    assert [item for _, item in places] == [1, 2, 3, 4, 5]
    assert len({line for line, _ in places}) == (5 if indent else 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=st.lists(plain_rows(), min_size=1, max_size=6), indent=st.sampled_from([None, 1, 4]))
def test_an_array_read_as_a_stream_is_what_the_json_module_reads(
    tmp_path: Path, rows: list[Any], indent: int | None
) -> None:
    emitter = Emitter("conversation", (), Account())
    raws = [emitter.emit(row) for row in rows]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(raws, indent=indent, ensure_ascii=len(rows) % 2 == 0))
    assert [row["messages"] for row in read(path)] == [row["messages"] for row in rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(FILLED, FILLED), min_size=1, max_size=8), st.integers(1, 200))
def test_the_array_scanner_does_not_depend_on_where_chunks_end(
    tmp_path: Path, pairs: list[tuple[str, str]], chunk: int
) -> None:
    from data_tools.containers import jsonscan

    path = put_json(tmp_path / "a.json", [conversation(pair) for pair in pairs], indent=chunk % 3)
    before, jsonscan.CHUNK = jsonscan.CHUNK, chunk
    try:
        assert turns(path) == [[pair] for pair in pairs]
    finally:
        jsonscan.CHUNK = before


@pytest.mark.parametrize("container", ["jsonl", "json", "csv", "tsv", "xlsx"])
@pytest.mark.parametrize("gz", ["", ".gz"])
def test_every_container_gives_back_what_was_written(
    tmp_path: Path, container: str, gz: str
) -> None:
    path = tmp_path / f"a.{container}{gz}"
    rows = [*ROWS, conversation(('=1+1, "x"\n', " _x000D_ \r end "), ("again", "yes"))]
    assert write(rows, path) == 6
    found = list(read(path))
    assert [row.turns for row in found[:5]] == EXPECTED
    assert found[5].turns == [('=1+1, "x"\n', " _x000D_ \r end "), ("again", "yes")]
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == bool(gz)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(rows=st.lists(plain_rows(FILLED), min_size=1, max_size=4))
@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.jsonl.gz", "a.json"])
@pytest.mark.parametrize("fmt", ["conversation", "alpaca", "messages"])
def test_any_text_survives_tables_and_json(
    tmp_path: Path, rows: list[Any], name: str, fmt: str
) -> None:
    for row in rows:
        row["messages"] = [m for m in row["messages"] if m["role"] != "system"]
    write(rows, tmp_path / name, format=fmt)
    assert [row["messages"] for row in read(tmp_path / name)] == [r["messages"] for r in rows]


def test_parquet_gives_back_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet is an extra: pyarrow is not installed")
    rows = [*ROWS, conversation(("a", "b"), ("c", "d"), system="s")]
    for name in ("a.parquet", "b.parquet.gz"):
        write(rows, tmp_path / name)
        found = list(read(tmp_path / name))
        assert [row.turns for row in found[:5]] == EXPECTED
        assert (found[5].system, found[5].turns) == ("s", [("a", "b"), ("c", "d")])
    tools = {
        "tools": [{"name": "f", "parameters": {"x": 1}}],
        "conversations": [
            {"role": "user", "content": "q"},
            {"role": "tool", "name": "f", "parameters": {"x": None}, "observation": {"y": [1]}},
            {"role": "assistant", "content": "a"},
        ],
    }
    write([tools], tmp_path / "t.parquet", format="chatglm3")
    write(read(tmp_path / "t.parquet"), tmp_path / "t.jsonl", format="chatglm3")
    assert json.loads((tmp_path / "t.jsonl").read_text()) == tools


def test_parquet_without_pyarrow_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DataError, match="pip install pyarrow"):
        write(ROWS, tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


ENCODINGS = {
    "utf-8": (b"", "utf-8"),
    "utf-8-sig": (codecs.BOM_UTF8, "utf-8"),
    "utf-16": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16-le": (b"", "utf-16-le"),
    "utf-16-be": (b"", "utf-16-be"),
    "gb18030": (b"", "gb18030"),
}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("container", ["json", "jsonl", "csv"])
def test_encodings_are_recognised_and_reported(tmp_path: Path, name: str, container: str) -> None:
    source = tmp_path / f"src.{container}"
    write(ROWS, source)
    mark, codec = ENCODINGS[name]
    path = tmp_path / f"a.{container}"
    path.write_bytes(mark + source.read_text(encoding="utf-8").encode(codec))
    account = Account()
    assert turns(path, account=account) == EXPECTED
    assert look_into(path).encoding == name
    assert any(name in note for note in account.notes) == (name != "utf-8")
    out = tmp_path / "out.jsonl"
    write(read(path), out)
    assert "答案 4 😀".encode() in out.read_bytes()
    assert not out.read_bytes().startswith(codecs.BOM_UTF8)


def test_gb18030_far_into_an_ascii_file_is_recognised(tmp_path: Path) -> None:
    lines = [json.dumps(conversation((f"q{i}", "a" * 100))) for i in range(3000)]
    late = ("我最近总是睡不好，怎么办？", "早点休息，白天多走动。")
    lines.append(json.dumps(conversation(late), ensure_ascii=False))
    path = tmp_path / "a.jsonl"
    path.write_bytes("\n".join(lines).encode("gb18030"))
    assert look_into(path).encoding == "gb18030"
    assert turns(path)[-1] == [late]


def test_a_named_encoding_wins_and_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(ROWS[0], ensure_ascii=False).encode("gb18030"))
    assert turns(path, encoding="gb18030") == EXPECTED[:1]
    with pytest.raises(DataError, match="no encoding 'klingon'"):
        list(read(path, encoding="klingon"))


GOOD = json.dumps(ROWS[0], ensure_ascii=False).encode()
BROKEN = {
    "surrogate": (rb'{"conversation":[{"input":"a\ud83d","output":"b"}]}', "lone surrogate"),
    "escaped NUL": (rb'{"conversation":[{"input":"a\u0000","output":"b"}]}', "NUL"),
    "NUL byte": (b'{"conversation":[{"input":"a\x00","output":"b"}]}', "NUL"),
    "not JSON": (b'{"conversation": oops}', "invalid JSON"),
    "a wrong quote": (b"{'conversation': 1}", "invalid JSON"),
    "bad UTF-8": (b'{"conversation":[{"input":"\xff\xfe","output":"b"}]}', "not valid UTF-8"),
    "a number": (b"5", "a number, not an object"),
    "a list": (b"[1]", "a list, not an object"),
    "null": (b"null", "null, not an object"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_is_rejected_with_its_place_and_the_rest_is_read(
    tmp_path: Path, name: str
) -> None:
    text, reason = BROKEN[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\n" + text + b"\n" + GOOD + b"\n")
    account = Account()
    assert turns(path, account=account, encoding="utf-8") == [EXPECTED[0], EXPECTED[0]]
    assert (account.read, account.rejected) == (3, 1)
    assert reason in next(iter(account.rejects))
    assert "a.jsonl line 2" in account.examples[0]
    with pytest.raises(DataError, match=r"line 2|a.jsonl:2"):
        list(read(path, encoding="utf-8"))


@pytest.mark.parametrize("name", ["surrogate", "escaped NUL", "not JSON", "a number", "null"])
def test_a_broken_item_of_an_array_is_rejected_and_the_rest_is_read(
    tmp_path: Path, name: str
) -> None:
    text, reason = BROKEN[name]
    path = tmp_path / "a.json"
    path.write_bytes(b"[\n" + GOOD + b",\n" + text + b",\n" + GOOD + b"\n]")
    account = Account()
    assert turns(path, account=account) == [EXPECTED[0], EXPECTED[0]]
    assert reason in next(iter(account.rejects))
    assert "a.json line 3" in account.examples[0]


def test_a_last_line_that_is_cut_off_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\n" + GOOD[:30])
    account = Account()
    assert turns(path, account=account) == [EXPECTED[0]]
    assert "cut off" in next(iter(account.rejects))


@pytest.mark.parametrize("cut", [1, 5, 30, 100])
@pytest.mark.parametrize("indent", [None, 4])
def test_a_truncated_array_is_an_error_with_its_line(
    tmp_path: Path, cut: int, indent: int | None
) -> None:
    path = put_json(tmp_path / "a.json", ROWS, indent=indent)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"too early|truncated") as caught:
        list(read(path, account=Account()))
    assert "line " in caught.value.where


@pytest.mark.parametrize("text", ['[{"a":1} {"a":2}]', "[,]", '[{"a":1}]x', '[{"a":1}}'])
def test_a_damaged_array_is_an_error_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        list(read(path, account=Account()))
    assert "line 1" in caught.value.where


LOOKS = {
    b"%PDF-1.4": "a PDF document",
    b"\x89PNG\r\n": "a PNG image",
    b"<!DOCTYPE html>": "a web page",
    b"version https://git-lfs.github.com/spec/v1\n": "Git LFS pointer",
}


@pytest.mark.parametrize("head", LOOKS)
def test_other_files_are_named_for_what_they_look_like(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(head)
    with pytest.raises(DataError, match=LOOKS[head]):
        list(read(path))


def test_missing_empty_and_damaged_files(tmp_path: Path) -> None:
    put_lines(tmp_path / "train.jsonl", ROWS)
    with pytest.raises(DataError, match=r"did you mean train\.jsonl"):
        read(tmp_path / "trian.jsonl")
    (tmp_path / "empty.json").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        list(read(tmp_path / "empty.json"))
    (tmp_path / "space.json").write_bytes(b" \n ")
    with pytest.raises(DataError, match="white space"):
        list(read(tmp_path / "space.json"))
    packed = gzip.compress(json.dumps(ROWS * 100).encode())
    (tmp_path / "cut.json.gz").write_bytes(packed[:-30])
    with pytest.raises(DataError, match=r"compressed file is damaged|gzip file is damaged"):
        list(read(tmp_path / "cut.json.gz"))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="no data files"):
        read(tmp_path / "nothing")


def test_a_folder_a_pattern_and_a_list_are_read_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    (folder / "sub").mkdir(parents=True)
    put_lines(folder / "b.jsonl", ROWS[1:2])
    put_json(folder / "a.json", ROWS[:1])
    write(ROWS[2:3], folder / "sub" / "c.csv")
    (folder / "README.md").write_text("not data")
    for name in ("rejected.jsonl", "a.json.rejected.jsonl", "a.json.rejected.failed.jsonl"):
        (folder / name).write_text("not data")
    (folder / ".hidden.json").write_text("not data")
    assert turns(folder) == EXPECTED[:3]
    assert turns(folder / "*.json*", account=Account())[:2] == EXPECTED[:2]
    both = [folder / "b.jsonl", folder / "a.json"]
    assert [row.turns for row in read([*both])] == [EXPECTED[1], EXPECTED[0]]


def test_plain_text_gives_a_row_a_paragraph(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("One, two\nthree.\n\n\n四。\n", encoding="utf-8")
    rows = list(read(path))
    assert [row.turns for row in rows] == [[("", "One, two\nthree.")], [("", "四。")]]
    assert [row.at for row in rows] == [1, 5]
    write(rows, tmp_path / "again.txt", format="text")
    assert [row.turns for row in read(tmp_path / "again.txt")] == [row.turns for row in rows]
    write(rows, tmp_path / "pt.jsonl")
    first = json.loads((tmp_path / "pt.jsonl").read_text().splitlines()[0])
    assert first == conversation(("", "One, two\nthree."))


def test_csv_faults_have_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('input,output\na,b\nc\nd,\n"e\nf",g\n', encoding="utf-8")
    account = Account()
    assert turns(path, account=account) == [[("a", "b")], [("e\nf", "g")]]
    assert account.rejects == {"1 fields, the header has 2": 1, "output is empty": 1}
    assert "line 3" in account.examples[0]
    assert "line 4: column B" in account.examples[1]
    path.write_text('input,output\na,"b\n', encoding="utf-8")
    with pytest.raises(DataError, match="inside a quoted field"):
        list(read(path, account=Account()))
    path.write_text("question_zh,answer_zh\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="question_zh, answer_zh"):
        list(read(path))
    columns = {"input": "question_zh", "output": "B"}
    assert turns(path, columns=columns) == [[("a", "b")]]


def test_semicolons_and_headers_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt;response\na,a;b\n", encoding="utf-8")
    assert turns(path) == [[("a,a", "b")]]
    path.write_text("a,b\nc,d\n", encoding="utf-8")
    assert turns(path, columns={"input": "A", "output": "B"}, header_row=0) == [
        [("a", "b")],
        [("c", "d")],
    ]


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_rejected_rows_of_a_text_table_are_kept_as_they_were(tmp_path: Path, ending: str) -> None:
    mark = "," if ending == "csv" else "\t"
    lines = [["prompt", "response", "note"], ["q", "", "n"], ["q", "a"], ["q", "a", "n"]]
    path = tmp_path / f"a.{ending}"
    path.write_text("".join(mark.join(line) + "\n" for line in lines), encoding="utf-8")
    convert(path, tmp_path / "o.jsonl")
    kept = lines_of(tmp_path / "o.jsonl.rejected.jsonl")
    assert [record["row"] for record in kept] == [
        {"prompt": "q", "response": "", "note": "n"},
        ["q", "a"],
    ]


def test_columns_also_name_the_keys_of_json_objects(tmp_path: Path) -> None:
    raws = [{"问题": "a", "回答": "b"}, {"问题": "c"}, conversation(("d", "e"))]
    path = put_lines(tmp_path / "a.jsonl", raws)
    account = Account()
    columns = {"input": "问题", "output": "回答"}
    assert turns(path, columns=columns, account=account) == [[("a", "b")], [("d", "e")]]
    assert account.rejects == {"output is empty": 1}


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        ({"NLDocumentation": "", "Instances": []}, "the format tool-alpaca"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "chosen and rejected without"),
        ({"a": 1, "b": 2}, "no known format has these keys: a, b"),
    ],
)
def test_other_objects_are_named(tmp_path: Path, raw: dict[str, Any], hint: str) -> None:
    account = Account()
    assert turns(put_lines(tmp_path / "a.jsonl", [raw]), account=account) == []
    assert hint in next(iter(account.rejects))


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised_behind_a_chinese_beginning(
    tmp_path: Path, codec: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("问题,回答\n天气怎么样,今天是 sunny 的一天\n".encode(codec))
    assert look_into(path).encoding == codec
    columns = {"input": "问题", "output": "回答"}
    assert turns(path, columns=columns) == [[("天气怎么样", "今天是 sunny 的一天")]]
