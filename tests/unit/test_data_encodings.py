"""Encodings are recognised when it is sure; a wrong guess is worse than a question."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path

import pytest
from data_support import conversation

from data_tools import Account, DataError, read
from data_tools.containers.encodings import read_text
from data_tools.containers.files import look_into

SIMPLIFIED = (
    "我最近总是睡不好，早上起来很累，白天也没有精神。",
    "这个问题很常见，你可以先调整作息时间，如果还是不行，就去医院看看医生。",
)
TRADITIONAL = (
    "我最近總是睡不好，早上起來很累，白天也沒有精神。",
    "這個問題很常見，你可以先調整作息時間，如果還是不行，就去醫院看看醫生。",
)
JAPANESE = (
    "最近よく眠れなくて、朝起きるととても疲れています。どうすればいいですか。",
    "それはよくある問題です。まず生活のリズムを整えて、それでもだめなら病院で相談してください。",
)
KOREAN = (
    "요즘 잠을 잘 못 자서 아침에 일어나면 너무 피곤합니다. 어떻게 하면 좋을까요?",
    "흔히 있는 문제입니다. 먼저 생활 습관을 고쳐 보고, 그래도 안 되면 병원에 가 보세요.",
)
RUSSIAN = ("Я плохо сплю и утром чувствую себя усталым.", "Попробуйте ложиться спать раньше.")
FRENCH = ("Je dors très mal ces derniers temps, que faire ?", "Couchez-vous plus tôt, ça aidera.")
GERMAN = (
    "Ich schlafe schlecht und bin müde.",
    "Gehen Sie früher schlafen, das hilft häufig.",
)

OTHERS = [
    (TRADITIONAL, "big5"), (TRADITIONAL, "cp950"), (TRADITIONAL, "big5hkscs"),
    (JAPANESE, "shift_jis"), (JAPANESE, "cp932"), (JAPANESE, "euc_jp"),
    (JAPANESE, "iso2022_jp"),
    (KOREAN, "euc_kr"), (KOREAN, "cp949"), (KOREAN, "johab"),
    (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (FRENCH, "latin-1"), (GERMAN, "cp1252"),
]  # fmt: skip


def put(path: Path, turn: tuple[str, str], encoding: str, rows: int) -> Path:
    """Rows of one turn in a container of the file's name."""
    if ".csv" in path.name:
        text = "\n".join(["input,output", *(f'"{turn[0]}","{turn[1]}"' for _ in range(rows))])
    else:
        row = json.dumps(conversation(turn), ensure_ascii=False)
        text = "\n".join([row] * rows) if ".jsonl" in path.name else f"[{', '.join([row] * rows)}]"
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.jsonl.gz"])
@pytest.mark.parametrize(("turn", "encoding"), OTHERS)
def test_other_encodings_are_asked_for_and_read_when_named(
    tmp_path: Path, turn: tuple[str, str], encoding: str, name: str, rows: int
) -> None:
    path = put(tmp_path / name, turn, encoding, rows)
    with pytest.raises(DataError, match="--encoding") as caught:
        list(read(path))
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2
    assert [row.turns for row in read(path, encoding=encoding)] == [[turn]] * rows


@pytest.mark.parametrize(("turn", "encoding", "guess"), [
    (TRADITIONAL, "big5", "big5"), (JAPANESE, "shift_jis", "shift_jis"),
    (JAPANESE, "euc_jp", "euc_jp"), (KOREAN, "euc_kr", "euc_kr"),
])  # fmt: skip
def test_the_question_names_the_likeliest(
    tmp_path: Path, turn: tuple[str, str], encoding: str, guess: str
) -> None:
    with pytest.raises(DataError, match=f"--encoding {guess} "):
        list(read(put(tmp_path / "a.jsonl", turn, encoding, 5)))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.csv.gz"])
@pytest.mark.parametrize("turn", [SIMPLIFIED, TRADITIONAL])
@pytest.mark.parametrize("encoding", ["gb18030", "gbk"])
def test_chinese_in_gb18030_is_sure(
    tmp_path: Path, turn: tuple[str, str], encoding: str, name: str
) -> None:
    path = put(tmp_path / name, turn, encoding, 3)
    assert look_into(path).encoding == "gb18030"
    assert [row.turns for row in read(path)] == [[turn]] * 3


@pytest.mark.parametrize("turn", [SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN, RUSSIAN, FRENCH])
def test_utf8_with_some_damage_is_utf8(tmp_path: Path, turn: tuple[str, str]) -> None:
    path = put(tmp_path / "a.jsonl", turn, "utf-8", 9)
    path.write_bytes(path.read_bytes() + b'\n{"input": "\xe4\xff", "output": "a"}\n')
    account = Account()
    assert len(list(read(path, account=account))) == 9
    assert account.rejects == {"not valid UTF-8": 1}


def test_one_strange_line_in_ascii_is_a_question_and_utf8_sets_it_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(conversation(("q", "a"))).encode()] * 5
    path.write_bytes(b"\n".join([*lines, b'{"input": "caf\xe9", "output": "a"}']))
    with pytest.raises(DataError, match="with --encoding utf-8 damaged lines are set aside"):
        list(read(path))
    account = Account()
    assert len(list(read(path, encoding="UTF8", account=account))) == 5
    assert account.rejects == {"not valid UTF-8": 1}


@pytest.mark.parametrize("name", ["utf-9", "base64", "rot13", "undefined", "", "hex\x00"])
def test_what_is_no_encoding_is_a_usage_error(tmp_path: Path, name: str) -> None:
    path = put(tmp_path / "a.jsonl", SIMPLIFIED, "utf-8", 1)
    with pytest.raises(DataError, match="There is no encoding") as caught:
        list(read(path, encoding=name))
    assert caught.value.exit_code == 2


def test_small_texts_are_read_in_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "system.txt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "gb18030"):
        path.write_bytes(f"\n{SIMPLIFIED[1]}\n".encode(encoding))
        assert read_text(path) == SIMPLIFIED[1]
    path.write_bytes(JAPANESE[0].encode("shift_jis"))
    with pytest.raises(DataError, match="encoding is not known"):
        read_text(path)
    path.write_bytes(codecs.BOM_UTF8 + b"\xff\xfe\xfd")
    with pytest.raises(DataError, match="not valid"):
        read_text(path)
