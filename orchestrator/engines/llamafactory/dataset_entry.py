"""What ``dataset_info.json`` must say about a file of rows: found by looking at every row.

Source: data/README.md of the engine that reads it: alpaca, sharegpt and openai layouts, preference
and KTO rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_tools.account import Account
from data_tools.errors import DataError, Reject
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say

#: Roles by the words that data sets use, with the engine's own names of the tags.
_ROLES = {
    "user_tag": ("human", "user"),
    "assistant_tag": ("gpt", "assistant"),
    "observation_tag": ("observation", "tool"),
    "function_tag": ("function_call", "function"),
    "system_tag": ("system",),
}
_MEDIA = ("images", "videos", "audios")


def entry_for(file: Path, folder: Path) -> dict[str, Any]:
    """The entry, with every column and tag that the rows have.

    ``file_name`` is relative when the file is inside ``folder``, absolute otherwise. Raises
    :class:`UsageError` for a file the engine cannot read, :class:`RecipeError` for rows it cannot.
    """
    keys: dict[str, Any] = {}
    roles: set[str] = set()
    count = 0
    for count, row in enumerate(_rows(file), 1):
        if not isinstance(row, dict):
            raise RecipeError(
                say("A row is no object.", "有一行不是 JSON 对象。"),
                where=say(f"{file}, row {count}", f"{file}，第 {count} 行"),
                fix=say("correct that row", "修正该行"),
            )
        for key, value in row.items():
            if value is not None:
                keys.setdefault(key, value)
        roles.update(_roles_in(row))
    if not count:
        raise RecipeError(
            say(f"{file.name} has no row.", f"{file.name} 没有一行数据。"),
            where=str(file),
            fix=say("give another file", "换一个文件"),
        )
    absolute, inside = file.resolve(), folder.resolve()
    name = absolute.relative_to(inside) if absolute.is_relative_to(inside) else absolute
    return {"file_name": name.as_posix(), **_layout(keys, roles, file)}


def _rows(file: Path) -> Iterator[Any]:
    if file.suffix not in (".json", ".jsonl"):
        raise UsageError(
            say(
                f"{file.name}: only .json and .jsonl files are registered.",
                f"{file.name}：只能登记 .json 和 .jsonl 文件。",
            ),
            fix=say(
                f"convert it first: recipe data convert {file.name} {file.stem}.jsonl --to alpaca",
                f"先转换它：recipe data convert {file.name} {file.stem}.jsonl --to alpaca",
            ),
        )
    from data_tools.containers.reading import raw_items

    try:
        for _source, _at, row in raw_items(file, Account(), _refuse):
            yield row
    except DataError as error:
        what = say(f"{file.name} cannot be read.", f"{file.name} 无法读取。")
        raise RecipeError(what, where=error.where, why=error.what, fix=error.fix) from error


def _refuse(verdict: Reject, place: Mapping[str, Any], _row: object) -> None:
    where = f"{place['file']}:{place['line']}"
    raise RecipeError(
        say("A row is not JSON.", "有一行不是 JSON。"),
        where=where,
        why=str(verdict),
        fix=say("correct that line", "修正该行"),
    )


def _roles_in(row: dict[str, Any]) -> Iterator[str]:
    for key in ("conversations", "messages"):
        turns = row.get(key)
        for turn in turns if isinstance(turns, list) else ():
            if isinstance(turn, dict):
                yield str(turn.get("from", turn.get("role", "")))


def _layout(keys: dict[str, Any], roles: set[str], file: Path) -> dict[str, Any]:
    for key in ("conversations", "messages"):
        if isinstance(keys.get(key), list):
            return _sharegpt(key, keys, roles, file)
    if "instruction" in keys:
        return _alpaca(keys)
    if "text" in keys:
        return {"formatting": "alpaca", "columns": {"prompt": "text"}}
    raise RecipeError(
        say(
            f"{file.name} is in no layout that the engine knows.",
            f"{file.name} 不是引擎认识的数据格式。",
        ),
        where=str(file),
        why=say(
            f"its rows have the keys {', '.join(keys)}", f"它的各行有这些键：{', '.join(keys)}"
        ),
        fix=say(
            f"convert it first: recipe data convert {file.name} rows.jsonl --to alpaca",
            f"先转换它：recipe data convert {file.name} rows.jsonl --to alpaca",
        ),
    )


def _alpaca(keys: dict[str, Any]) -> dict[str, Any]:
    ranking = "chosen" in keys and "rejected" in keys
    columns = {"prompt": "instruction"}
    if "input" in keys:
        columns["query"] = "input"
    if ranking:
        columns.update(chosen="chosen", rejected="rejected")
    else:
        columns["response"] = "output"
    columns.update(_more(keys, ("system", "history", "tools", "kto_tag", *_MEDIA)))
    found: dict[str, Any] = {"formatting": "alpaca"}
    return (
        {**found, "ranking": True, "columns": columns}
        if ranking
        else {
            **found,
            "columns": columns,
        }
    )


def _more(keys: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """The columns that the rows have; a verdict may stand under `label`, as in a demo file."""
    found = {name: name for name in names if name in keys}
    if "kto_tag" in names and "kto_tag" not in keys and isinstance(keys.get("label"), bool):
        found["kto_tag"] = "label"
    return found


def _sharegpt(key: str, keys: dict[str, Any], roles: set[str], file: Path) -> dict[str, Any]:
    turns = keys[key]
    first = turns[0] if turns and isinstance(turns[0], dict) else {}
    role, content = ("role", "content") if "role" in first else ("from", "value")
    unknown = roles - {word for words in _ROLES.values() for word in words}
    if unknown:
        raise RecipeError(
            say(
                f"The roles {', '.join(sorted(map(repr, unknown)))} are none that the engine "
                "knows.",
                f"引擎不认识这些角色：{', '.join(sorted(map(repr, unknown)))}。",
            ),
            where=str(file),
            why=say(
                "it drops rows with other roles, with a warning among its log lines",
                "它会丢弃含有其他角色的行，只在日志中给出警告",
            ),
            fix=say(
                f"convert it first: recipe data convert {file.name} rows.jsonl --to alpaca",
                f"先转换它：recipe data convert {file.name} rows.jsonl --to alpaca",
            ),
        )
    tags = {"role_tag": role, "content_tag": content}
    for tag, words in _ROLES.items():
        usual = words[1] if role == "role" and len(words) > 1 else words[0]
        tags[tag] = next((word for word in words if word in roles), usual)
    columns = {"messages": key, **_more(keys, ("system", "tools", "kto_tag", *_MEDIA))}
    ranking = isinstance(keys.get("chosen"), dict) and isinstance(keys.get("rejected"), dict)
    found: dict[str, Any] = {"formatting": "sharegpt"}
    if ranking:
        found["ranking"] = True
        columns.update(chosen="chosen", rejected="rejected")
    return {**found, "columns": columns, "tags": tags}
