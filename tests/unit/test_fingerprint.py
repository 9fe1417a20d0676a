"""What decides whether a finished stage still holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.plan import Command, Plan, PlannedFile
from orchestrator.engines.xtuner.checkpoints import NewestCheckpoint
from orchestrator.planning import fingerprint
from orchestrator.verifying import content


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "stage": "train",
        "files": (PlannedFile(path="config.py", text="# a title\nlr = 1\n"),),
        "commands": (Command(argv=("xtuner", "train", NewestCheckpoint()), env={"A": "1"}),),
        "inputs": ("rows.jsonl", "model"),
        "facts": {"release": "xtuner@0.2.0"},
        **changes,
    }
    return Plan(**given)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}", encoding="utf-8")
    return tmp_path


def differs(root: Path, one: Plan, other: Plan) -> list[str]:
    before = fingerprint.of(one, root, {})
    return fingerprint.differences(before, fingerprint.of(other, root, {}))


def test_the_same_plan_and_content_give_the_same_parts(root: Path) -> None:
    assert differs(root, plan(), plan()) == []


def test_a_comment_is_no_reason_to_train_again(root: Path) -> None:
    file = PlannedFile(path="config.py", text="# another title\nlr = 1\n")
    assert differs(root, plan(), plan(files=(file,))) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"files": (PlannedFile(path="config.py", text="lr = 2\n"),)}, ["config.py"]),
        ({"commands": (Command(argv=("xtuner", "train"), env={"A": "1"}),)}, ["command 1"]),
        (
            {"commands": (Command(argv=("xtuner", "train", NewestCheckpoint()), env={"A": "2"}),)},
            ["command 1"],
        ),
        ({"facts": {"release": "xtuner@0.1.9"}}, ["release"]),
        ({"facts": {}}, ["release"]),
        ({"inputs": ("rows.jsonl",)}, ["model"]),
    ],
)
def test_each_kind_of_change_is_named(
    root: Path, changes: dict[str, Any], named: list[str]
) -> None:
    assert differs(root, plan(), plan(**changes)) == named


@pytest.mark.parametrize("name", ["rows.jsonl", "model/config.json", "model/new.bin"])
def test_a_change_of_content_is_seen_under_the_inputs_name(root: Path, name: str) -> None:
    before = fingerprint.of(plan(), root, {})
    (root / name).write_text("other", encoding="utf-8")
    assert fingerprint.differences(before, fingerprint.of(plan(), root, {})) == [
        name.partition("/")[0]
    ]


def test_touching_a_small_file_changes_nothing(root: Path) -> None:
    before = fingerprint.of(plan(), root, {})
    os.utime(root / "rows.jsonl", (1, 1))
    assert fingerprint.of(plan(), root, {}) == before


def test_a_large_file_counts_by_size_and_samples(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "_LARGE", 1)
    monkeypatch.setattr(content, "_SAMPLE", 8)
    weights = root / "weights.bin"
    weights.write_bytes(bytes(range(256)) * 64)
    before = content.of_path(weights)
    os.utime(weights, (1, 1))
    assert content.of_path(weights) == before
    copy = root / "copy.bin"
    copy.write_bytes(weights.read_bytes())
    assert content.of_path(copy) == before
    for change in (b"x" + weights.read_bytes()[1:], weights.read_bytes()[:-1] + b"x", b"short one"):
        copy.write_bytes(change)
        assert content.of_path(copy) != before


def test_what_is_absent_differs_from_what_is_empty(root: Path) -> None:
    (root / "empty").write_text("", encoding="utf-8")
    assert content.of_path(root / "nothing") == "absent"
    assert content.of_path(root / "empty") != "absent"


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_differences_are_exactly_the_differing_keys(
    before: dict[str, str], now: dict[str, str]
) -> None:
    found = fingerprint.differences(before, now)
    assert set(found) == {k for k in {*before, *now} if before.get(k) != now.get(k)}
    assert len(found) == len(set(found))


def test_a_snapshot_names_every_file_and_notices_an_edit(root: Path) -> None:
    names = ("rows.jsonl", "model", "nothing")
    before = content.snapshot(root, names, {})
    assert sorted(before) == ["model/config.json", "rows.jsonl"]
    assert content.changed(before, content.snapshot(root, names, before)) is None
    (root / "rows.jsonl").write_text("longer than before", encoding="utf-8")
    now = content.snapshot(root, names, before)
    assert content.changed(before, now) == "rows.jsonl was changed"
    (root / "rows.jsonl").unlink()
    now = content.snapshot(root, names, before)
    assert content.changed(before, now) == "rows.jsonl is missing"


def test_a_copy_is_no_change(root: Path) -> None:
    """`cp -r` gives every file another time; the record of an older version had no digests."""
    before = content.snapshot(root, ("rows.jsonl", "model"), {})
    for path in (root / "rows.jsonl", root / "model" / "config.json"):
        os.utime(path, (1, 1))
    now = content.snapshot(root, ("rows.jsonl", "model"), before)
    assert content.changed(before, now) is None
    old = {name: state[:2] for name, state in before.items()}
    assert content.changed(old, now) is None
