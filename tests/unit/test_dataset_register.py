"""`recipe dataset register`: one entry more, all else byte for byte, many writers at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.engines.llamafactory.dataset_entry import entry_for
from orchestrator.engines.llamafactory.dataset_info import find, register, with_entry
from tests.support import demo_rows
from tests.support.engine_runs import REPOSITORY, variables

UPSTREAM = """{
  "identity": {
    "file_name": "identity.json"
  },
  "alpaca_en_demo": {"file_name": "alpaca_en_demo.json",   "num_samples": 1.0e3},
  "中文": {"file_name": "\\u4e2d.json"}
}
"""
ENTRY = {"file_name": "mine.json", "formatting": "alpaca", "columns": {"prompt": "instruction"}}


def info(folder: Path, text: str = UPSTREAM) -> Path:
    path = folder / "dataset_info.json"
    path.write_bytes(text.encode("utf-8"))
    return path


def test_an_entry_is_added_and_all_else_stays_byte_for_byte(tmp_path: Path) -> None:
    path = info(tmp_path)
    path.chmod(0o640)
    assert register(ENTRY, "mine", tmp_path) == "added"
    text = path.read_text(encoding="utf-8")
    assert text.startswith(UPSTREAM.removesuffix("\n}\n"))
    assert list(json.loads(text)) == ["identity", "alpaca_en_demo", "中文", "mine"]
    assert json.loads(text)["mine"] == ENTRY
    assert '\n  "mine": {\n    "file_name"' in text  # laid out as its neighbours are
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["dataset_info.json"]


def test_the_same_entry_again_changes_nothing(tmp_path: Path) -> None:
    path = info(tmp_path)
    register(ENTRY, "mine", tmp_path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert register(dict(reversed(ENTRY.items())), "mine", tmp_path) == "unchanged"
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_another_entry_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = info(tmp_path)
    with pytest.raises(UsageError, match="another entry called 'identity'") as caught:
        register(ENTRY, "identity", tmp_path)
    assert f"{path}:2" in str(caught.value)
    assert path.read_text(encoding="utf-8") == UPSTREAM
    assert register(ENTRY, "identity", tmp_path, force=True) == "replaced"
    text = path.read_text(encoding="utf-8")
    assert text.endswith(UPSTREAM[UPSTREAM.index(',\n  "alpaca_en_demo"') :])
    assert list(json.loads(text)) == ["identity", "alpaca_en_demo", "中文"]


@pytest.mark.parametrize(
    "text",
    ["{}", "{ }\n", '{"a": 1}', '{"a": {"b": [1]} }', '{\r\n\t"a": 1\r\n}\r\n', "\ufeff{}\n"],
)
def test_other_layouts(text: str, tmp_path: Path) -> None:
    path = info(tmp_path, text)
    register(ENTRY, "mine", tmp_path)
    new = path.read_bytes().decode("utf-8")
    read = json.loads(new.removeprefix("\ufeff"))
    assert read == {**json.loads(text.removeprefix("\ufeff")), "mine": ENTRY}
    assert new.startswith("\ufeff") == text.startswith("\ufeff")
    if "\r\n" in text:
        assert "\n" not in new.replace("\r\n", "")


NAMES = st.text(min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=4),
    NAMES,
    st.sampled_from([None, 2, 4, "\t"]),
    st.booleans(),
)
def test_any_file_keeps_its_other_entries(
    old: dict[str, Any], name: str, indent: Any, plain: bool
) -> None:
    text = json.dumps(old, indent=indent, ensure_ascii=plain)
    new, _ = with_entry(text, name, ENTRY, path=Path("x.json"), force=True)
    assert json.loads(new) == {**old, name: ENTRY}
    assert [key for key in json.loads(new) if key != name] == [key for key in old if key != name]
    for key, value in old.items():
        if key != name:
            written = json.dumps({key: value}, indent=indent, ensure_ascii=plain)[1:-1].strip()
            assert written in new


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": {"file_name": "x",}}', "cannot be read"),
        ('{"emo_merged": {\n  "file_name": "x",\n  }\n}\n}', "dataset_info.json:3"),
        ("[1]", "no object"),
        ('{"mine": 1, "mine": 2}', "2 times"),
        ("", "cannot be read"),
    ],
)
def test_a_file_that_is_not_right_is_left_alone(text: str, words: str, tmp_path: Path) -> None:
    path = info(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        register(ENTRY, "mine", tmp_path, force=True)
    assert words in str(caught.value)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["", " ", "a,b", " a", "a\n"])
def test_a_name_that_the_engine_would_split_is_refused(name: str, tmp_path: Path) -> None:
    info(tmp_path)
    with pytest.raises(UsageError, match="cannot name a data set"):
        register(ENTRY, name, tmp_path)


def test_a_checkout_is_found_by_its_root(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = info(tmp_path / "data")
    assert find(tmp_path) == find(tmp_path / "data") == path.resolve()
    with pytest.raises(UsageError, match=r"no dataset_info\.json"):
        find(tmp_path / "nowhere")


def recipe(*words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=cwd,
        env=variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


#: Fifty processes that begin at once: each is a copy of one that has everything imported.
FIFTY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from orchestrator.engines.llamafactory.dataset_entry import entry_for
from orchestrator.engines.llamafactory.dataset_info import register
folder, children = Path(sys.argv[2]), []
ready, go = os.pipe()
for number in range(50):
    child = os.fork()
    if not child:
        os.close(go)
        os.read(ready, 1)
        register(entry_for(folder / f"rows{number}.json", folder), f"rows{number}", folder)
        sys.exit()
    children.append(child)
os.close(go)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


def test_fifty_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = info(tmp_path)
    for number in range(50):
        row = {"instruction": "a", "output": "b", "system": "s"}
        (tmp_path / f"rows{number}.json").write_text(json.dumps([row]))
    done = subprocess.run(
        [sys.executable, "-c", FIFTY, str(REPOSITORY), str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text(encoding="utf-8"))
    assert set(found) == {"identity", "alpaca_en_demo", "中文", *(f"rows{n}" for n in range(50))}
    assert path.read_text(encoding="utf-8").startswith(UPSTREAM.removesuffix("\n}\n"))


def test_the_command(tmp_path: Path) -> None:
    path = info(tmp_path)
    (tmp_path / "mine.jsonl").write_text(
        '{"instruction": "q", "input": "", "output": "a"}\n'
        '{"instruction": "q", "input": "", "output": "a", "system": "s", "history": [["x", "y"]]}\n'
    )
    words = ("dataset", "register", "mine.jsonl", "--into", ".")
    done = recipe(*words, cwd=tmp_path)
    text, _ = done.communicate(timeout=240)
    assert done.returncode == 0, text
    assert json.loads(path.read_text(encoding="utf-8"))["mine"] == {
        "file_name": "mine.jsonl",
        "formatting": "alpaca",
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
        },
    }
    refused = recipe(*words, "--name", "identity", cwd=tmp_path)
    text, _ = refused.communicate(timeout=240)
    assert refused.returncode == 2
    assert "--force" in text


def rows(folder: Path, *found: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found))
    return path


def test_sharegpt_and_messages_rows_get_their_tags(tmp_path: Path) -> None:
    share = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    entry = entry_for(rows(tmp_path, {"conversations": share, "system": "s"}), tmp_path)
    assert entry["formatting"] == "sharegpt"
    assert entry["columns"] == {"messages": "conversations", "system": "system"}
    assert (entry["tags"]["user_tag"], entry["tags"]["assistant_tag"]) == ("human", "gpt")
    openai = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    entry = entry_for(rows(tmp_path, {"messages": openai}), tmp_path)
    assert entry["columns"] == {"messages": "messages"}
    assert entry["tags"] == {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "observation_tag": "tool",
        "function_tag": "function",
        "system_tag": "system",
    }


def test_preference_rows_are_ranking(tmp_path: Path) -> None:
    row = {"instruction": "q", "input": "", "chosen": "a", "rejected": "b"}
    entry = entry_for(rows(tmp_path, row), tmp_path)
    assert entry["ranking"] is True
    assert "response" not in entry["columns"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"conversation": []}, "no layout"),
        ({"conversations": [{"from": "bot", "value": "x"}]}, "'bot'"),
        ([1], "no object"),
    ],
)
def test_rows_that_the_engine_would_drop_are_refused(row: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        entry_for(rows(tmp_path, row), tmp_path)
    assert words in str(caught.value)


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = rows(tmp_path, {"instruction": "q", "output": "a"})
    path.write_text(path.read_text() + "{oops\n")
    with pytest.raises(RecipeError) as caught:
        entry_for(path, tmp_path)
    assert "rows.jsonl:2" in str(caught.value)


#: What the engine's own dataset_info.json says about its demo files.
DEMO_COLUMNS = {
    "dpo_en_demo.json": {
        "messages": "conversations",
        "chosen": "chosen",
        "rejected": "rejected",
    },
    "kto_en_demo.json": {"messages": "messages", "kto_tag": "label"},
    "glaive_toolcall_en_demo.json": {"messages": "conversations", "tools": "tools"},
    "mllm_demo.json": {"messages": "messages", "images": "images"},
    "mllm_video_demo.json": {"messages": "messages", "videos": "videos"},
    "dpo_zh_demo.json": {
        "prompt": "instruction",
        "query": "input",
        "chosen": "chosen",
        "rejected": "rejected",
    },
}


@pytest.mark.parametrize("name", DEMO_COLUMNS)
def test_demo_files_get_the_columns_that_the_engine_itself_gives_them(
    name: str, tmp_path: Path
) -> None:
    entry = entry_for(demo_rows.write(name, tmp_path), tmp_path)
    assert entry["columns"] == DEMO_COLUMNS[name]
    assert entry.get("ranking", False) == name.startswith("dpo")
    words = entry.get("tags", {})
    assert words.get("user_tag") in (None, "human", "user")
