"""A recipe's parameters: short names for ``-p NAME=VALUE``, some of which a run cannot do without.

Nothing here builds the schema: the list of recipes and the shell's completion ask as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.base.text import listed, quoted
from orchestrator.recipe.faults import Fault, Mark
from orchestrator.recipe.yaml_tree import Node, at_path, children


class Parameter(NamedTuple):
    """One short name: the dotted key that it stands for, and what a reader should know."""

    name: str
    key: str
    required: bool
    example: str
    about: str
    at: Mark

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.key.split("."))

    @property
    def words(self) -> tuple[str, str]:
        """What to type, such as ``-p name=Ann``."""
        return "-p", f"{self.name}={self.example or self.name.upper()}"

    @property
    def word(self) -> str:
        """The same for a shell: it can be pasted."""
        return " ".join(map(quoted, self.words))

    def missing(self) -> Fault:
        """The fault of a run without it."""
        return Fault(
            self.at,
            f"params.{self.name}",
            say(f"is required: add {self.word}", f"必须给出：请加上 {self.word}"),
            self.about,
            retry=self.words,
        )


def normalised(tree: Node) -> Node:
    """``name: some.key`` under `params` written out as ``name: {key: some.key}``."""
    params = tree.value.get("params")
    if params is None or not isinstance(params.value, dict):
        return tree
    whole = {
        name: node._replace(value={"key": node}) if isinstance(node.value, str) else node
        for name, node in params.value.items()
    }
    return tree._replace(value={**tree.value, "params": params._replace(value=whole)})


def read_params(tree: Node) -> dict[str, Parameter]:
    """The parameters by name. What is no parameter is left out: the schema tells it."""
    params = children(tree.value["params"]) if "params" in tree.value else []
    table = {}
    for name, node in params:
        values = {"key": node.value} if isinstance(node.value, str) else node.plain()
        if isinstance(values, dict) and isinstance(values.get("key"), str):
            table[name] = Parameter(
                name,
                values["key"],
                required=values.get("required") is True,
                example=_text(values.get("example")),
                about=_text(values.get("about")),
                at=node.at,
            )
    return table


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def missing(tree: Node, table: Mapping[str, Parameter]) -> list[Parameter]:
    """The required parameters whose key has no value.

    Where a child put another kind of source into the parent's place, a key inside that source
    stands for nothing any more, and nothing is missing.
    """
    lacking = []
    for param in table.values():
        node, depth = at_path(tree, param.path)
        whole = depth == len(param.path)
        another = depth < len(param.path) - 1 and param.path[depth - 1].isdecimal()
        if param.required and not another and not (whole and node.value is not None):
            lacking.append(param)
    return lacking


def chosen(
    params: Sequence[str], table: Mapping[str, Parameter], faults: list[Fault]
) -> list[tuple[Parameter, str]]:
    """What ``-p NAME=VALUE`` sets: parameters with their values, as text."""
    pairs = []
    for word in params:
        name, equals, text = word.partition("=")
        if not equals:
            what = say("give it as NAME=VALUE", "请写成 NAME=VALUE")
            faults.append(Fault(Mark(f"-p {word}"), "", what))
        elif name in table:
            pairs.append((table[name], text))
        else:
            what = say("this recipe has no such parameter", "此配方没有这个参数")
            known = listed(list(table), say("and", "和")) or say("none", "没有参数")
            why = say(f"this recipe has {known}", f"此配方有：{known}")
            faults.append(Fault(Mark(f"-p {name}"), "", what, why, nearest(name, table)))
    return pairs
