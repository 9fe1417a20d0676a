"""``engine_options``: which native key belongs to which file, and which can be none at all.

A release's keys and the words that they take stand in ``words/``; the engine's own parser is asked
again in the check stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_tools.nearest import nearest
from orchestrator.base.language import say
from orchestrator.base.text import listed, shown
from orchestrator.engines.llamafactory.words import Kind, Words
from orchestrator.recipe.faults import Objection

#: Keys of the model and tokenizer that training and export must agree on.
SHARED = frozenset(
    {
        "add_special_tokens",
        "add_tokens",
        "cache_dir",
        "default_system",
        "finetuning_type",
        "mixture_of_depths",
        "model_revision",
        "new_special_tokens",
        "new_special_tokens_config",
        "resize_vocab",
        "rope_scaling",
        "split_special_tokens",
        "template",
        "tool_format",
        "use_fast_tokenizer",
        "visual_inputs",
    }
)
#: Keys of the export alone, beside those that begin with ``export_``.
EXPORT_ONLY = frozenset({"infer_dtype", "offload_folder"})
#: What a run decides itself, and why: an example of the engine pasted whole holds them too.
OWNED = {
    "model_name_or_path": (
        "the recipe's model is used: set model.id or model.path",
        "使用配方的模型：请设置 model.id 或 model.path",
    ),
    "trust_remote_code": (
        "set model.trust_remote_code, which is shown in the plan",
        "请设置 model.trust_remote_code，计划中会显示它",
    ),
    "output_dir": ("a run keeps its own output folder", "每次运行有自己的输出文件夹"),
    "export_dir": ("a run keeps its own merged folder", "每次运行有自己的合并文件夹"),
    "resume_from_checkpoint": (
        "a run goes on from its own newest checkpoint",
        "每次运行从自己最新的检查点继续",
    ),
    "do_train": ("the train stage always trains", "train 阶段总是训练"),
}
_LAUNCHER = (
    "only the engine's own launcher is wrapped: train.gpus on one machine, and NNODES, "
    "NODE_RANK, MASTER_ADDR and MASTER_PORT of the environment for several",
    "只支持引擎自己的启动器：一台机器用 train.gpus，多台机器用环境变量 NNODES、NODE_RANK、"
    "MASTER_ADDR 和 MASTER_PORT",
)


def _other(english: str, chinese: str) -> tuple[str, str]:
    """Why another launcher is not for this recipe, and which one is."""
    return f"{english}; {_LAUNCHER[0]}", f"{chinese}；{_LAUNCHER[1]}"


#: Keys that another launcher reads.
_RAY = frozenset({"ray_num_workers", "ray_init_kwargs", "master_addr", "master_port"})
#: Variables that choose another launcher, or say what a key of the recipe says.
_VARIABLES = {
    "USE_V1": _other(
        "the engine's other trainer reads other files", "引擎的另一个训练器读取别的文件"
    ),
    "USE_RAY": _other("Ray is not in the engine's environment", "引擎的环境中没有 Ray"),
    "USE_MCA": _other(
        "Megatron (mcore_adapter) is not in the engine's environment",
        "引擎的环境中没有 Megatron（mcore_adapter）",
    ),
    "ACCELERATE": _other("accelerate's own launcher sets it", "它由 accelerate 自己的启动器设置"),
    "NPROC_PER_NODE": ("the recipe's own key is train.gpus", "配方自己的键是 train.gpus"),
}


@dataclass(frozen=True)
class Placed:
    """``train`` and ``export``: keys for each file; ``ignored``: key and reason, in words."""

    train: Mapping[str, Any]
    export: Mapping[str, Any]
    ignored: tuple[str, ...]


def place(options: Mapping[str, Any]) -> Placed:
    """Sort native keys by the file that they belong to."""
    train: dict[str, Any] = {}
    export: dict[str, Any] = {}
    ignored = []
    for key, value in options.items():
        if key in OWNED:
            ignored.append(
                say(
                    f"engine_options.{key} is not used: {say(*OWNED[key])}",
                    f"不使用 engine_options.{key}：{say(*OWNED[key])}",
                )
            )
        elif key.startswith("export_") or key in EXPORT_ONLY:
            export[key] = value
        else:
            train[key] = value
            if key in SHARED:
                export[key] = value
    return Placed(train, export, tuple(ignored))


def objections(options: Mapping[str, Any], words: Words) -> Iterator[Objection]:
    """Keys that the release does not know, values that they do not take, launchers."""
    known = {**words.train, **words.export}
    for key, value in options.items():
        at = f"engine_options.{key}"
        if key not in known:
            what = say("the engine knows no such key", "引擎没有这个键")
            yield Objection(
                at,
                what,
                say("it stands in no class of its arguments", "它不在引擎的任何参数类中"),
                nearest(key, known),
            )
        elif value is None or key in OWNED:
            continue
        elif key in _RAY:
            yield Objection(
                at,
                say("Ray is not in the engine's environment", "引擎的环境中没有 Ray"),
                say(*_LAUNCHER),
            )
        else:
            yield from _value_objections(at, key, value, known[key])


def _value_objections(at: str, key: str, value: Any, kind: Kind) -> Iterator[Objection]:
    if not isinstance(kind, str):
        if value not in kind:
            takes = listed([str(word) for word in kind])
            near = nearest(str(value), map(str, kind))
            yield Objection(
                at,
                say(f"cannot be {shown(value)}", f"不能是 {shown(value)}"),
                say(f"it takes {takes}", f"它可以是 {takes}"),
                near,
            )
    elif kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        why = (
            say(
                "YAML 1.1 takes 1e-4 for text: it wants 1.0e-4",
                "YAML 1.1 把 1e-4 当作文本：请写 1.0e-4",
            )
            if isinstance(value, str)
            else ""
        )
        yield Objection(
            at,
            say(f"must be a number, not {shown(value)}", f"必须是数字，而不是 {shown(value)}"),
            why,
        )
    elif kind == "flag" and not isinstance(value, bool):
        yield Objection(
            at,
            say(
                f"must be true or false, not {shown(value)}",
                f"必须是 true 或 false，而不是 {shown(value)}",
            ),
        )
    elif key == "deepspeed" and isinstance(value, str) and not Path(value).is_absolute():
        why = say(
            f"{value} would be looked for in the run; say train.deepspeed, or an absolute path",
            f"会在运行目录中查找 {value}；请设置 train.deepspeed，或写绝对路径",
        )
        yield Objection(at, say("is a relative path", "是相对路径"), why)
    elif "???" in _texts(value):
        yield Objection(
            at,
            say("the text ??? cannot be a value", "文本 ??? 不能作为值"),
            say("OmegaConf takes it for a missing one", "OmegaConf 把它当作缺失的值"),
        )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def variable_objections(env: Mapping[str, str]) -> Iterator[Objection]:
    """Variables that would choose another launcher, or another number of processes."""
    for name in env:
        other = "ACCELERATE" if name.startswith("ACCELERATE_") else name
        if other in _VARIABLES:
            yield Objection(
                f"env.{name}",
                say("is not the recipe's to set", "不能由配方设置"),
                say(*_VARIABLES[other]),
            )
