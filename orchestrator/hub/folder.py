"""Is a local model folder whole? Looks at names, sizes and headers; never loads a tensor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.tensor import DamagedWeights
from orchestrator.base.weights import tensors
from orchestrator.hub.selection import without_weights

_VOCABULARIES = (
    "tokenizer.json", "*.model", "vocab.*", "*.tiktoken", "*.spm", "*.vocab", "tokenizer*.py",
)  # fmt: skip
_INDEX = {
    "model.safetensors": "model.safetensors.index.json",
    "pytorch_model.bin": "pytorch_model.bin.index.json",
}
_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_LARGEST = 1024  # bytes of the text that git-lfs/docs/spec.md puts in a large file's place
_SHOWN = 8


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
        raise _unfit(
            path, say("The model folder cannot be read.", "模型文件夹无法读取。"), why, fix
        ) from error


def _files(path: Path) -> Iterator[tuple[str, int]]:
    for each in path.rglob("*"):
        name = each.relative_to(path)
        if each.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), each.stat().st_size


def _unfit(path: Path, what: str, why: str, fix: str | None = None) -> RecipeError:
    return RecipeError(what, where=str(path), why=why, fix=fix or _give_a_folder())


def _give_a_folder() -> str:
    return say(
        "give a whole folder: --set model.path=FOLDER, or remove it to download the model",
        "请写完整的模型文件夹：--set model.path=FOLDER，或去掉它以便下载模型",
    )


def _must_be_folder(path: Path) -> None:
    if path.is_file():
        why = say(
            "this is one file; a model is the folder that holds config.json and the weights",
            "这是单个文件；模型应是含有 config.json 和权重的文件夹",
        )
        raise _unfit(
            path,
            say("The model is not a folder.", "给出的模型不是文件夹。"),
            why,
            f"--set model.path={path.parent}",
        )
    if not path.is_dir():
        fix = say(f"check the path, or {_give_a_folder()}", f"检查路径，或{_give_a_folder()}")
        raise _unfit(
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
        base = _read_json(adapter).get("base_model_name_or_path") or say(
            "its base model", "它的基座模型"
        )
        raise _unfit(
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
    raise _unfit(path, what, _what_is_there(path), (below or [_give_a_folder()])[0])


def _what_is_there(path: Path) -> str:
    names = sorted(each.name for each in path.iterdir())
    return (
        say(f"it holds {listed(names)}", f"其中有 {listed(names)}")
        if names
        else say("the folder is empty", "文件夹是空的")
    )


def listed(names: Sequence[str], mark: str = ", ") -> str:
    """The first names, and how many more there are."""
    more = (
        say(f" and {len(names) - _SHOWN} more", f" 等另外 {len(names) - _SHOWN} 个")
        if len(names) > _SHOWN
        else ""
    )
    return mark.join(names[:_SHOWN]) + more


def _read_json(path: Path) -> dict[str, Any]:
    _must_be_no_pointer(path)
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        what = say(f"{path.name} cannot be read.", f"{path.name} 无法读取。")
        raise _unfit(path, what, f"{type(error).__name__}: {error}") from error
    if not isinstance(value, dict):
        why = say(
            f"it holds a {type(value).__name__} where an object is expected",
            f"应是对象，而其中是 {type(value).__name__}",
        )
        raise _unfit(
            path, say(f"{path.name} is not a JSON object.", f"{path.name} 不是 JSON 对象。"), why
        )
    return value


def _must_be_no_pointer(*paths: Path) -> None:
    names = [path.name for path in paths if _is_lfs_pointer(path)]
    if names:
        why = say(
            f"{listed(names)}: a Git LFS pointer, a text of about 130 bytes, not the file",
            f"{listed(names)}：是 Git LFS 指针（约 130 字节的文本），不是文件本身",
        )
        fix = (
            say(
                "run `git lfs install && git lfs pull` in that folder, or ",
                "在该文件夹中运行 `git lfs install && git lfs pull`，或",
            )
            + _give_a_folder()
        )
        raise _unfit(
            paths[0].parent,
            say("The model was cloned without its large files.", "克隆模型时没有取回大文件。"),
            why,
            fix,
        )


def _is_lfs_pointer(path: Path) -> bool:
    small = path.is_file() and path.stat().st_size <= _LFS_LARGEST
    return small and _starts_with(path, _LFS)


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _weights(path: Path) -> dict[str, set[str]]:
    """Weight file -> tensor names that the index expects in it (none known for a single file)."""
    for single, index in _INDEX.items():
        if (path / single).is_file():
            return {single: set()}
        if (path / index).is_file():
            return _by_shard(path / index)
    for single, index in _INDEX.items():
        stem, _, suffix = single.rpartition(".")
        shards = [*path.glob(f"{stem}-*-of-*.{suffix}")]
        if shards:
            why = say(
                f"there are {len(shards)} shards but no {index}, which says which tensor is where",
                f"有 {len(shards)} 个分片，却没有 {index}（它说明每个张量在哪个分片中）",
            )
            fix = say(
                f"download {index} into the same folder, or {_give_a_folder()}",
                f"把 {index} 下载到同一文件夹，或{_give_a_folder()}",
            )
            raise _unfit(
                path,
                say(f"The model folder has no {index}.", f"模型文件夹中没有 {index}。"),
                why,
                fix,
            )
    why = say(
        f"no {' or '.join(_INDEX)} and no index of shards; {_what_is_there(path)}",
        f"没有 {' 或 '.join(_INDEX)}，也没有分片索引；{_what_is_there(path)}",
    )
    fix = say(
        f"download the weights into this folder, or {_give_a_folder()}",
        f"把权重下载到该文件夹，或{_give_a_folder()}",
    )
    raise _unfit(path, say("The model folder has no weights.", "模型文件夹中没有权重。"), why, fix)


def _by_shard(index: Path) -> dict[str, set[str]]:
    weight_map = _read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _unfit(
            index,
            say(f"{index.name} is not an index of shards.", f"{index.name} 不是分片索引。"),
            say("it has no weight_map", "它没有 weight_map"),
        )
    shards: dict[str, set[str]] = {}
    for tensor, shard in sorted(weight_map.items()):
        shards.setdefault(str(shard), set()).add(tensor)
    return dict(sorted(shards.items()))


def whole_weights(path: Path) -> dict[str, int]:
    """Weight file -> number of its tensors; RecipeError when one is missing, cut or another's."""
    weights = _weights(path)
    _must_be_no_pointer(*(path / name for name in weights))
    told = {name: _count(path / name, expected) for name, expected in weights.items()}
    faults = [f"{name}: {fault}" for name, fault in told.items() if isinstance(fault, str)]
    if faults:
        what = say(
            f"The model's weights are not complete ({len(faults)} of {len(weights)} files).",
            f"模型的权重不完整（{len(weights)} 个文件中有 {len(faults)} 个有问题）。",
        )
        fix = say(
            f"download these files again into this folder, or {_give_a_folder()}",
            f"把这些文件重新下载到该文件夹，或{_give_a_folder()}",
        )
        raise _unfit(path, what, listed(faults, "; "), fix)
    return {name: count for name, count in told.items() if isinstance(count, int)}


def _count(path: Path, expected: set[str]) -> int | str:
    """The number of tensors in a weight file, or in a few words what is wrong with it."""
    if not path.is_file():
        started = [*path.parent.glob(f"{path.name}*.incomplete")]
        started += path.parent.glob(f"{path.name}_[0-9]*_[0-9]*")
        return (
            say("missing (its download was interrupted)", "缺失（下载被中断）")
            if started
            else say("missing", "缺失")
        )
    if path.stat().st_size == 0:
        return say("empty", "空文件")
    try:
        held = tensors(path).keys()
    except DamagedWeights as error:
        return str(error)
    lost = sorted(expected - held)
    return (
        say(
            f"{len(lost)} tensors of the index are not in it, as {lost[0]}",
            f"索引中的 {len(lost)} 个张量不在其中，例如 {lost[0]}",
        )
        if lost
        else len(held)
    )


def own_code(path: Path) -> list[str]:
    """The model's own Python files that config.json or tokenizer_config.json name."""
    files = [path / "config.json", path / "tokenizer_config.json"]
    maps = [_read_json(file).get("auto_map") for file in files if file.is_file()]
    return sorted({f"{module}.py" for each in maps for module in _modules(each)})


def _must_have_code(path: Path) -> None:
    lost = [name for name in own_code(path) if not (path / name).is_file()]
    if lost:
        why = say(
            f"auto_map names code that is not in the folder: {', '.join(lost)}",
            f"auto_map 所写的代码不在该文件夹中：{', '.join(lost)}",
        )
        fix = say(
            f"download these files into this folder, or {_give_a_folder()}",
            f"把这些文件下载到该文件夹，或{_give_a_folder()}",
        )
        raise _unfit(
            path, say("The model's own code is missing.", "缺少模型自己的代码。"), why, fix
        )


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
    _must_be_no_pointer(*found)
    if not found:
        why = say(
            "no tokenizer.json, tokenizer.model, vocab file or tokenizer code is in it",
            "其中没有 tokenizer.json、tokenizer.model、词表文件或分词器代码",
        )
        fix = say(
            f"download the tokenizer files into this folder, or {_give_a_folder()}",
            f"把分词器文件下载到该文件夹，或{_give_a_folder()}",
        )
        raise _unfit(
            path, say("The model folder has no tokenizer.", "模型文件夹中没有分词器。"), why, fix
        )
