"""The floors of the building: who may import whom, and who knows an engine's name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import engines
from tests.support.engine_runs import REPOSITORY

CODE = sorted(
    path
    for folder in ("orchestrator", "data_tools")
    for path in (REPOSITORY / folder).rglob("*.py")
)
ENGINES = REPOSITORY / "orchestrator" / "engines"
#: Inside an engine's environment these scripts import the engine itself.
FOREIGN = re.compile(r"/(probes|shim)/(?!__init__)")
#: Files that may name an engine, beside those under engines/: the one registry is among them.
#: Each with its reason.
MAY_NAME = {
    "orchestrator/recipe/keys.py": "words of engines and tutorials for the recipe's own keys",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def names_an_engine(path: Path) -> list[str]:
    """Identifiers, imports and text (but no docstrings and comments) with an engine's name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words = "|".join(engines.REGISTRY)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = []
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if id(node) in documents else node.value
        elif isinstance(node, (ast.Name, ast.arg)):
            text = node.id if isinstance(node, ast.Name) else node.arg
        elif isinstance(node, ast.ImportFrom):
            text = node.module or ""
        if re.search(words, text, re.IGNORECASE):
            found.append(f"{name_of(path)}:{getattr(node, 'lineno', 0)}: {text[:60]}")
    return found


def test_only_the_engines_and_the_registry_know_an_engines_name() -> None:
    """No decision outside engines/ may depend on which engine it is."""
    found = [
        line
        for path in CODE
        if path.is_relative_to(REPOSITORY / "orchestrator")
        and not path.is_relative_to(ENGINES)
        and name_of(path) not in MAY_NAME
        for line in names_an_engine(path)
    ]
    assert found == []


def test_an_engine_never_imports_another() -> None:
    for name in engines.REGISTRY:
        others = [f"orchestrator.engines.{other}" for other in engines.REGISTRY if other != name]
        for path in (ENGINES / name).rglob("*.py"):
            assert not [one for one in imports(path) if one.startswith(tuple(others))], path


def test_data_tools_stands_by_itself() -> None:
    for path in (REPOSITORY / "data_tools").rglob("*.py"):
        assert not [one for one in imports(path) if one.split(".")[0] == "orchestrator"], path


#: Folder or file -> what it must never import: floors import only downward.
FLOORS = {
    "orchestrator/recipe": ("cli", "runner", "stages", "executors", "envs", "job", "rehearsal"),
    "orchestrator/engines": ("cli", "runner", "stages", "executors", "job", "rehearsal"),
    "orchestrator/envs": ("cli", "runner", "stages", "executors", "job", "rehearsal", "engines"),
    "orchestrator/hub": ("cli", "runner", "stages", "executors", "job", "rehearsal", "engines"),
    "orchestrator/rehearsal": ("cli", "runner", "stages", "executors", "envs"),
    "orchestrator/stages": ("cli", "runner", "executors", "envs"),
    "orchestrator/job.py": ("cli", "runner", "stages", "executors", "envs"),
    "orchestrator/plan.py": ("cli", "runner", "stages", "executors", "envs", "job", "engines"),
    "orchestrator/runner.py": ("cli", "workflow"),
    "orchestrator/workflow.py": ("cli",),
}


@pytest.mark.parametrize("floor", FLOORS)
def test_floors_import_only_downward(floor: str) -> None:
    place = REPOSITORY / floor
    for path in [place] if place.is_file() else place.rglob("*.py"):
        above = tuple(f"orchestrator.{one}" for one in FLOORS[floor])
        wrong = [one for one in imports(path) if one.startswith(above)]
        assert wrong == [], name_of(path)


HEAVY = ("torch", "transformers", "xtuner", "mmengine", "llamafactory", "datasets", "modelscope")


def test_no_module_of_ours_imports_an_engine() -> None:
    for path in CODE:
        if FOREIGN.search(path.as_posix()):
            continue
        roots = {one.split(".")[0] for one in imports(path)}
        allowed = {"modelscope"} if "/hub/" in path.as_posix() else set()
        assert not roots & (set(HEAVY) - allowed), name_of(path)


def test_the_command_line_starts_without_heavy_packages() -> None:
    script = (
        "import sys\nsys.argv = ['recipe', 'list']\n"
        "from orchestrator.cli import main\n"
        "try:\n    main()\nfinally:\n"
        f"    print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_printing_and_exiting_happen_in_the_command_line_only() -> None:
    for path in CODE:
        name = name_of(path)
        if "/cli" in name or FOREIGN.search(f"/{name}") or name.startswith("data_tools/cli/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = {
            id(inner) for node in tree.body if isinstance(node, ast.If) for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or id(node) in guarded:
                continue
            called = ast.unparse(node.func)
            assert called not in ("print", "sys.exit", "exit", "quit"), f"{name}:{node.lineno}"
