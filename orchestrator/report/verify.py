"""Whether a report says what its run directory holds: it is computed again and compared whole.

A report is a pure text of the run, so every changed figure, word and mark of it shows. What this
cannot prove is who made the run directory; that it fits itself is checked as far as it goes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.text import shown
from orchestrator.report.page import data_in, plain
from orchestrator.report.run_report import NAMES, texts
from orchestrator.report.summary import Summary, marks, summary
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord
from orchestrator.verifying.content import changed, snapshot

_MOST = 20  # differences that are told
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Verdict:
    """``faults``: every way in which the report is not what the run says, in words; none: true."""

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    rehearsal: bool
    """Whether the run directory is that of a rehearsal, whatever the report says."""


def verify(file: Path, root: Path) -> Verdict:
    """Compare the report ``file`` with the run in ``root``.

    Raises UsageError for a file that is no report, RecipeError for a folder that is no run.
    """
    kind = file.suffix.lstrip(".").lower()
    if kind not in NAMES:
        endings = ", ".join(f".{one}" for one in NAMES)
        raise UsageError(
            say(f"{file.name} is no report.", f"{file.name} 不是报告。"),
            where=str(file),
            why=say(f"a report ends with {endings}", f"报告的扩展名是 {endings}"),
        )
    text = _text(file)
    record = records.read(root)
    found = summary(root)
    wanted = texts(found)[kind]
    faults = [] if text == wanted else list(_differences(kind, text, wanted, found))
    own, notes = _of_the_run(record, root)
    return Verdict(tuple([*own, *faults][:_MOST]), tuple(notes), bool(found["rehearsal"]))


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8").replace("\r\n", "\n").removeprefix("\ufeff")
    except OSError as error:
        raise UsageError(
            say(f"{file.name} cannot be read.", f"无法读取 {file.name}。"),
            where=str(file),
            why=error.strerror,
        ) from error
    except UnicodeDecodeError as error:
        what = say(f"{file.name} is no UTF-8 text.", f"{file.name} 不是 UTF-8 文本。")
        raise UsageError(what, where=str(file)) from error


def _differences(kind: str, text: str, wanted: str, found: Summary) -> Iterator[str]:
    """The figures that differ, then the lines; another version of this program is named first."""
    values: Any = {}
    if kind != "md":
        try:
            values = data_in(text) if kind == "html" else _json(text)
        except ValueError as error:
            yield say(f"its figures cannot be read: {error}", f"无法读取其中的数据：{error}")
        else:
            made = values.get("tool") if isinstance(values, dict) else None
            if made != found["tool"]:
                yield say(
                    f"it was made by {shown(made)}, and this is {found['tool']}: "
                    "verify it with the version that made it",
                    f"它由 {shown(made)} 生成，而这里是 {found['tool']}：请用同一版本核对",
                )
            yield from _unequal(values, plain(found), "")
    yield from _lines(text, wanted)


def _json(text: str) -> Any:
    import json

    return json.loads(text)


def _unequal(said: Any, true: Any, where: str) -> Iterator[str]:
    """The places where two JSON values differ, with both values."""
    if isinstance(said, dict) and isinstance(true, dict):
        for key in dict.fromkeys([*true, *said]):
            inner = f"{where}.{key}" if where else str(key)
            yield from _unequal(said.get(key), true.get(key), inner)
    elif isinstance(said, list) and isinstance(true, list) and len(said) == len(true):
        for index, (one, other) in enumerate(zip(said, true, strict=True)):
            yield from _unequal(one, other, f"{where}[{index}]")
    elif said != true or isinstance(said, bool) != isinstance(true, bool):
        yield _told(where, shown(said), shown(true))


def _lines(text: str, wanted: str) -> Iterator[str]:
    """The lines of a report that are not what the run gives."""
    said, true = text.split("\n"), wanted.split("\n")
    matcher = SequenceMatcher(None, said, true, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal" and not any('id="data"' in line for line in said[a:b]):
            yield _told(
                say(f"line {a + 1}", f"第 {a + 1} 行"), _readable(said[a:b]), _readable(true[c:d])
            )


def _readable(lines: list[str]) -> str:
    text = html.unescape(_TAG.sub(" ", " ".join(lines)))
    return shown(" ".join(text.split()) or " ".join(lines), 100) if lines else say("nothing", "无")


def _told(where: str, said: str, true: str) -> str:
    return say(
        f"{where}: the report says {said}, the run {true}",
        f"{where}：报告写的是 {said}，运行目录给出 {true}",
    )


def _of_the_run(record: RunRecord, root: Path) -> tuple[list[str], list[str]]:
    """What in the run directory itself does not fit together; what is not there to look at."""
    faults, notes = [], []
    told = marks(record, root)
    denied = [name for name, is_set in told.items() if is_set is False]
    if denied and any(told.values()):
        yes = ", ".join(name for name, is_set in told.items() if is_set)
        no = ", ".join(denied)
        faults.append(
            say(
                f"run.json was edited: it is a rehearsal by {yes}, and none by {no}",
                f"run.json 被改过：{yes} 表明是预演，{no} 却不是",
            )
        )
    for stage in record.stages:
        if stage.state != "done":
            continue
        here = {name: seen for name, seen in stage.outputs.items() if (root / name).is_file()}
        why = changed(here, snapshot(root, here, {}))
        if why is not None:
            faults.append(f"{stage.name}: {why}")
        gone = [name for name in stage.outputs if name not in here]
        if gone:
            notes.append(
                say(
                    f"{stage.name}: not looked at, for it is not there: {', '.join(gone[:3])}",
                    f"{stage.name}：文件不在，未核对：{', '.join(gone[:3])}",
                )
            )
    return faults, notes
