"""Is a local model folder whole? Looks at names, sizes and headers; never loads a tensor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.base.errors import RecipeError
from orchestrator.base.tensor import DamagedWeights
from orchestrator.base.weights import tensors
from orchestrator.hub.selection import without_weights

GIVE_A_FOLDER = "give a whole folder: --set model.path=FOLDER, or remove it to download the model"
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
        fix = "make the folder readable for you, or copy it to a place of your own"
        raise _unfit(path, "The model folder cannot be read.", why, fix) from error


def _files(path: Path) -> Iterator[tuple[str, int]]:
    for each in path.rglob("*"):
        name = each.relative_to(path)
        if each.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), each.stat().st_size


def _unfit(path: Path, what: str, why: str, fix: str = GIVE_A_FOLDER) -> RecipeError:
    return RecipeError(what, where=str(path), why=why, fix=fix)


def _must_be_folder(path: Path) -> None:
    if path.is_file():
        why = "this is one file; a model is the folder that holds config.json and the weights"
        raise _unfit(path, "The model is not a folder.", why, f"--set model.path={path.parent}")
    if not path.is_dir():
        fix = f"check the path, or {GIVE_A_FOLDER}"
        raise _unfit(path, "The model folder is not there.", "there is no such folder", fix)


def _must_have_config(path: Path) -> None:
    if (path / "config.json").is_file():
        return
    adapter = path / "adapter_config.json"
    if adapter.is_file():
        base = _read_json(adapter).get("base_model_name_or_path") or "its base model"
        raise _unfit(
            path,
            "This is an adapter, not a model.",
            f"it has adapter_config.json and no config.json; the adapter belongs to {base}",
            "give the base model as model.path (or merge the adapter into it first)",
        )
    inside = sorted([*path.glob("*/config.json"), *path.glob("snapshots/*/config.json")])
    below = [f"the model seems to be one level down: --set model.path={p.parent}" for p in inside]
    what = "The model folder has no config.json."
    raise _unfit(path, what, _what_is_there(path), (below or [GIVE_A_FOLDER])[0])


def _what_is_there(path: Path) -> str:
    names = sorted(each.name for each in path.iterdir())
    return f"it holds {listed(names)}" if names else "the folder is empty"


def listed(names: Sequence[str], mark: str = ", ") -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return mark.join(names[:_SHOWN]) + more


def _read_json(path: Path) -> dict[str, Any]:
    _must_be_no_pointer(path)
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        what = f"{path.name} cannot be read."
        raise _unfit(path, what, f"{type(error).__name__}: {error}") from error
    if not isinstance(value, dict):
        why = f"it holds a {type(value).__name__} where an object is expected"
        raise _unfit(path, f"{path.name} is not a JSON object.", why)
    return value


def _must_be_no_pointer(*paths: Path) -> None:
    names = [path.name for path in paths if _is_lfs_pointer(path)]
    if names:
        why = f"{listed(names)}: a Git LFS pointer, a text of about 130 bytes, not the file"
        fix = "run `git lfs install && git lfs pull` in that folder, or " + GIVE_A_FOLDER
        raise _unfit(paths[0].parent, "The model was cloned without its large files.", why, fix)


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
            why = f"there are {len(shards)} shards but no {index}, which says which tensor is where"
            fix = f"download {index} into the same folder, or {GIVE_A_FOLDER}"
            raise _unfit(path, f"The model folder has no {index}.", why, fix)
    why = f"no {' or '.join(_INDEX)} and no index of shards; {_what_is_there(path)}"
    fix = f"download the weights into this folder, or {GIVE_A_FOLDER}"
    raise _unfit(path, "The model folder has no weights.", why, fix)


def _by_shard(index: Path) -> dict[str, set[str]]:
    weight_map = _read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _unfit(index, f"{index.name} is not an index of shards.", "it has no weight_map")
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
        what = f"The model's weights are not complete ({len(faults)} of {len(weights)} files)."
        fix = f"download these files again into this folder, or {GIVE_A_FOLDER}"
        raise _unfit(path, what, listed(faults, "; "), fix)
    return {name: count for name, count in told.items() if isinstance(count, int)}


def _count(path: Path, expected: set[str]) -> int | str:
    """The number of tensors in a weight file, or in a few words what is wrong with it."""
    if not path.is_file():
        started = [*path.parent.glob(f"{path.name}*.incomplete")]
        started += path.parent.glob(f"{path.name}_[0-9]*_[0-9]*")
        return "missing (its download was interrupted)" if started else "missing"
    if path.stat().st_size == 0:
        return "empty"
    try:
        held = tensors(path).keys()
    except DamagedWeights as error:
        return str(error)
    lost = sorted(expected - held)
    return f"{len(lost)} tensors of the index are not in it, as {lost[0]}" if lost else len(held)


def own_code(path: Path) -> list[str]:
    """The model's own Python files that config.json or tokenizer_config.json name."""
    files = [path / "config.json", path / "tokenizer_config.json"]
    maps = [_read_json(file).get("auto_map") for file in files if file.is_file()]
    return sorted({f"{module}.py" for each in maps for module in _modules(each)})


def _must_have_code(path: Path) -> None:
    lost = [name for name in own_code(path) if not (path / name).is_file()]
    if lost:
        why = f"auto_map names code that is not in the folder: {', '.join(lost)}"
        fix = f"download these files into this folder, or {GIVE_A_FOLDER}"
        raise _unfit(path, "The model's own code is missing.", why, fix)


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
        why = "no tokenizer.json, tokenizer.model, vocab file or tokenizer code is in it"
        fix = f"download the tokenizer files into this folder, or {GIVE_A_FOLDER}"
        raise _unfit(path, "The model folder has no tokenizer.", why, fix)
