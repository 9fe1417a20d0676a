"""The floors of the building: who may import whom, and who knows an engine's name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from orchestrator.engines import registry
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
    "orchestrator/recipe/trust.py": "ids of models, one of which an engine is called after",
    "orchestrator/planning/rehearsal/families.py": "families of models, by their ids",
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
    words = "|".join(registry.names())
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
            # Where something was seen (the address of an issue) is no knowledge of an engine.
            cited = node.value.startswith("https://github.com/")
            text = "" if cited or id(node) in documents else node.value
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
    for name in registry.names():
        others = [f"orchestrator.engines.{other}" for other in registry.names() if other != name]
        for path in (ENGINES / name).rglob("*.py"):
            assert not [one for one in imports(path) if one.startswith(tuple(others))], path


def test_data_tools_stands_by_itself() -> None:
    for path in (REPOSITORY / "data_tools").rglob("*.py"):
        assert not [one for one in imports(path) if one.split(".")[0] == "orchestrator"], path


def floors() -> list[str]:
    """The rooms from the top floor down, as docs/architecture.md lists them."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```floors\n(.*?)```", text, re.DOTALL)
    return [line.split()[0].rstrip("/").replace("/", ".") for line in block.splitlines()]


def module_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports, wherever in the file and whatever for.

    `from package import name` is an import of `package.name` where that is a module.
    """
    modules = {module_of(path): path for path in CODE if not FOREIGN.search(path.as_posix())}
    found = {}
    for name, path in modules.items():
        wanted = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                wanted |= {one if one in modules else node.module for one in inner}
        found[name] = (wanted & set(modules)) - {name}
    return found


def room_of(module: str, rooms: list[str]) -> int | None:
    """The number of the module's floor from the top; None: it belongs to no room."""
    fitting = [room for room in rooms if module == room or module.startswith(f"{room}.")]
    return rooms.index(max(fitting, key=len)) if fitting else None


#: The faces of the two packages, which stand beside the house: entry points and lazy names.
FACES = {"orchestrator", "orchestrator.__main__", "data_tools", "data_tools.__main__"}


def test_every_module_stands_in_a_room_and_imports_only_downward() -> None:
    rooms = floors()
    wrong = []
    for name, imported in graph().items():
        if name in FACES:
            continue
        here = room_of(name, rooms)
        assert here is not None, f"{name} stands in no room of docs/architecture.md"
        for other in imported - FACES:
            there = room_of(other, rooms)
            if there is None or there < here:
                wrong.append(f"{name} -> {other}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    order = TopologicalSorter({name: sorted(ones) for name, ones in graph().items()})
    try:
        order.prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


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
