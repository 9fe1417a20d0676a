"""What is pinned, and why: docs/decisions/dependencies.md."""

from __future__ import annotations

import re

import pydantic
import pydantic_core
import pytest

from tests.support.engine_runs import REPOSITORY

PROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


@pytest.mark.parametrize(
    ("name", "version"),
    [("pydantic", pydantic.VERSION), ("pydantic-core", pydantic_core.__version__)],
)
def test_what_we_hand_core_schemas_to_is_inside_the_range_that_was_tested(
    name: str, version: str
) -> None:
    limits = re.search(rf'"{name}>=([\d.]+),<([\d.]+)"', PROJECT)
    assert limits is not None, "both ends are pinned: its schemas are no public promise"
    assert numbers(limits[1]) <= numbers(version) < numbers(limits[2])


def test_every_dependency_has_its_reason() -> None:
    [block] = re.findall(r"^dependencies = \[(.*?)^\]", PROJECT, re.DOTALL | re.MULTILINE)
    reasons = (REPOSITORY / "docs" / "decisions" / "dependencies.md").read_text(encoding="utf-8")
    listed = {
        name for row in re.findall(r"^\| ([\w, -]+) \|", reasons, re.M) for name in row.split(", ")
    }
    assert set(re.findall(r'"([\w-]+)', block)) <= listed
