"""What a rehearsal's model is: the model's own architecture in miniature, or something else.

A stand-in of transformers' own classes proves the engine. One of the model's own config, code and
tokenizer proves the model on that engine too, so it is taken wherever those are on this disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.engines.job import Standin
from orchestrator.envs.release import Release
from orchestrator.hub.fetch import cached_files
from orchestrator.hub.folder import ModelFolder, own_code
from orchestrator.probes.shrink import CannotShrink, shrunk
from orchestrator.recipe.schema import Model
from orchestrator.recipe.trust import trusts_remote_code

Asked = Literal["own", "native"]
_TRUST = "--set model.trust_remote_code=true"


@dataclass(frozen=True)
class Choice:
    """Which of them it is, and why, in one line for the plan."""

    kind: Standin
    words: str


def choose(model: Model, release: Release, asked: Asked | None) -> Choice:
    """The stand-in of a rehearsal of ``model``; None asks for its own code where that is here.

    Raises UsageError when its own was asked for and cannot be, with the reason and the next step.
    """
    if asked == "native":
        return _without(model, release, say("as asked", "按要求"))
    try:
        folder = cached_files(model)
    except RecipeError as error:
        if asked == "own":
            raise
        return _without(model, release, f"{error.what} ({error.where}: {error.why})")
    if folder is None:
        return _to_be_fetched(model) if asked == "own" else _without(model, release, _not_here())
    against = _objection(model, folder)
    if against is None:
        return Choice("own", _own_words(model, folder))
    why, fix = against
    if asked == "own":
        what = say(
            f"No stand-in can be made of {model.id} itself.", f"无法用 {model.id} 本身制作替身。"
        )
        raise UsageError(what, where=str(folder.path), why=why, fix=fix)
    return _without(model, release, f"{why}; {fix}")


def _not_here() -> str:
    return say(
        "its own config, code and tokenizer are not on this machine; --rehearse=own fetches them, "
        "a few MB without the weights",
        "本机没有模型自己的配置、代码和分词器；--rehearse=own 会下载它们（几 MB，不含权重）",
    )


def _objection(model: Model, folder: ModelFolder) -> tuple[str, str] | None:
    """Why the model in ``folder`` cannot be its own stand-in, and what helps."""
    code = own_code(folder.path)
    if code and not trusts_remote_code(model):
        names = ", ".join(code)
        why = f"it brings code ({names}) that the recipe does not trust"
        return say(why, f"它自带代码（{names}），而配方不信任它"), say(
            f"read that code, then allow it: {_TRUST}", f"请先阅读代码，再允许运行：{_TRUST}"
        )
    try:
        shrunk(json.loads((folder.path / "config.json").read_bytes()))
    except CannotShrink as error:
        return say(*error.both), say(
            "--rehearse=native tries the engine", "--rehearse=native 可试运行引擎"
        )
    return None


def _own_words(model: Model, folder: ModelFolder) -> str:
    code = own_code(folder.path)
    files = ", ".join(code)
    whose = say(
        f"own code ({files})" if code else "own architecture, of the engine's transformers",
        f"自带代码（{files}）" if code else "自己的架构（引擎的 transformers 中的实现）",
    )
    return say(
        f"model: {model.id} -> its {whose} and tokenizer from {folder.path}, sizes shrunk, "
        "weights random",
        f"模型：{model.id} -> {folder.path} 中它{whose}和分词器，尺寸缩小，权重随机",
    )


def _to_be_fetched(model: Model) -> Choice:
    return Choice(
        "own",
        say(
            f"model: {model.id} -> its own architecture, code and tokenizer (fetched without the "
            f"weights, {model.hub}), sizes shrunk, weights random",
            f"模型：{model.id} -> 它自己的架构、代码和分词器（从 {model.hub} 下载，不含权重），"
            "尺寸缩小，权重随机",
        ),
    )


def _without(model: Model, release: Release, why: str) -> Choice:
    if not release.native_standins:
        return Choice(
            "contract",
            say(
                f"model: none. A CONTRACT rehearsal: nothing is trained, what is rendered and the "
                f"rows are checked ({why})",
                f"模型：无。这是约定预演（CONTRACT）：不训练，只检查生成的文件和数据（{why}）",
            ),
        )
    return Choice(
        "native",
        say(
            f"model: {model.id} -> a tiny stand-in made here (nothing is downloaded): not its own "
            f"code, a native architecture with a tokenizer made from the rows ({why})",
            f"模型：{model.id} -> 本机生成的极小替身（不下载）：不是它自己的代码，"
            f"而是 transformers 自带的架构，分词器由数据生成（{why}）",
        ),
    )
