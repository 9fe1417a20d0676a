"""Is a local model folder whole? Looks at names, sizes and headers; never loads a tensor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.base.errors import RecipeError
from orchestrator.hub.weights import fault_of, is_lfs_pointer, tensor_names

VOCABULARIES = (
    "tokenizer.json", "*.model", "vocab.*", "*.tiktoken", "*.spm", "*.vocab", "tokenizer*.py",
)  # fmt: skip
GIVE_A_FOLDER = "give a whole folder: --set model.path=FOLDER, or remove it to download the model"
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SINGLES = ("model.safetensors", "pytorch_model.bin")
_SHOWN = 8


@dataclass(frozen=True)
class ModelFolder:
    """A complete model on disk.

    ``revision`` is the commit when it is known, else the name that was asked for. ``files`` are
    relative names and ``bytes`` is what they take together.
    """

    path: Path
    hub: str
    id: str
    revision: str | None
    files: tuple[str, ...]
    bytes: int


def check_folder(path: Path) -> ModelFolder:
    """The folder as a whole model: config, weights and tokenizer, or a RecipeError saying why not.

    Shards are held against their index and against their own headers, so that a download that was
    cut off, or a Git LFS pointer, is found before anything is loaded.
    """
    path = path.expanduser().absolute()
    _must_be_folder(path)
    _must_have_config(path)
    config = _read_json(path / "config.json")
    weights = _weights(path)
    _must_be_whole(path, weights)
    _must_have_code(path, config)
    _must_have_tokenizer(path)
    files = tuple(sorted(_files(path)))
    size = sum((path / name).stat().st_size for name in files)
    return ModelFolder(path, "local", str(path), None, files, size)


def _files(path: Path) -> list[str]:
    found = (each.relative_to(path) for each in path.rglob("*") if each.is_file())
    return [name.as_posix() for name in found if not any(p.startswith(".") for p in name.parts)]


def _fail(path: Path, what: str, why: str, fix: str) -> RecipeError:
    return RecipeError(what, where=str(path), why=why, fix=fix)


def _must_be_folder(path: Path) -> None:
    if path.is_file():
        why = "this is one file; a model is the folder that holds config.json and the weights"
        raise _fail(path, "The model is not a folder.", why, f"--set model.path={path.parent}")
    if not path.is_dir():
        why = "there is no such folder"
        raise _fail(
            path, "The model folder is not there.", why, f"check the path, or {GIVE_A_FOLDER}"
        )


def _must_have_config(path: Path) -> None:
    if (path / "config.json").is_file():
        return
    adapter = path / "adapter_config.json"
    if adapter.is_file():
        base = _read_json(adapter).get("base_model_name_or_path") or "its base model"
        raise _fail(
            path,
            "This is an adapter, not a model.",
            f"it has adapter_config.json and no config.json; the adapter belongs to {base}",
            "give the base model as model.path (or merge the adapter into it first)",
        )
    inside = sorted(each.parent for each in path.glob("*/config.json"))
    if not inside:
        inside = sorted(each.parent for each in path.glob("snapshots/*/config.json"))
    if inside:
        fix = f"the model seems to be one level down: --set model.path={inside[0]}"
    else:
        fix = GIVE_A_FOLDER
    raise _fail(path, "The model folder has no config.json.", _what_is_there(path), fix)


def _what_is_there(path: Path) -> str:
    names = sorted(each.name for each in path.iterdir())
    if not names:
        return "the folder is empty"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"it holds {', '.join(names[:_SHOWN])}{more}"


def _read_json(path: Path) -> dict[str, Any]:
    if is_lfs_pointer(path):
        raise _pointers(path.parent, [path.name])
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise _fail(path, f"{path.name} cannot be read.", why, GIVE_A_FOLDER) from error
    if not isinstance(value, dict):
        why = f"it holds a {type(value).__name__} where an object is expected"
        raise _fail(path, f"{path.name} is not a JSON object.", why, GIVE_A_FOLDER)
    return value


def _weights(path: Path) -> dict[str, frozenset[str]]:
    """Weight file -> tensor names that the index expects in it (none known for a single file)."""
    for index, single in zip(_INDEXES, _SINGLES, strict=True):
        if (path / single).is_file():
            return {single: frozenset()}
        if (path / index).is_file():
            return _by_shard(path / index)
    shards = sorted(
        [*path.glob("model-*-of-*.safetensors"), *path.glob("pytorch_model-*-of-*.bin")]
    )
    if shards:
        index = _INDEXES[0] if shards[0].suffix == ".safetensors" else _INDEXES[1]
        why = f"there are {len(shards)} shards but no {index}, which says which tensor is where"
        fix = f"download {index} into the same folder, or {GIVE_A_FOLDER}"
        raise _fail(path, f"The model folder has no {index}.", why, fix)
    why = (
        f"no model.safetensors, no pytorch_model.bin and no index of shards; {_what_is_there(path)}"
    )
    fix = f"download the weights into this folder, or {GIVE_A_FOLDER}"
    raise _fail(path, "The model folder has no weights.", why, fix)


def _by_shard(index: Path) -> dict[str, frozenset[str]]:
    weight_map = _read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        why = "it has no weight_map"
        raise _fail(index, f"{index.name} is not an index of shards.", why, GIVE_A_FOLDER)
    shards: dict[str, set[str]] = {}
    for tensor, shard in weight_map.items():
        shards.setdefault(str(shard), set()).add(str(tensor))
    return {shard: frozenset(shards[shard]) for shard in sorted(shards)}


def _must_be_whole(path: Path, weights: dict[str, frozenset[str]]) -> None:
    pointers = [name for name in weights if is_lfs_pointer(path / name)]
    if pointers:
        raise _pointers(path, pointers)
    missing = [name for name in weights if not (path / name).is_file()]
    faults = [f"{name}: {_missing(path, name)}" for name in missing]
    faults += [
        f"{n}: {fault}" for n in weights if n not in missing and (fault := fault_of(path / n))
    ]
    if not faults:
        faults = _lost_tensors(path, weights)
    if faults:
        shown = "; ".join(faults[:_SHOWN])
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        what = f"The model's weights are not complete ({len(faults)} of {len(weights)} files)."
        fix = f"download these files again into this folder, or {GIVE_A_FOLDER}"
        raise _fail(path, what, shown + more, fix)


def _missing(path: Path, name: str) -> str:
    partial = [*path.glob(f"{name}*.incomplete"), *path.glob(f"{name}_[0-9]*_[0-9]*")]
    return "missing (its download was interrupted)" if partial else "missing"


def _lost_tensors(path: Path, weights: dict[str, frozenset[str]]) -> list[str]:
    """Shards that do not hold what their index says (shards of two different releases)."""
    faults = []
    for name, expected in weights.items():
        held = tensor_names(path / name)
        lost = sorted(expected - held) if held is not None else []
        if lost:
            faults.append(f"{name}: {len(lost)} tensors of the index are not in it, as {lost[0]}")
    return faults


def _pointers(path: Path, names: list[str]) -> RecipeError:
    why = f"{', '.join(names[:_SHOWN])}: a Git LFS pointer, a text of about 130 bytes, not the file"
    fix = "run `git lfs install && git lfs pull` in that folder, or " + GIVE_A_FOLDER
    return _fail(path, "The model was cloned without its large files.", why, fix)


def _must_have_code(path: Path, config: dict[str, Any]) -> None:
    """Remote code that config.json or tokenizer_config.json names must be beside it."""
    tokenizer = path / "tokenizer_config.json"
    maps = [config.get("auto_map")]
    maps += [_read_json(tokenizer).get("auto_map")] if tokenizer.is_file() else []
    wanted = sorted({f"{module}.py" for each in maps for module in _modules(each)})
    lost = [name for name in wanted if not (path / name).is_file()]
    if lost:
        why = f"auto_map names code that is not in the folder: {', '.join(lost)}"
        fix = f"download these files into this folder, or {GIVE_A_FOLDER}"
        raise _fail(path, "The model's own code is missing.", why, fix)


def _modules(value: Any) -> set[str]:
    """Modules of an auto_map; a name with ``--`` lives in another repository."""
    if isinstance(value, dict):
        return {module for each in value.values() for module in _modules(each)}
    if isinstance(value, list | tuple):
        return {module for each in value for module in _modules(each)}
    if isinstance(value, str) and "--" not in value and "." in value:
        return {value.partition(".")[0]}
    return set()


def _must_have_tokenizer(path: Path) -> None:
    found = [each for pattern in VOCABULARIES for each in path.glob(pattern) if each.is_file()]
    pointers = sorted({each.name for each in found if is_lfs_pointer(each)})
    if pointers:
        raise _pointers(path, pointers)
    if not found:
        why = "no tokenizer.json, tokenizer.model, vocab file or tokenizer code is in it"
        fix = f"download the tokenizer files into this folder, or {GIVE_A_FOLDER}"
        raise _fail(path, "The model folder has no tokenizer.", why, fix)
