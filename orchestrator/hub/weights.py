"""Are a model folder's weights whole? Looks at names, sizes and headers; never loads a tensor."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.language import say
from orchestrator.base.tensor import DamagedWeights
from orchestrator.base.weights import tensors
from orchestrator.hub.unfit import (
    give_a_folder,
    listed,
    must_be_no_pointer,
    read_json,
    unfit,
    what_is_there,
)

_INDEX = {
    "model.safetensors": "model.safetensors.index.json",
    "pytorch_model.bin": "pytorch_model.bin.index.json",
}


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
                f"download {index} into the same folder, or {give_a_folder()}",
                f"把 {index} 下载到同一文件夹，或{give_a_folder()}",
            )
            raise unfit(
                path,
                say(f"The model folder has no {index}.", f"模型文件夹中没有 {index}。"),
                why,
                fix,
            )
    why = say(
        f"no {' or '.join(_INDEX)} and no index of shards; {what_is_there(path)}",
        f"没有 {' 或 '.join(_INDEX)}，也没有分片索引；{what_is_there(path)}",
    )
    fix = say(
        f"download the weights into this folder, or {give_a_folder()}",
        f"把权重下载到该文件夹，或{give_a_folder()}",
    )
    raise unfit(path, say("The model folder has no weights.", "模型文件夹中没有权重。"), why, fix)


def _by_shard(index: Path) -> dict[str, set[str]]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise unfit(
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
    must_be_no_pointer(*(path / name for name in weights))
    told = {name: _count(path / name, expected) for name, expected in weights.items()}
    faults = [f"{name}: {fault}" for name, fault in told.items() if isinstance(fault, str)]
    if faults:
        what = say(
            f"The model's weights are not complete ({len(faults)} of {len(weights)} files).",
            f"模型的权重不完整（{len(weights)} 个文件中有 {len(faults)} 个有问题）。",
        )
        fix = say(
            f"download these files again into this folder, or {give_a_folder()}",
            f"把这些文件重新下载到该文件夹，或{give_a_folder()}",
        )
        raise unfit(path, what, listed(faults, "; "), fix)
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
