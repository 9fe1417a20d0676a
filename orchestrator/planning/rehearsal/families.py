"""Which architecture a stand-in has: the recipe's own, where the engine's transformers knows it."""

from __future__ import annotations

import re

from orchestrator.envs.release import Release
from orchestrator.recipe.schema import Model

#: Model id pattern -> family. Families whose code lives in the model's own repository are stood in
#: for by the architecture they are closest to: InternLM 1 and 2 are Llama with other names.
_BY_ID = (
    (r"chatglm3|glm-?4|glm4", "glm"),
    (r"qwen-?3", "qwen3"),
    (r"qwen", "qwen2"),
    (r"mistral|zephyr", "mistral"),
    (r"gpt-?neox|pythia", "gpt_neox"),
)
DEFAULT = "llama"


def family_of(model: Model, release: Release) -> str:
    """The stand-in's family; a release may map it to one that works there (Release.standins)."""
    family = model.architecture or next(
        (name for pattern, name in _BY_ID if re.search(pattern, model.id, re.IGNORECASE)), DEFAULT
    )
    return release.standins.get(family, release.standins.get("*", family))
