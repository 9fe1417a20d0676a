"""Whether a model's own Python code may run: tied to its owner, its name and its revision.

transformers runs code of a repository when it is told ``trust_remote_code=True``. Engines ask
here; no template says it by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.base.language import say

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

#: The hubs' main branches: what is taken when a recipe names no revision.
MAIN_BRANCH = {"modelscope": "master", "huggingface": "main"}
#: (hub, id) -> revisions whose code the shipped recipes were made for.
TRUSTED: dict[tuple[str, str], tuple[str, ...]] = {
    ("modelscope", "Shanghai_AI_Laboratory/internlm-chat-7b"): ("v1.0.3",),
    ("modelscope", "Shanghai_AI_Laboratory/internlm2_5-7b-chat"): ("master",),
    ("modelscope", "ZhipuAI/chatglm3-6b"): ("master",),
    ("modelscope", "ZhipuAI/glm-4-9b-chat"): ("master",),
    ("modelscope", "Shanghai_AI_Laboratory/internlm-xcomposer2-vl-7b"): ("master",),
}


def trusts_remote_code(model: Model) -> bool:
    """Whether code that the model brings may run in the engine.

    ``model.trust_remote_code`` decides when the recipe says it. Otherwise only what a shipped
    recipe names is trusted, at the very revision; a folder has no owner and is never trusted so.
    """
    if model.trust_remote_code is not None:
        return model.trust_remote_code
    return not _is_folder(model) and _revision(model) in TRUSTED.get((model.hub, model.id), ())


def trust_in_words(model: Model) -> str:
    """One line for the plan: whether the model's own code runs, and whose code that is."""
    whose = _whose(model)
    if not trusts_remote_code(model):
        allow = "--set model.trust_remote_code=true"
        return say(
            f"code that the model brings is not run ({whose}); to allow it: {allow}",
            f"不运行模型自带的代码（{whose}）；要允许：{allow}",
        )
    if model.trust_remote_code is None:
        return say(
            f"code that the model brings is run: {whose}, known from a shipped recipe",
            f"会运行模型自带的代码：{whose}，来自自带配方",
        )
    return say(
        f"code that the model brings is run: {whose}, as model.trust_remote_code says",
        f"会运行模型自带的代码：{whose}，由 model.trust_remote_code 指定",
    )


def _is_folder(model: Model) -> bool:
    return model.path is not None or model.hub == "local"


def _revision(model: Model) -> str:
    return model.revision or MAIN_BRANCH.get(model.hub, "")


def _whose(model: Model) -> str:
    if _is_folder(model):
        folder = model.path or model.id
        return say(f"whatever lies in {folder}", f"{folder} 里的一切")
    at = f"{model.id}@{_revision(model)}"
    if _revision(model) == MAIN_BRANCH[model.hub]:
        moves = say("a branch that may move", "分支，内容会变")
        return f"{at} ({moves})"
    return at
