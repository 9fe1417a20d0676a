"""The package stands alone, costs nothing to import, and loads heavy things only on use."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import data_tools

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "data_tools").rglob("*.py"))
HEAVY = ("openpyxl", "pyarrow", "python_calamine", "rich", "orjson", "pydantic", "rensa", "typing")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_imports_the_orchestrator(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[0] == "orchestrator"}


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True)
    if "No module named" in done.stderr:  # without site-packages click is missing: take them
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_else() -> None:
    assert not loaded_by("import data_tools") & set(HEAVY)


@pytest.mark.parametrize(
    "statement", ["from data_tools.cli import data", "from data_tools import Account, DataError"]
)
def test_the_commands_and_the_errors_load_nothing_heavy(statement: str) -> None:
    assert not loaded_by(statement) & (set(HEAVY) - {"typing"})


def test_reading_json_loads_no_workbook_library() -> None:
    loaded = loaded_by("from data_tools import read, write, convert, split")
    assert not loaded & {"openpyxl", "pyarrow", "python_calamine", "rich", "rensa"}


@pytest.mark.parametrize("name", data_tools.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(data_tools, name)
    assert found.__doc__
    assert name in dir(data_tools)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        data_tools.nonsense  # noqa: B018


def test_both_packages_say_that_they_are_typed() -> None:
    for package in ("data_tools", "orchestrator"):
        assert (ROOT / package / "py.typed").is_file()
