"""What a recipe says, as the values of a config template. Structure stands in the template.

A template sees the recipe's own sections (`train`, `data`, `evaluate`), so `null` there is what the
reference config of that family says; here is only what has to be worked out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.xtuner.capabilities import WARM_UP
from orchestrator.engines.xtuner.template_names import template
from orchestrator.envs.release import Release
from orchestrator.recipe.schema import Model, Recipe
from orchestrator.recipe.trust import trusts_remote_code
from orchestrator.rendering.pysource import Name

DTYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
#: Optimizers offered by name, and where each is imported from.
OPTIMIZERS = {
    "AdamW": "torch.optim",
    "Adam": "torch.optim",
    "SGD": "torch.optim",
    "PagedAdamW32bit": "bitsandbytes.optim",
    "PagedAdamW8bit": "bitsandbytes.optim",
    "AdamW8bit": "bitsandbytes.optim",
}
SCHEDULERS = ("cosine", "linear", "constant")
#: Where the curves go: the words of `train.report_to` and mmengine's classes.
TRACKERS = {
    "tensorboard": "TensorboardVisBackend",
    "wandb": "WandbVisBackend",
    "mlflow": "MLflowVisBackend",
    "clearml": "ClearMLVisBackend",
    "neptune": "NeptuneVisBackend",
    "dvclive": "DVCLiveVisBackend",
    "aim": "AimVisBackend",
}
KERNELS = {"fa2": "flash_attention_2", "sdpa": "sdpa"}
#: How XTuner's own configs load the tokenizer of a model family; all others pad on the right.
TOKENIZERS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("chatglm2", {"padding_side": "left"}),
    ("chatglm3", {"encode_special_tokens": True, "padding_side": "left"}),
    (r"qwen[-_](\d+|1[._]8)b[-_]chat", {"padding_side": "right", "eos_token": "<|im_end|>"}),
    (r"qwen[-_](\d+|1[._]8)b", {"padding_side": "right", "eos_token": "<|endoftext|>"}),
    (r"minicpm-", {"padding_side": "right", "eos_token": "</s>"}),
)


class DataSet(NamedTuple):
    """One data set of a config: its variable, where its rows are, and what maps them."""

    name: Name
    path_name: Name
    path: str
    from_file: bool
    map_fn: Name | None
    subset: str | None = None
    split: str | None = None


class Optimizer(NamedTuple):
    """An optimizer class and the module that has it; SGD takes no betas."""

    module: Name
    name: Name
    betas: bool


def values(job: Job) -> dict[str, Any]:
    """Everything that a config template may print."""
    recipe = job.recipe
    sets = data_sets(job)
    pretraining = recipe.train.stage == "pt"
    mapped = {item.map_fn for item in sets if item.map_fn}
    return {
        "title": recipe.title,
        "source": recipe.source,
        "name": job.name,
        "version": job.release.version,
        "rehearsal": job.rehearsal,
        "train": recipe.train,
        "data": recipe.data,
        "evaluate": recipe.evaluate,
        "model_path": job.model,
        "template": Name(template(recipe)),
        "trust_remote_code": trusts_remote_code(recipe.model),
        "tokenizer_arguments": tokenizer_arguments(recipe.model, standin=job.standin == "native"),
        "datasets": sets,
        "set_names": [item.name for item in sets],
        "map_fns": sorted({*mapped, *([] if pretraining else ["template_map_fn_factory"])}),
        "optimizer": optimizer(recipe, job.release),
        "warmup_ratio": warmup_ratio(recipe, job.release),
        "schedule_imports": _schedule_imports(recipe, job.release),
        "dtype": dtype(recipe),
        "trackers": [Name(TRACKERS[word]) for word in recipe.train.report_to or ()],
        "attention": KERNELS.get(recipe.train.flash_attention or ""),
        # XTuner's hook formats the system text twice, so its own braces are doubled once.
        "system": (recipe.evaluate.system or "").replace("{", "{{").replace("}", "}}"),
    }


def tokenizer_arguments(model: Model, *, standin: bool = False) -> dict[str, object]:
    """How XTuner's own configs of the model's family load its tokenizer.

    A rehearsal's stand-in has a tokenizer without the family's special tokens.
    """
    name = re.split(r"[/\\]", model.id.rstrip("/\\"))[-1].casefold()
    known = (arguments for family, arguments in TOKENIZERS if re.match(family, name))
    arguments = dict(next(known, {"padding_side": "right"}))
    if standin:
        arguments.pop("eos_token", None)
    return arguments


def dtype(recipe: Recipe) -> str:
    """XTuner's reference configs train in fp16 with a dynamic loss scale."""
    precision = recipe.train.precision
    return DTYPES["fp16" if precision == "auto" else precision]


def optimizer(recipe: Recipe, release: Release) -> Optimizer:
    """The recipe's, else the reference's: 0.1.9's QLoRA configs use a paged 32-bit AdamW."""
    paged = WARM_UP not in release.capabilities and recipe.train.method == "qlora"
    name = recipe.train.optimizer or ("PagedAdamW32bit" if paged else "AdamW")
    return Optimizer(Name(OPTIMIZERS.get(name, "torch.optim")), Name(name), name != "SGD")


def warmup_ratio(recipe: Recipe, release: Release) -> float:
    """The share of the training that warms up: 0.03 in 0.2.0's configs, none in 0.1.9's."""
    if recipe.train.warmup_ratio is not None:
        return recipe.train.warmup_ratio
    return 0.03 if WARM_UP in release.capabilities else 0.0


def _schedule_imports(recipe: Recipe, release: Release) -> list[str]:
    wrapper = "OptimWrapper" if dtype(recipe) == "float32" else "AmpOptimWrapper"
    main = {"linear": "LinearLR", "constant": "ConstantLR"}.get(recipe.train.scheduler or "")
    warm = ["LinearLR"] if warmup_ratio(recipe, release) else []
    return sorted({wrapper, main or "CosineAnnealingLR", *warm})


def data_sets(job: Job) -> list[DataSet]:
    """The hub's data sets in the order of the recipe, then the run's own file of rows."""
    sets = [_hub_set(found, job) for found in job.hub_sources]
    if job.train_file:
        map_fn = _map_fn(job.file_map_fn, job)
        sets.append(DataSet(Name(""), Name(""), job.train_file, True, map_fn))
    if len(sets) == 1:
        return [sets[0]._replace(name=Name("train_dataset"), path_name=Name("data_path"))]
    return _numbered(sets)


def _hub_set(found: FoundSource, job: Job) -> DataSet:
    source = found.source
    path = source.dataset or ""
    map_fn = _map_fn(source.map_fn, job)
    return DataSet(Name(""), Name(""), path, False, map_fn, source.subset, source.split)


def _map_fn(name: str | None, job: Job) -> Name | None:
    if name is None and job.recipe.train.stage == "pt":
        return Name("pretrain_map_fn")
    return None if name is None else Name(name)


def _numbered(sets: list[DataSet]) -> list[DataSet]:
    """Variables named after the data sets, as XTuner's configs do: alpaca_en, alpaca_en_path."""
    named: list[DataSet] = []
    taken: set[str] = set()
    for item in sets:
        plain = "own_rows" if item.from_file else _variable(item.path)
        name, number = plain, 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        named.append(item._replace(name=Name(name), path_name=Name(f"{name}_path")))
    return named


def _variable(path: str) -> str:
    """``tatsu-lab/alpaca-en`` as ``alpaca_en_data``: no other variable of a config ends so."""
    last = path.rstrip("/").rpartition("/")[2].casefold()
    words = re.sub(r"[^0-9a-z]+", "_", last).strip("_")
    return f"set_{words}_data" if words[:1].isdigit() else f"{words or 'hub'}_data"
