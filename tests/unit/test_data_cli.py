"""The commands: `recipe data …` and `python -m data_tools …`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from data_support import conversation, lines_of, put_json, put_lines

from data_tools.cli import data
from data_tools.cli.support import parse_columns

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: Any, code: int = 0) -> Result:
    result = CliRunner().invoke(data, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    raws = [conversation((f"q{i}", f"答{i}")) for i in range(10)]
    return put_lines(tmp_path / "rows.jsonl", raws)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "DrugQA"
    for cells in [["Question", "", "", "Answer"], ["q1", "", "", "a1"], ["q2", "", "", None]]:
        page.append(cells)
    book.save(tmp_path / "book.xlsx")
    return tmp_path / "book.xlsx"


def test_the_tutorials_spreadsheet(sheet: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    columns = ["--columns", "input=A,output=Answer", "--sheet", "DrugQA", "--system", "be kind"]
    result = run("convert", sheet, out, *columns)
    assert "output is empty" in result.output
    assert lines_of(out) == [conversation(("q1", "a1"), system="be kind")]
    (rejected,) = lines_of(tmp_path / "out.jsonl.rejected.jsonl")
    assert rejected == {
        "file": str(sheet),
        "sheet": "DrugQA",
        "line": 3,
        "reason": "output is empty",
        "cell": "D3",
        "row": {"input": "q2", "output": ""},
    }
    strict = run("convert", sheet, out, *columns, "--strict", code=1)
    assert "D3: output is empty" in strict.output
    assert "next step:" in strict.output


def test_convert_prints_its_account_as_json(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.json"
    shown = json.loads(run("convert", rows, "-o", out, "--to", "alpaca", "--json").output)
    assert (shown["read"], shown["written"], shown["outputs"]) == (10, 10, [str(out)])
    assert json.loads(out.read_text())[0]["instruction"] == "q0"


def test_system_text_from_a_file(rows: Path, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("\ufeff温柔\n", encoding="utf-8")
    run("convert", rows, tmp_path / "o.jsonl", "--system-file", tmp_path / "s.txt")
    first = lines_of(tmp_path / "o.jsonl")[0]["conversation"][0]
    assert first["system"] == "温柔"
    both = ["--system-file", tmp_path / "s.txt", "--system", "x"]
    run("convert", rows, tmp_path / "o.jsonl", *both, code=2)


def test_split_names_both_files(rows: Path, tmp_path: Path) -> None:
    result = run("split", rows, "-o", tmp_path / "train.jsonl", "--train", "0.7")
    assert f"wrote {tmp_path / 'test.jsonl'}" in result.output
    assert len(lines_of(tmp_path / "train.jsonl")) == 7
    assert len(lines_of(tmp_path / "test.jsonl")) == 3
    run("split", rows, "--train", "4", "--test", "2", "--group", "request")
    assert len(lines_of(tmp_path / "rows-train.jsonl")) == 4
    assert len(lines_of(tmp_path / "rows-test.jsonl")) == 2
    run("split", rows, "--train", "most", code=2)
    run("split", rows, "--train", "1.5", code=2)


def test_merge_mix_and_dedupe(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    run("merge", rows, rows, out)
    assert lines_of(out) == lines_of(rows) * 2
    run("dedupe", out, tmp_path / "d.jsonl")
    assert lines_of(tmp_path / "d.jsonl") == lines_of(rows)
    run("mix", f"{rows}#3", f"{rows}#150%", "-o", out)
    assert len(lines_of(out)) == 18
    run("mix", rows, rows, "-o", out, "--weights", "1,3", "--total", "8", "--no-shuffle")
    assert len(lines_of(out)) == 8
    run("mix", rows, "-o", out, "--weights", "x", code=2)


def test_clean_roleplay_and_self_cognition(tmp_path: Path) -> None:
    raws = [{"prompt": "q", "completion": "你好，我是红烧肉\n说吧🐳"}]
    src = put_json(tmp_path / "single.json", raws)
    out = tmp_path / "o.jsonl"
    run("clean", src, out, "--emollm", "--to", "alpaca", "--system", "s")
    expected = {"instruction": "q", "input": "", "output": "说吧", "system": "s"}
    assert lines_of(out) == [expected]
    run("clean", src, out, "--replace", "说(.)", r"\1", "--strip")
    assert lines_of(out) == [{"prompt": "q", "response": "你好，我是红烧肉\n吧🐳"}]
    (tmp_path / "role.txt").write_text("医生\n")
    run(
        "roleplay", src, "-o", out, "--role-file", f"single={tmp_path / 'role.txt'}",
        "--to", "conversation",
    )  # fmt: skip
    assert lines_of(out)[0]["conversation"][0]["system"] == "医生"
    run("roleplay", src, "-o", out, code=2)
    run("self-cognition", "--name", "张三'\"{}", "-o", out, "--repeats", "2")
    assert len(lines_of(out)) == 12
    run("self-cognition", "--name", " ", "-o", out, code=2)


def test_the_chatglm3_scripts_have_their_own_arguments_and_default_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put_lines(tmp_path / "train.json", [{"content": "a", "summary": "b"}])
    run("format-advertise-gen", "--path", "train.json")
    found = lines_of(tmp_path / "formatted_data" / "advertise_gen.jsonl")
    assert found == [{"prompt": "a", "response": "b"}]
    good = {"input": "i", "intermediate_steps": [], "Final Thought": "t", "output": "o"}
    tool = {"NLDocumentation": "d", "Instances": [{}, good]}
    put_json(tmp_path / "tools.json", [tool])
    result = run("format-tool-alpaca", "tools.json")
    assert "input is missing" in result.output
    assert len(lines_of(tmp_path / "formatted_data" / "tool_alpaca.jsonl")) == 1
    assert len(lines_of(tmp_path / "formatted_data" / "tool_alpaca.jsonl.rejected.jsonl")) == 1
    run("format-tool-alpaca", "tools.json", "--strict", code=1)
    run("format-tool-alpaca", code=2)


def test_xcomposer_list_writes_and_lints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    turns = [{"from": "user", "value": "a"}, {"from": "assistant", "value": "b"}]
    put_json(tmp_path / "t.json", [{"id": "0", "conversations": turns}])
    assert (
        "asks for 5,000 rows and the file has 1"
        in run("xcomposer-list", "t.json#5000", "-o", "data.txt", code=1).output
    )
    run("xcomposer-list", "t.json#5000", "-o", "data.txt", "--repeat")
    assert (tmp_path / "data.txt").read_text() == "t.json 5\n"
    assert "1 faults" in run("xcomposer-list", "data.txt", code=1).output
    assert "0 faults" in run("xcomposer-list", "data.txt", "--repeat").output
    (tmp_path / "data.txt").write_text("t.json 5\n\nno.json 1\n")
    assert "2 faults" in run("xcomposer-list", "data.txt", "--repeat", code=1).output
    run("xcomposer-list", "no.json", "-o", "data.txt", code=1)


def test_check_and_look(rows: Path, tmp_path: Path) -> None:
    assert run("check", rows).output.endswith("ok\n")
    unanswered = {"messages": [{"role": "user", "content": "q"}]}
    bad = put_lines(tmp_path / "bad.jsonl", [unanswered, {"conversation": []}])
    result = run("check", bad, code=1)
    assert "fault: conversation is empty: 1" in result.output
    assert "warning: a row without an answer: 1" in result.output
    odd = put_lines(tmp_path / "odd.jsonl", [unanswered])
    run("check", odd)
    run("check", odd, "--strict", code=1)
    assert json.loads(run("check", bad, "--json", code=1).output)["rows"] == 2
    assert "languages   zh: 10" in run("look", rows).output or "en" in run("look", rows).output
    assert json.loads(run("look", rows, "--json").output)["rows"] == 10


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["convert", "nothing.jsonl", "o.jsonl"], 2, "no such file"),
        (["convert", "rows.jsonl", "o.xyz"], 2, "does not say what to write"),
        (["convert", "rows.jsonl", "o.jsonl", "--to", "alpacca"], 2, "did you mean alpaca"),
        (["convert", "rows.jsonl", "o.jsonl", "--columns", "input"], 2, "KEY=COLUMN"),
        (["convert", "rows.jsonl", "o.jsonl", "--max-rejects", "x"], 2, "no limit"),
        (["convert", "rows.jsonl"], 2, "then the output"),
        (["convert", "rows.jsonl", "o.jsonl", "--container", "zip"], 2, "no container"),
        (["convrt"], 2, "No such command"),
    ],
)
def test_mistakes_get_a_message_and_an_exit_code(
    rows: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(rows.parent)
    assert message in run(*arguments, code=code).output
    assert not (rows.parent / "o.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code"), [(["convert", "no.jsonl", "o.jsonl"], 2), (["check", "bad.jsonl"], 1)]
)
def test_a_program_that_mounts_the_group_gets_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    put_lines(tmp_path / "bad.jsonl", [{"conversation": []}])
    with pytest.raises(SystemExit) as caught:
        data.main(args=arguments, standalone_mode=False)
    assert caught.value.code == code


def test_an_interrupt_exits_with_130(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from data_tools.operations import pipeline

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupted)
    assert "interrupted" in run("convert", rows, "o.jsonl", code=130).output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input=A,output=D", {"input": "A", "output": "D"}),
        ("input=Long, odd name, output=B", {"input": "Long, odd name", "output": "B"}),
        ("output=a=b", {"output": "a=b"}),
    ],
)
def test_columns(text: str, expected: dict[str, str]) -> None:
    assert parse_columns((text,)) == expected


def test_the_module_runs_as_a_program_and_draws_no_bar_into_a_file(rows: Path) -> None:
    command = [sys.executable, "-m", "data_tools", "convert", str(rows), "o.jsonl"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=rows.parent, env=environment, capture_output=True)
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"rows written" in done.stdout
    assert b"\x1b" not in done.stdout


def test_the_bar_on_a_terminal_counts_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from data_tools.account import Account
    from data_tools.cli.support import progress

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    account = Account()
    with progress(account, "converting"):
        assert account.tick is not None
        account.tick(4096)
    assert account.tick is None
    assert "rows/s" in screen.getvalue()
    assert "4,096 rows" in screen.getvalue()
