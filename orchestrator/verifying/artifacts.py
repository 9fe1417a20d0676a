"""Whether what a stage was to leave behind is there, new and whole. No exit code is asked.

Each check takes a path and returns facts for the record (JSON values); it raises
:class:`RecipeError` with what is wrong. Failures 1, 19, 21, 23 and 25 of XTuner's users are why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.plan import Artifact, Facts, Proof
from orchestrator.base.tensor import DamagedWeights, Tensor, is_zero
from orchestrator.base.weights import tensors
from orchestrator.hub.folder import whole_weights
from orchestrator.verifying import soundness
from orchestrator.verifying.content import stamps
from orchestrator.verifying.faults import diverged as diverged
from orchestrator.verifying.faults import wrong as wrong

_ADAPTER_KEY = re.compile(
    r"^(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<side>A|B|embedding_A|embedding_B)"
    r"(?:\.\w+)?(?:\.weight)?$"
)


def verify(
    artifact: Artifact, root: Path, *, before: Mapping[str, object], base: Path | None = None
) -> Facts:
    """Check one artifact under ``root``; the stage must have written some of it.

    ``before`` are the :func:`~orchestrator.verifying.content.stamps` of its path from before the
    stage began: no clock is asked.
    """
    path = root / artifact.path
    if not path.exists():
        raise wrong(
            say(f"the stage made no {artifact.path}", f"该阶段没有生成 {artifact.path}"), path
        )
    facts = artifact.proof.check(path, base)
    if artifact.proof.is_new and not stamps(path).items() - before.items():
        raise wrong(
            say(
                f"the stage wrote nothing new to {artifact.path}",
                f"该阶段没有向 {artifact.path} 写入任何新内容",
            ),
            path,
        )
    return facts


def finite(found: soundness.Weights, what: str, path: Path, base: soundness.Weights) -> None:
    """RecipeError when a tensor of ``what`` holds NaN or an infinity, and the base's does not."""
    if fault := soundness.not_finite(found, base):
        raise diverged(
            say(f"{what} holds NaN or infinite weights", f"{what}含有 NaN 或无穷大的权重"),
            path,
            fault,
        )


def _sound(found: soundness.Weights, what: str, path: Path, base: soundness.Weights) -> None:
    if fault := soundness.empty(found, base):
        why = say(
            f"{fault}: its parts were left on the GPUs and not gathered",
            f"{fault}：这些参数分片留在了各 GPU 上，没有汇总",
        )
        raise wrong(
            say(f"{what} holds weights without values", f"{what}含有没有数值的权重"), path, why
        )
    finite(found, what, path, base)
    if fault := soundness.zero(found, base):
        raise wrong(
            say(f"{what} holds weights that are zero", f"{what}含有全为零的权重"), path, fault
        )


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file by name; RecipeError when it is damaged."""
    try:
        return tensors(path)
    except DamagedWeights as error:
        raise wrong(
            say(f"the file {path.name} cannot be loaded", f"文件 {path.name} 无法加载"),
            path,
            str(error),
        ) from error


# ------------------------------------------------------------------ one check a kind


def check_file(path: Path, _base: Path | None) -> Facts:
    """A file that is not empty."""
    size = path.stat().st_size
    if size == 0:
        raise wrong(say(f"the file {path.name} is empty", f"文件 {path.name} 是空的"), path)
    return {"bytes": size}


def _rows(path: Path, _base: Path | None) -> Facts:
    with path.open("rb") as stream:
        count = sum(1 for line in stream if line.strip())
    if count == 0:
        raise wrong(
            say(f"the file {path.name} holds no row", f"文件 {path.name} 没有一行数据"), path
        )
    return {"rows": count}


def _check_report(path: Path, _base: Path | None) -> Facts:
    report: Facts = json.loads(path.read_text(encoding="utf-8"))
    faults = report.get("faults") or []
    if faults:
        first, *rest = faults
        raise RecipeError(
            first["what"],
            where=first.get("where"),
            why=first.get("why"),
            fix="\n".join(
                [
                    first.get("fix") or "",
                    *(say(f"also: {one['what']}", f"另外：{one['what']}") for one in rest),
                ]
            ),
        )
    return report


def _adapter(path: Path, base: Path | None) -> Facts:
    config = json_of(
        path / "adapter_config.json",
        say("the adapter has no adapter_config.json", "适配器没有 adapter_config.json"),
    )
    files = [path / f"adapter_model.{end}" for end in ("safetensors", "bin")]
    present = [file for file in files if file.is_file()]
    if not present:
        raise wrong(
            say("the adapter has no weights", "适配器没有权重"),
            path,
            say(
                "no adapter_model.safetensors or .bin",
                "没有 adapter_model.safetensors，也没有 .bin",
            ),
        )
    found = tensors_of(present[0])
    sides: dict[str, set[str]] = {}
    for key in found:
        match = _ADAPTER_KEY.match(key)
        if match:
            sides.setdefault(match["module"], set()).add(match["side"][-1])
    whole = {module for module, both in sides.items() if both == {"A", "B"}}
    if not whole or len(whole) < len(sides):
        raise wrong(
            say("the adapter is not whole", "适配器不完整"),
            present[0],
            say("a module has only one of A and B", "有模块只有 A、B 两个矩阵之一"),
        )
    _every_target(whole, config.get("target_modules"), base, present[0])
    _does_something(found, present[0])
    _sound(found, say("the adapter", "适配器"), present[0], {})
    return {"modules": len(whole), "tensors": len(found), "rank": config.get("r")}


def json_of(path: Path, missing: str) -> Facts:
    """A JSON file's content; RecipeError saying ``missing`` when it is not there."""
    try:
        value: Facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise wrong(missing, path.parent) from None
    except ValueError as error:
        raise wrong(
            say(f"the file {path.name} is not JSON", f"文件 {path.name} 不是 JSON"),
            path,
            str(error),
        ) from error
    return value


def _every_target(
    found: set[str], targets: list[str] | str | None, base: Path | None, file: Path
) -> None:
    """Every linear module of the base model that ``targets`` names must have its pair."""
    weights = _base_weight_names(base) if base is not None else None
    if not weights or not targets:
        return
    modules = {name[: -len(".weight")] for name in weights if name.endswith(".weight")}
    if isinstance(targets, str):
        wanted = {module for module in modules if re.fullmatch(targets, module)}
    else:
        ends = tuple(f".{target}" for target in targets)
        wanted = {module for module in modules if f".{module}".endswith(ends)}
    missing = sorted(wanted - found)
    # A base whose file names differ from its module names shares none: nothing to compare then.
    if missing and wanted & found:
        raise wrong(
            say(
                f"the adapter lacks {len(missing)} of {len(wanted)} modules",
                f"适配器缺少 {len(wanted)} 个模块中的 {len(missing)} 个",
            ),
            file,
            say(
                f"its LoRA targets also give {missing[0]}", f"它的 LoRA 目标模块还包括 {missing[0]}"
            ),
        )


def _base_weight_names(base: Path) -> list[str] | None:
    """The names of a model folder's weights; None when they cannot be read without torch."""
    for index in sorted(base.glob("*.index.json")):
        return list(json.loads(index.read_text(encoding="utf-8")).get("weight_map", {}))
    return list(soundness.weights_of(base) or ()) or None


def _does_something(found: dict[str, Tensor], file: Path) -> None:
    for side in "BA":
        mine = [one for name, one in found.items() if re.search(rf"lora_(embedding_)?{side}", name)]
        if all(is_zero(tensor) for tensor in mine):
            raise wrong(
                say(
                    f"the adapter does nothing: every lora_{side} weight is zero",
                    f"适配器不起作用：所有 lora_{side} 权重都为零",
                ),
                file,
                say(
                    "the checkpoint and the config do not belong together, or no optimizer step "
                    "was taken",
                    "检查点与配置不匹配，或优化器一步也没有更新",
                ),
            )


def _model(path: Path, base: Path | None) -> Facts:
    config = json_of(
        path / "config.json", say("the model has no config.json", "模型没有 config.json")
    )
    try:
        weights = whole_weights(path)
    except RecipeError as error:
        raise wrong(error.what.rstrip(".。"), path, error.why) from error
    if not any((path / name).is_file() for name in _TOKENIZER_FILES):
        raise wrong(say("the model has no tokenizer", "模型没有分词器"), path)
    total = sum((path / name).stat().st_size for name in weights)
    facts: Facts = {"shards": len(weights), "tensors": sum(weights.values()), "bytes": total}
    found = {key: one for name in weights for key, one in tensors_of(path / name).items()}
    itself = base is None or base.resolve() == path.resolve()
    before = {} if base is None or itself else soundness.weights_of(base) or {}
    _sound(found, say("the model", "模型"), path, before)
    if fault := soundness.missing_layers(found, config, before):
        raise wrong(
            say("the model has fewer layers than it should have", "模型的层数比应有的少"),
            path,
            fault,
        )
    changed = soundness.changed(found, before)
    if changed == 0:
        raise wrong(
            say(
                "the model is the base model: training changed none of its weights",
                "模型与基座模型相同：训练没有改变它的任何权重",
            ),
            path,
            say(
                "the adapter was not merged into it, or its change is smaller than the precision "
                "in which the model is stored",
                "适配器没有合并进去，或改动小于模型保存时的精度",
            ),
            say(
                "look at the loss in the log of train: a loss that does not fall asks for a higher "
                "train.learning_rate or more steps; then train again",
                "查看 train 日志中的损失：若没有下降，请提高 train.learning_rate 或增加步数；"
                "然后重新训练",
            ),
        )
    return facts if changed is None else {**facts, "changed": changed}


_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")


FILE = Proof(name="file", check=check_file)
ROWS = Proof(name="rows", check=_rows)
CHECK = Proof(name="check", check=_check_report, tells_cause=True)
ADAPTER = Proof(name="adapter", check=_adapter, marker="adapter_config.json")
MODEL = Proof(name="model", check=_model, marker="config.json")
