"""Every error of the orchestrator is told in both languages: no argument is a bare text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.hub.words import WORDS

ROOT = Path(__file__).parents[2] / "orchestrator"
#: What makes an error, and the helpers that pass their texts on to one.
TELLERS = frozenset(
    {
        "RecipeError", "UsageError", "Interrupted", "wrong", "diverged", "json_of", "finite",
        "cut_off", "unfit", "_error", "_Cut", "Objection", "CannotEdit", "TemplateFault",
    }
)  # fmt: skip
#: How a line begins that is typed at a prompt.
_TYPED = ("recipe ", "--", "cd ", "mkdir ", "mv ")
#: Arguments that are no sentence: a place, the words after a command, a key's value.
UNTOLD = frozenset({"where", "retry", "meant"})


def _sources() -> Iterator[Path]:
    """The package's modules, but not the scripts that run in an engine's own Python."""
    for path in sorted(ROOT.rglob("*.py")):
        inside = path.relative_to(ROOT)
        script = "probes" in inside.parts or "shim" in inside.as_posix()
        if not script:
            yield path


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def _is_sentence(text: ast.Constant | ast.JoinedStr) -> bool:
    """A space and a letter make one; what is typed at a prompt is the same in every language."""
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    words = "…".join(str(one.value) if isinstance(one, ast.Constant) else "" for one in parts)
    return (
        " " in words.strip()
        and re.search("[A-Za-z]", words) is not None
        and not (words.lstrip("…").startswith(_TYPED))
    )


def _bare_texts(value: ast.expr, named: dict[str, list[ast.expr]]) -> Iterator[ast.expr]:
    """The texts with a space that ``value`` may be, unless ``say`` chose them; names are followed
    to what the same function, or the module, gives them, and the module's functions to what they
    return."""
    if isinstance(value, ast.Constant | ast.JoinedStr):
        if _is_sentence(value):
            yield value
    elif isinstance(value, ast.Name):
        for one in named.get(value.id, ()):
            yield from _bare_texts(one, {})
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        for one in named.get(f"{value.func.id}()", ()):
            yield from _bare_texts(one, {})
    elif isinstance(value, ast.BinOp):
        yield from _bare_texts(value.left, named)
        yield from _bare_texts(value.right, named)
    elif isinstance(value, ast.IfExp):
        yield from _bare_texts(value.body, named)
        yield from _bare_texts(value.orelse, named)
    elif isinstance(value, ast.BoolOp):
        for one in value.values:
            yield from _bare_texts(one, named)


def _named(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Name -> what is assigned to it anywhere in ``scope``."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def english_only(source: str) -> list[int]:
    """The lines of texts that reach a reader of an error in English alone."""
    module = ast.parse(source)
    constants = _named(ast.Module([n for n in module.body if isinstance(n, ast.Assign)], []))
    for helper in (n for n in module.body if isinstance(n, ast.FunctionDef)):
        given = [n.value for n in ast.walk(helper) if isinstance(n, ast.Return) and n.value]
        constants[f"{helper.name}()"] = given
    lines = []
    scopes = [n for n in ast.walk(module) if isinstance(n, ast.FunctionDef)]
    for scope in [*scopes, module]:
        named = {**constants, **(_named(scope) if scope is not module else {})}
        for call in (n for n in ast.walk(scope) if isinstance(n, ast.Call)):
            if _name(call) in TELLERS:
                told = [one.value for one in call.keywords if one.arg not in UNTOLD]
                for value in [*call.args, *told]:
                    lines += [one.lineno for one in _bare_texts(value, named)]
    return sorted(set(lines))


def test_an_error_is_told_in_both_languages() -> None:
    lines = {path: english_only(path.read_text(encoding="utf-8")) for path in _sources()}
    assert {str(path.relative_to(ROOT)): found for path, found in lines.items() if found} == {}


def test_a_text_in_one_language_is_found_however_it_reaches_the_error() -> None:
    source = """
FIX = "run it again"
def one(name):
    why = f"there is no {name}" if name else say("none", "无")
    raise RecipeError(f"No {name}.", where="a place", why=why, fix=FIX)
def two():
    raise wrong(say("it is gone", "没有了"), fix=f"look at {name}")
def by_hand():
    return "do it by hand"
def four():
    raise wrong(say("it is gone", "没有了"), fix=by_hand())
def three():
    raise UsageError(say("No such word.", "没有这个词。"), fix=f"recipe run {name}")
"""
    assert english_only(source) == [2, 4, 5, 7, 9]


def test_a_failed_download_tells_the_same_facts_in_both_languages() -> None:
    for kind, (what, _where, why, fix) in WORDS.items():
        for english, chinese in (what, why, fix):
            facts = [sorted(re.findall(r"{.*?}", text)) for text in (english, chinese)]
            assert facts[0] == facts[1], kind
