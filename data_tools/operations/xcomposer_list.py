"""InternLM-XComposer2's `data.txt`: one JSON file a line, with how many thousand rows to draw.

Source: InternLM-XComposer-2.0/finetune/finetune.py: with `--given_num True` a line must have two
fields, and `int(float(count) * 1000)` rows are drawn; without it the second field is a ratio.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_tools.account import Account
from data_tools.containers.atomic import atomic
from data_tools.containers.files import look_into
from data_tools.containers.images import image_fault
from data_tools.containers.reading import raw_items
from data_tools.errors import DataError, UsageFault
from data_tools.formats.xcomposer import IMAGE
from data_tools.operations.mixing import parse_spec

MANY = 1000  # thousands of rows from one file: more likely a number of rows by mistake


@dataclass(frozen=True)
class Finding:
    """One fault (it would fail or train on something else) or warning, with its place."""

    where: str
    what: str
    fault: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {'' if self.fault else 'warning: '}{self.what}"


def thousands(rows: int) -> str:
    """The count that the script turns back into exactly this many rows: 12345 → '12.345'."""
    shown = f"{rows / 1000:.3f}".rstrip("0").rstrip(".")
    if int(float(shown) * 1000) != rows:
        shown = f"{rows / 1000:.3f}0001"
    return shown


def write_list(
    files: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] = ".",
    images: bool = True,
    repeat: bool = False,
) -> list[Finding]:
    """Write the list from files (`a.json`, or `a.json#10000` for 10,000 rows) and lint it.

    Nothing is written when the lint finds faults.

    Args:
        root: the folder that the training will run in; paths in the list are relative to it.
        images: check that the images exist, are whole and are RGB.
        repeat: allow counts above a file's rows, which the script fills up with repeated rows.
    Returns:
        the warnings.
    Raises:
        DataError: the faults, all of them.
    """
    lines: list[str] = []
    findings: list[Finding] = []
    for spec in files:
        name, count = parse_spec(os.fspath(spec))
        if any(char.isspace() for char in name):
            raise UsageFault("A path in the list cannot hold a space", name, fix="rename the file")
        rows, found = lint_file(name, root=root, images=images)
        findings += found
        number = rows if count is None else int(rows * count) if isinstance(count, float) else count
        lines.append(f"{name} {thousands(number)}")
        findings += [] if repeat else _too_many(name, number, rows)
    findings += lint_text(lines, os.fspath(path))
    _raise_faults(findings)
    with atomic(path) as file:
        file.write("\n".join(lines).encode("utf-8") + b"\n")
    return findings


def lint_list(
    path: str | os.PathLike[str],
    *,
    given_num: bool = True,
    root: str | os.PathLike[str] = ".",
    images: bool = True,
    repeat: bool = False,
) -> list[Finding]:
    """All faults and warnings of a list and of the files it names; see :func:`write_list`."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault("The list cannot be read", str(path), str(error)) from error
    findings = lint_text(lines, os.fspath(path), given_num=given_num)
    for number, line in enumerate(lines, 1):
        name, _, count = line.strip().partition(" ")
        if not name:
            continue
        rows, found = lint_file(name, root=root, images=images)
        findings += found
        if given_num and not repeat and rows:
            findings += _too_many(f"{os.fspath(path)}:{number}", _drawn(count), rows)
    return findings


def _drawn(count: str) -> int:
    """The rows that the script draws for a count; 0 for what is no count (told elsewhere)."""
    try:
        return int(float(count) * 1000)
    except (ValueError, OverflowError):
        return 0


def _too_many(where: str, wanted: int, rows: int) -> list[Finding]:
    """A count above the file's rows: the script repeats rows without a word."""
    if wanted <= rows:
        return []
    what = f"asks for {wanted:,} rows and the file has {rows:,}: the script would repeat some"
    return [Finding(where, f"{what}; ask for {thousands(rows)} (thousand) at most")]


def _raise_faults(findings: list[Finding]) -> None:
    faults = [str(finding) for finding in findings if finding.fault]
    if faults:
        more = f"\n… and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise DataError(
            f"The list would not train: {len(faults)} faults",
            why="\n".join(faults[:10]) + more,
            fix="correct the files and write the list again (rows are repeated on purpose with "
            "--repeat)",
        )


def lint_text(lines: Sequence[str], where: str, *, given_num: bool = True) -> list[Finding]:
    """What is wrong with the lines themselves."""
    findings: list[Finding] = []
    seen: dict[str, int] = {}
    if not lines:
        findings.append(Finding(where, "the list is empty"))
    for number, line in enumerate(lines, 1):
        place = f"{where}:{number}"
        findings += [Finding(place, what, fault) for what, fault in _line(line, given_num)]
        name = line.strip().split(" ")[0]
        if name and name in seen:
            findings.append(
                Finding(place, f"{name} stands in line {seen[name]} too: only the last one counts")
            )
        seen[name] = number
    return findings


def _line(line: str, given_num: bool) -> Iterator[tuple[str, bool]]:
    fields = line.strip().split(" ")
    if fields == [""]:
        yield "a blank line: the script tries to open a file without a name", True
        return
    if len(fields) == 1:
        if given_num:
            yield "no count: with --given_num True each line needs one", True
        return
    if len(fields) > 2:
        yield f"{len(fields)} fields; a line is a path, one space and a count", True
        return
    try:
        count = float(fields[1])
    except ValueError:
        yield f"the count {fields[1]!r} is not a number", True
        return
    if not 0 < count < float("inf"):
        yield f"the count {fields[1]} draws no rows", True
    elif given_num and count >= MANY:
        rows = int(count * 1000)
        yield f"counts are in thousands: {fields[1]} draws {rows:,} rows", False


def lint_file(
    name: str, *, root: str | os.PathLike[str] = ".", images: bool = True
) -> tuple[int, list[Finding]]:
    """(number of rows, findings) of one JSON file."""
    path = Path(root, name)
    if not path.is_file():
        return 0, [Finding(name, "there is no such file (paths are relative to the run's folder)")]
    kind = look_into(path)
    if kind.container != "json" or kind.gzipped or kind.encoding != "utf-8":
        return 0, [Finding(name, "not a plain JSON array in UTF-8, which is all the script reads")]
    findings: list[Finding] = []
    account = Account()
    account.sink = lambda record: findings.append(
        Finding(f"{name}:{record.get('line', '?')}", str(record["reason"]))
    )
    rows = 0
    with_images: bool | None = None
    folder = ImageFolder(Path(root)) if images else None
    for source, at, raw in raw_items(path, account):
        rows += 1
        with_images = isinstance(raw, dict) and "image" in raw if rows == 1 else with_images
        place = replace(source, file=name).where(at)
        problems = _record(raw, bool(with_images), folder)
        findings += [Finding(place, what, fault) for what, fault in problems]
    if not rows:
        findings.append(Finding(name, "the list of rows is empty"))
    return rows, findings


class ImageFolder:
    """The images below a folder; each is looked at once, however often rows name it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str | None] = {}

    def fault(self, name: str) -> str | None:
        """What is wrong with the image of that name; None: nothing."""
        if name not in self._known:
            self._known[name] = image_fault(self._root / name)
        return self._known[name]


def _record(raw: Any, with_images: bool, folder: ImageFolder | None) -> Iterator[tuple[str, bool]]:
    if not isinstance(raw, dict):
        yield "a row is not an object", True
        return
    turns = raw.get("conversations")
    if not isinstance(turns, list) or not turns:
        yield "conversations is missing or empty", True
        return
    if not all(
        isinstance(t, dict) and isinstance(t.get("from"), str) and isinstance(t.get("value"), str)
        for t in turns
    ):
        yield "a turn has no text in from and value", True
        return
    yield from _turns(turns)
    if ("image" in raw) != with_images:
        has = "has images" if "image" in raw else "has no image key"
        yield f"the row {has}, unlike the first row, by which the whole file is read", True
    elif with_images:
        yield from _images(raw["image"], turns, folder)
    elif any(IMAGE in turn["value"] for turn in turns):
        yield f"{IMAGE} in a row without images", False


def _turns(turns: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    asks = [turn["from"].lower() in ("human", "user") for turn in turns]
    if asks != [index % 2 == 0 for index in range(len(turns))]:
        yield "user and assistant do not take turns", False
    elif len(turns) % 2:
        yield "the last question has no answer", False
    odd = {t["from"] for t in turns} - {"human", "user", "assistant", "gpt"}
    if odd:
        yield f"from {sorted(odd)[0]!r} counts as an answer", False


def _images(
    images: Any, turns: list[dict[str, Any]], folder: ImageFolder | None
) -> Iterator[tuple[str, bool]]:
    if isinstance(images, str):
        yield "image is a text: the script would open each of its letters; write a list", True
        return
    if not isinstance(images, list) or not images:
        yield "image is not a list of paths", True
        return
    marks = sum(turn["value"].count(IMAGE) for turn in turns)
    if marks != len(images):
        yield f"{marks} {IMAGE} for {len(images)} images", True
    for image in images:
        if not isinstance(image, str):
            yield "an image is not a path", True
        elif folder is not None and (fault := folder.fault(image)) is not None:
            yield f"the image {image} cannot be used: {fault}", True
