"""Is a local model folder whole? Looks at names, sizes and headers; never loads a tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.base.language import say
from orchestrator.hub.selection import without_weights
from orchestrator.hub.unfit import (
    give_a_folder,
    must_be_no_pointer,
    read_json,
    unfit,
    what_is_there,
)
from orchestrator.hub.weights import whole_weights as whole_weights

_VOCABULARIES = (
    "tokenizer.json", "*.model", "vocab.*", "*.tiktoken", "*.spm", "*.vocab", "tokenizer*.py",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """A complete model on disk.

    ``revision`` is the commit when it is known, else the name that was asked for. ``files`` are
    relative names with their bytes, ``checksums`` the SHA-256 that the hub gave for some of them.
    """

    path: Path
    files: Mapping[str, int]
    hub: str = "local"
    id: str = ""
    revision: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(self.files.values())


def check_folder(path: Path, *, weights: bool = True) -> ModelFolder:
    """The folder as a whole model: config, weights and tokenizer, or a RecipeError saying why not.

    Shards are held against their index and against their own headers, so that a download that was
    cut off, or a Git LFS pointer, is found before anything is loaded. Without ``weights`` nobody
    asks for them, and they are not among the files.
    """
    path = path.expanduser().absolute()
    try:
        _must_be_folder(path)
        _must_have_config(path)
        if weights:
            whole_weights(path)
        _must_have_code(path)
        _must_have_tokenizer(path)
        files = dict(sorted(_files(path)))
        if not weights:
            files = {name: files[name] for name in without_weights(files)}
        return ModelFolder(path=path, files=files, id=str(path))
    except OSError as error:
        why = f"{error.strerror or error}: {error.filename or path}"
        fix = say(
            "make the folder readable for you, or copy it to a place of your own",
            "让你有权读取该文件夹，或把它复制到自己的位置",
        )
        raise unfit(
            path, say("The model folder cannot be read.", "模型文件夹无法读取。"), why, fix
        ) from error


def _files(path: Path) -> Iterator[tuple[str, int]]:
    for each in path.rglob("*"):
        name = each.relative_to(path)
        if each.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), each.stat().st_size


def _must_be_folder(path: Path) -> None:
    if path.is_file():
        why = say(
            "this is one file; a model is the folder that holds config.json and the weights",
            "这是单个文件；模型应是含有 config.json 和权重的文件夹",
        )
        raise unfit(
            path,
            say("The model is not a folder.", "给出的模型不是文件夹。"),
            why,
            f"--set model.path={path.parent}",
        )
    if not path.is_dir():
        fix = say(f"check the path, or {give_a_folder()}", f"检查路径，或{give_a_folder()}")
        raise unfit(
            path,
            say("The model folder is not there.", "模型文件夹不存在。"),
            say("there is no such folder", "没有这个文件夹"),
            fix,
        )


def _must_have_config(path: Path) -> None:
    if (path / "config.json").is_file():
        return
    adapter = path / "adapter_config.json"
    if adapter.is_file():
        base = read_json(adapter).get("base_model_name_or_path") or say(
            "its base model", "它的基座模型"
        )
        raise unfit(
            path,
            say("This is an adapter, not a model.", "这是适配器，不是模型。"),
            say(
                f"it has adapter_config.json and no config.json; the adapter belongs to {base}",
                f"其中有 adapter_config.json，没有 config.json；该适配器属于 {base}",
            ),
            say(
                "give the base model as model.path (or merge the adapter into it first)",
                "请把基座模型写入 model.path（或先把适配器合并进去）",
            ),
        )
    inside = sorted([*path.glob("*/config.json"), *path.glob("snapshots/*/config.json")])
    below = [
        say(
            f"the model seems to be one level down: --set model.path={p.parent}",
            f"模型似乎在下一层：--set model.path={p.parent}",
        )
        for p in inside
    ]
    what = say("The model folder has no config.json.", "模型文件夹中没有 config.json。")
    raise unfit(path, what, what_is_there(path), (below or [give_a_folder()])[0])


def own_code(path: Path) -> list[str]:
    """The model's own Python files that config.json or tokenizer_config.json name."""
    files = [path / "config.json", path / "tokenizer_config.json"]
    maps = [read_json(file).get("auto_map") for file in files if file.is_file()]
    return sorted({f"{module}.py" for each in maps for module in _modules(each)})


def _must_have_code(path: Path) -> None:
    lost = [name for name in own_code(path) if not (path / name).is_file()]
    if lost:
        why = say(
            f"auto_map names code that is not in the folder: {', '.join(lost)}",
            f"auto_map 所写的代码不在该文件夹中：{', '.join(lost)}",
        )
        fix = say(
            f"download these files into this folder, or {give_a_folder()}",
            f"把这些文件下载到该文件夹，或{give_a_folder()}",
        )
        raise unfit(path, say("The model's own code is missing.", "缺少模型自己的代码。"), why, fix)


def _modules(value: Any) -> set[str]:
    """Modules of an auto_map; a name with ``--`` lives in another repository."""
    if isinstance(value, dict | list | tuple):
        inner = value.values() if isinstance(value, dict) else value
        return {module for each in inner for module in _modules(each)}
    if isinstance(value, str) and "--" not in value and "." in value:
        return {value.partition(".")[0]}
    return set()


def _must_have_tokenizer(path: Path) -> None:
    found = [each for pattern in _VOCABULARIES for each in path.glob(pattern) if each.is_file()]
    must_be_no_pointer(*found)
    if not found:
        why = say(
            "no tokenizer.json, tokenizer.model, vocab file or tokenizer code is in it",
            "其中没有 tokenizer.json、tokenizer.model、词表文件或分词器代码",
        )
        fix = say(
            f"download the tokenizer files into this folder, or {give_a_folder()}",
            f"把分词器文件下载到该文件夹，或{give_a_folder()}",
        )
        raise unfit(
            path, say("The model folder has no tokenizer.", "模型文件夹中没有分词器。"), why, fix
        )
