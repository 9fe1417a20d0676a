"""Mistakes on the command line: messages with a next step, exit codes, standard streams."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from data_support import conversation, lines_of, put_json, put_lines

from data_tools.cli import data
from data_tools.cli.group import options_in, options_of
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
GOOD, BAD = conversation(("q", "a")), {"input": "q"}
PROGRAM = [sys.executable, "-m", "data_tools"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put_lines(tmp_path / "rows.jsonl", [GOOD] * 3)
    put_lines(tmp_path / "some.jsonl", [GOOD, BAD, BAD])
    put_json(tmp_path / "tools.json", [{"NLDocumentation": "d", "Instances": [{}, {}]}])
    (tmp_path / "big5.jsonl").write_bytes(
        '{"prompt": "這個問題", "response": "答案"}'.encode("big5")
    )
    (tmp_path / "prose").write_text("just words\n")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "broken.json").write_text('[{"a": 1}')
    os.mkfifo(tmp_path / "pipe.jsonl")


@pytest.mark.parametrize(("word", "meant"), [
    ("convrt", "convert"), ("splitt", "split"), ("dedup", "dedupe"), ("CLEAN", "clean"),
    ("self_cognition", "self-cognition"), ("format-tool-alpacca", "format-tool-alpaca"),
])  # fmt: skip
def test_a_command_that_is_not_there_is_guessed(word: str, meant: str) -> None:
    result = CliRunner().invoke(data, [word, "rows.jsonl"])
    assert result.exit_code == 2
    assert f"did you mean {meant}?" in result.output


@pytest.mark.parametrize("command", sorted(data.commands))
def test_an_option_that_is_not_there_is_guessed(command: str) -> None:
    option = max(options_of(data.commands[command]), key=len)
    result = CliRunner().invoke(data, [command, option[:-1] + "x", "rows.jsonl"])
    assert result.exit_code == 2
    assert option in result.output


USAGE = [
    *(["convert", name, "o.jsonl"] for name in ("none.jsonl", "pipe.jsonl", "prose", "/dev/zero")),
    *([name, "none.jsonl"] for name in ("check", "look", "split")),
    *([name, "none.jsonl", "o.jsonl"] for name in ("merge", "mix", "clean", "dedupe")),
    ["format-tool-alpaca", "none.json"], ["xcomposer-list", "none.txt"],
    ["convert", "rows.jsonl"],
    ["convert", "rows.jsonl", "o.jsonl", "--to", "x"], ["convert", "rows.jsonl", "o.xyz"],
    ["convert", "rows.jsonl", "o.jsonl", "--format", "x"],
    ["convert", "rows.jsonl", "o.jsonl", "--encoding", "x"],
    ["convert", "rows.jsonl", "o.jsonl", "--max-rejects", "-1"],
    ["convert", "rows.jsonl", "o.jsonl", "--container", "x"],
    ["convert", "table.csv", "o.jsonl"],
    ["convert", "table.csv", "o.jsonl", "--columns", "input=Z"],
    ["convert", "some.jsonl", "o.jsonl", "--rejected", "some.jsonl"],
    ["convert", "some.jsonl", "o.jsonl", "--rejected", "o.jsonl"],
    ["split", "rows.jsonl", "--train", "1.5"], ["split", "*.jsonl"], ["split", "-"],
    ["split", "rows.jsonl", "-o", "a.jsonl", "--test-output", "rows.jsonl"],
    ["split", "rows.jsonl", "-o", "-"], ["convert", "-", "-", "o.jsonl"],
    ["roleplay", "rows.jsonl", "o.jsonl", "--role-file", "rows.jsonl=none.txt"],
    ["roleplay", "rows.jsonl", "o.jsonl"], ["mix", "rows.jsonl", "o.jsonl", "--weights", "x"],
    ["look", "big5.jsonl"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage_errors_and_missing_files_exit_with_2_and_write_nothing(arguments: list[str]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in Path().iterdir()}
    result = CliRunner().invoke(data, arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert {path.name: path.stat().st_mtime_ns for path in Path().iterdir()} == before


def test_recipe_data_says_the_same_as_the_module() -> None:
    for arguments, code in (
        (["convert", "none.jsonl", "o.jsonl"], 2),
        (["check", "some.jsonl"], 1),
    ):
        shown = []
        for program in (PROGRAM, [sys.executable, "-m", "orchestrator", "data"]):
            command = [*program, *arguments]
            done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
            assert done.returncode == code, done.stderr
            shown.append(done.stdout + done.stderr)
        assert shown[0] == shown[1]


def provoked(command: str, source: str) -> list[str]:
    """A command with a source that it stumbles over."""
    options = {"roleplay": ["--default", "x"], "split": ["-o", "o.jsonl"], "check": [], "look": []}
    if command == "self-cognition":
        return [command, "--name", "x", "-o", "o.xyz"]
    return [command, source, *options.get(command, ["-o", "o.jsonl"])]


@pytest.mark.parametrize("source", [
    "big5.jsonl", "prose", "table.csv", "some.jsonl", "pipe.jsonl", "broken.json", "tools.json",
])  # fmt: skip
@pytest.mark.parametrize("command", sorted(data.commands))
def test_options_in_a_message_exist_in_the_command_that_prints_it(
    command: str, source: str
) -> None:
    known = options_of(data.commands[command])
    limits = [[], ["--strict"], ["--max-rejects", "0"]] if "--max-rejects" in known else [[]]
    for limit in limits:
        result = CliRunner().invoke(data, [*provoked(command, source), *limit])
        steps = re.findall(r"next step: (.*)", result.output)
        for step in steps:
            if "convert the file first" in step:
                assert options_in(step) <= options_of(data.commands["convert"])
            else:
                assert options_in(step) <= known, step


@pytest.mark.parametrize("name", ["o.jsonl", "o.json", "o.csv", "o.tsv", "o.xlsx", "o.parquet"])
@pytest.mark.parametrize("limit", ["1", "50%"])
@pytest.mark.parametrize("command", [
    "convert", "merge", "clean", "dedupe", "mix", "split", "roleplay",
])  # fmt: skip
def test_max_rejects_holds_in_every_command_and_container(
    command: str, limit: str, name: str
) -> None:
    options = ["--default", "x"] if command == "roleplay" else []
    arguments = [command, "some.jsonl", "-o", name, "--max-rejects", limit, *options]
    result = CliRunner().invoke(data, arguments)
    assert result.exit_code == 1, result.output
    assert "Too many rows were rejected" in result.output
    assert not Path(name).exists()
    assert len(lines_of(Path(f"{name}.rejected.failed.jsonl"))) == 2


@pytest.mark.parametrize("command", ["format-tool-alpaca", "format-advertise-gen"])
def test_max_rejects_holds_for_the_scripts(command: str) -> None:
    source = "tools.json" if "tool" in command else "some.jsonl"
    result = CliRunner().invoke(data, [command, source, "-o", "o.jsonl", "--max-rejects", "0"])
    assert result.exit_code == 1
    assert not Path("o.jsonl").exists()


def test_where_rejected_rows_are_is_printed() -> None:
    result = CliRunner().invoke(data, ["convert", "some.jsonl", "o.jsonl"])
    assert "rejected rows: o.jsonl.rejected.jsonl" in result.output
    result = CliRunner().invoke(data, ["convert", "some.jsonl", "o.jsonl", "--json"])
    assert json.loads(result.output)["rejected_rows"] == "o.jsonl.rejected.jsonl"
    result = CliRunner().invoke(data, ["convert", "rows.jsonl", "o.jsonl"])
    assert "rejected rows:" not in result.output
    assert not Path("o.jsonl.rejected.jsonl").exists()


@pytest.mark.parametrize("command", ["convert", "merge", "dedupe", "clean", "mix"])
def test_a_dash_reads_and_writes_the_standard_streams(command: str) -> None:
    rows = Path("some.jsonl").read_bytes()
    done = subprocess.run(
        [*PROGRAM, command, "-", "-"], input=rows, env=ENVIRONMENT, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [GOOD]
    assert b"rows read" in done.stderr
    assert b"rejected rows: stdout.rejected.jsonl" in done.stderr
    assert len(lines_of(Path("stdout.rejected.jsonl"))) == 2


@pytest.mark.parametrize("command", ["check", "look"])
def test_a_dash_is_looked_at(command: str) -> None:
    done = subprocess.run(
        [*PROGRAM, command, "-", "--json"],
        input=Path("rows.jsonl").read_bytes(), env=ENVIRONMENT, capture_output=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["rows"] == 3


def test_a_reader_that_goes_away_is_no_fault_of_the_program() -> None:
    put_lines(Path("many.jsonl"), [conversation(("q" * 500, str(i))) for i in range(2000)])
    command = " ".join([*PROGRAM, "convert", "many.jsonl", "-"])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.count("\n") == 1


def catches(pid: int, number: int) -> bool:
    """Whether the process has a handler of its own for the signal (proc(5), SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (mask,) = re.findall(r"SigCgt:\s*(\w+)", status)
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("command", ["convert", "split", "mix", "dedupe"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_leaves_nothing_behind(
    command: str, number: signal.Signals
) -> None:
    """Standard input stays open, so that the signal surely comes in the middle of the work."""
    read, write = os.pipe()
    words = [*PROGRAM, command, "-", "-o", "out/o.jsonl"]
    process = subprocess.Popen(
        words, stdin=read, env=ENVIRONMENT, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    os.close(read)
    os.write(write, json.dumps(GOOD).encode() + b"\n")
    out = Path("out")
    until(lambda: catches(process.pid, number), what="the beginning of the work")
    process.send_signal(number)
    _, said = process.communicate()
    os.close(write)
    assert process.returncode == 128 + number
    assert b"ended by a signal" in said
    assert not out.exists() or list(out.iterdir()) == []


@pytest.mark.parametrize("name", ["o.jsonl", "o.json", "o.csv", "o.xlsx", "o.jsonl.gz"])
def test_a_full_disk_leaves_nothing_behind(name: str) -> None:
    noise = [conversation((os.urandom(400).hex(), "a")) for _ in range(400)]
    put_lines(Path("noise.jsonl"), [*noise, *([{"x": os.urandom(400).hex()}] * 400)])
    before = {path.name for path in Path().iterdir()}
    limit = (100_000, 100_000)
    done = subprocess.run(
        [*PROGRAM, "convert", "noise.jsonl", name], env=ENVIRONMENT, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert {path.name for path in Path().iterdir()} == before


def test_a_list_that_is_checked_can_be_read_by_a_program() -> None:
    Path("data.txt").write_text("none.json 1\n")
    result = CliRunner().invoke(data, ["xcomposer-list", "data.txt", "--json"])
    assert result.exit_code == 1
    found: dict[str, Any] = json.loads(result.output)
    assert found["findings"][0]["fault"] is True


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_system_text_is_read_in_its_encoding(encoding: str) -> None:
    text = "你是一位有经验的医生，请用中文回答我的问题。"
    Path("system.txt").write_bytes(text.encode(encoding))
    result = CliRunner().invoke(
        data, ["convert", "rows.jsonl", "o.jsonl", "--system-file", "system.txt"]
    )
    assert result.exit_code == 0, result.output
    assert lines_of(Path("o.jsonl"))[0]["conversation"][0]["system"] == text


def test_a_chinese_reader_is_answered_in_chinese() -> None:
    environment = {**ENVIRONMENT, "RECIPE_LANG": "zh", "PYTHONIOENCODING": "utf-8"}
    cases = {"none.jsonl": "没有这个文件", "big5.jsonl": "编码不明", "pipe.jsonl": "普通文件"}
    for name, words in {**cases, "prose": "没有说明"}.items():
        command = [*PROGRAM, "convert", name, "o.jsonl"]
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
        assert done.returncode == 2
        assert done.stderr.startswith("错误: ")
        assert words in done.stderr
        assert "下一步" in done.stderr
