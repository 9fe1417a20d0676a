"""Which models bring their own code: transformers loads it only when it is told to trust it."""

from __future__ import annotations

import re

from orchestrator.recipe.schema import Model

#: Model ids whose weights are laid out for code in their own repository (``auto_map`` in their
#: config.json). The check stage looks into the folder itself, whatever the id.
_BRINGS_CODE = re.compile(
    r"internlm(?!3)|chatglm|glm-4-9b(?!.*-hf)|baichuan|qwen-\d|minicpm(?!-?4)|xverse|yuan2",
    re.IGNORECASE,
)


def needs_remote_code(model: Model) -> bool:
    """Whether the model's id says so."""
    return bool(_BRINGS_CODE.search(model.id.rpartition("/")[2]))
