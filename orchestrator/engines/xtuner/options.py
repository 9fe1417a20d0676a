"""``engine_options``: edits of the rendered config, in the recipe's own words.

A dotted key is a place (``custom_hooks.1.every_n_iters``); a mapping that names no ``type`` goes
into what is there, everything else replaces it. ``{$delete: true}`` takes a place away,
``custom_hooks.+`` appends, ``{$ref: tokenizer}`` stands for a variable of the config or, with dots,
for an object of a library. ``type`` names an object by its dotted path. All else is data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.base.text import listed
from orchestrator.recipe.faults import Objection
from orchestrator.rendering import pyedit
from orchestrator.rendering.pyedit import APPEND, CannotEdit
from orchestrator.rendering.pysource import Name, is_identifier

DELETE, REFERENCE = "$delete", "$ref"
#: Whose objects a recipe may name; for others it says so in `trust_code`.
LIBRARIES = (
    "xtuner",
    "mmengine",
    "torch.optim",
    "torch.utils.data",
    "transformers",
    "peft",
    "bitsandbytes",
    "datasets",
    *(f"torch.{dtype}" for dtype in ("float16", "bfloat16", "float32")),
)
#: Keys whose text mmengine or XTuner imports when it has a dot in it.
_IMPORTED = ("type", "constructor", "dataset_map_fn", "template_map_fn", "runner_type")


class Edit(NamedTuple):
    """One change: the key that asks for it, the place, and the new value (a mapping may delete)."""

    key: str
    path: tuple[str, ...]
    value: Any

    @property
    def deletes(self) -> bool:
        return isinstance(self.value, Mapping) and DELETE in self.value

    def order(self) -> tuple[bool, int, int]:
        """Outer places first; what is deleted goes last, so that numbers keep their meaning."""
        last = self.path[-1]
        number = -int(last) if self.deletes and last.isdecimal() else 0
        return self.deletes, len(self.path), number


class Options:
    """The edits of one recipe; ``objections`` grows with what cannot be done."""

    def __init__(self, text: str, trusted: tuple[str, ...]) -> None:
        self.text = text
        self.trusted = (*LIBRARIES, *trusted)
        self.objections: list[Objection] = []

    def apply(self, options: Mapping[str, Any]) -> None:
        """Carry out every edit."""
        edits = [
            edit
            for key, value in options.items()
            for edit in self._edits(f"engine_options.{key}", tuple(str(key).split(".")), value)
        ]
        for edit in sorted(edits, key=Edit.order):
            try:
                self._carry_out(edit)
            except CannotEdit as error:
                meant = nearest(edit.path[-1], error.known)
                self.objections.append(Objection(edit.key, error.what, meant=meant))
        if edits and not self.objections:
            self._names_are_made()

    def _edits(self, key: str, path: tuple[str, ...], value: Any) -> Iterator[Edit]:
        """One edit a place: a mapping that goes into what is there is taken apart."""
        if not is_identifier(path[0]):
            what = say(
                f"{path[0]!r} cannot be a variable of a Python config",
                f"{path[0]!r} 不能是 Python 配置中的变量",
            )
            why = say("use letters, digits and underscores", "请用字母、数字和下划线")
            self.objections.append(Objection(key, what, why))
        elif isinstance(value, Mapping) and value and self._goes_into(path, value):
            for inner, deeper in value.items():
                yield from self._edits(f"{key}.{inner}", (*path, str(inner)), deeper)
        else:
            yield Edit(key, path, value)

    def _goes_into(self, path: tuple[str, ...], value: Mapping[str, Any]) -> bool:
        if {DELETE, REFERENCE, "type"} & value.keys():
            return False
        there = pyedit.get(self.text, path)
        if isinstance(there, ast.List):
            return all(str(key) == APPEND or str(key).isdecimal() for key in value)
        return isinstance(there, (ast.Call, ast.Dict))

    def _carry_out(self, edit: Edit) -> None:
        if edit.deletes:
            if dict(edit.value) != {DELETE: True}:
                raise CannotEdit(
                    say(
                        f"{DELETE} stands alone, and is true", f"{DELETE} 必须单独出现，且值为 true"
                    )
                )
            self.text = pyedit.delete(self.text, edit.path)
            return
        appended = edit.path[-1] == APPEND and isinstance(edit.value, list)
        for one in edit.value if appended else [edit.value]:
            value = self._converted(edit.key, edit.path[-1], one)
            self.text = pyedit.assign(self.text, edit.path, value)

    def _converted(self, key: str, last: str, value: Any) -> Any:
        """The value with its references and types as names that the config imports."""
        if isinstance(value, Mapping) and REFERENCE in value:
            if len(value) > 1:
                raise CannotEdit(
                    say(
                        f"{REFERENCE} stands alone in its mapping",
                        f"{REFERENCE} 在其映射中必须单独出现",
                    )
                )
            return self._reference(key, str(value[REFERENCE]))
        if isinstance(value, Mapping):
            pairs = value.items()
            return {one: self._converted(f"{key}.{one}", str(one), inner) for one, inner in pairs}
        if isinstance(value, list):
            return [
                self._converted(f"{key}.{n}", "import" if last == "imports" else last, inner)
                for n, inner in enumerate(value)
            ]
        if isinstance(value, str) and last == "import":
            self._trusts(key, value)
        elif isinstance(value, str) and last in _IMPORTED and "." in value:
            return self._object(key, value)
        return value

    def _reference(self, key: str, name: str) -> Any:
        if "." in name:
            return self._object(key, name)
        if not is_identifier(name):
            raise CannotEdit(
                say(
                    f"{name!r} cannot be a variable of a Python config",
                    f"{name!r} 不能是 Python 配置中的变量",
                )
            )
        return Name(name)

    def _object(self, key: str, dotted: str) -> Any:
        parts = dotted.split(".")
        if not all(map(is_identifier, parts)):
            raise CannotEdit(
                say(
                    f"{dotted!r} is no dotted path of a Python object",
                    f"{dotted!r} 不是 Python 对象的点分路径",
                )
            )
        if not self._trusts(key, dotted):
            return dotted
        # Modules are written small: what begins with a capital is an object of the one before it.
        large = [n for n, part in enumerate(parts) if n and part[:1].isupper()]
        split = large[0] if large else len(parts) - 1
        self.text, called = pyedit.imported(self.text, ".".join(parts[:split]), parts[split])
        return Name(".".join([called, *parts[split + 1 :]]))

    def _trusts(self, key: str, dotted: str) -> bool:
        if any(dotted == one or dotted.startswith(f"{one}.") for one in self.trusted):
            return True
        what = say(
            f"{dotted} is outside the engine's own libraries, and would run as it is named",
            f"{dotted} 不在引擎自己的库中，会按所写的名称直接执行",
        )
        why = say(
            f"without a further word: {listed(LIBRARIES[:8], 'and')}; "
            f"to run it all the same: --set 'trust_code=[{dotted}]'",
            f"无需说明即可使用的有：{listed(LIBRARIES[:8], '和')}；若仍要执行它：--set "
            f"'trust_code=[{dotted}]'",
        )
        self.objections.append(Objection(key, what, why))
        return False

    def _names_are_made(self) -> None:
        """Nothing that the config uses may be gone, and every reference must lead somewhere."""
        missing = pyedit.undefined(self.text)
        known = tuple(pyedit.Text(self.text).variables)
        for name in missing:
            what = say(
                f"the config uses {name}, and has no such variable",
                f"配置使用了 {name}，却没有这个变量",
            )
            self.objections.append(Objection("engine_options", what, meant=nearest(name, known)))
