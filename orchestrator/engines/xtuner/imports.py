"""The import lines a rendered config needs: exactly those of the names that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.rendering.pysource import Name

#: name -> module, in the order XTuner's own configs import them.
_SOURCES = {
    "load_dataset": "datasets",
    "DefaultSampler": "mmengine.dataset",
    "CheckpointHook": "mmengine.hooks",
    "DistSamplerSeedHook": "mmengine.hooks",
    "IterTimerHook": "mmengine.hooks",
    "LoggerHook": "mmengine.hooks",
    "ParamSchedulerHook": "mmengine.hooks",
    "AmpOptimWrapper": "mmengine.optim",
    "ConstantLR": "mmengine.optim",
    "CosineAnnealingLR": "mmengine.optim",
    "LinearLR": "mmengine.optim",
    "OptimWrapper": "mmengine.optim",
    "LoraConfig": "peft",
    "Adam": "torch.optim",
    "AdamW": "torch.optim",
    "SGD": "torch.optim",
    "AdamW8bit": "bitsandbytes.optim",
    "PagedAdamW32bit": "bitsandbytes.optim",
    "PagedAdamW8bit": "bitsandbytes.optim",
    "AutoModelForCausalLM": "transformers",
    "AutoTokenizer": "transformers",
    "BitsAndBytesConfig": "transformers",
    "process_hf_dataset": "xtuner.dataset",
    "default_collate_fn": "xtuner.dataset.collate_fns",
    "template_map_fn_factory": "xtuner.dataset.map_fns",
    "DatasetInfoHook": "xtuner.engine.hooks",
    "EvaluateChatHook": "xtuner.engine.hooks",
    "VarlenAttnArgsToMessageHubHook": "xtuner.engine.hooks",
    "TrainLoop": "xtuner.engine.runner",
    "SupervisedFinetune": "xtuner.model",
    "PROMPT_TEMPLATE": "xtuner.utils",
}
#: Where 0.1.9's configs import from instead.
_SOURCES_0_1_9 = {
    **_SOURCES,
    "DatasetInfoHook": "xtuner.engine",
    "EvaluateChatHook": "xtuner.engine",
}
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Name):
        yield from _IDENTIFIER.findall(value)[:1]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _names(inner)


def import_lines(sections: Mapping[str, Any], *, modern: bool) -> list[str]:
    """``from MODULE import NAMES`` for every known name in ``sections``, ``import torch`` first."""
    used = set(_names(sections))
    modules: dict[str, list[str]] = {}
    for name, module in (_SOURCES if modern else _SOURCES_0_1_9).items():
        if name in used:
            modules.setdefault(module, []).append(name)
    for name in sorted(n for n in used if n.endswith("_map_fn")):
        modules.setdefault("xtuner.dataset.map_fns", []).insert(0, name)
    lines = ["import torch"] if "torch" in used else []
    return [*lines, *(_wrap(module, names) for module, names in modules.items())]


def _wrap(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 88:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
