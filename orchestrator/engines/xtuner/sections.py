"""PARTs 2 to 5 of a rendered config: model, data, optimizer, schedule, hooks.

Each function returns one section as a mapping whose :class:`Name` values are printed bare.
"""

from __future__ import annotations

from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.engines.job import Job
from orchestrator.engines.xtuner.settings import plain_number, warmup_ratio
from orchestrator.recipe.schema import Recipe
from orchestrator.rendering.pysource import Name

TORCH_DTYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}

# PART 2


def tokenizer() -> dict[str, Any]:
    return {
        "type": Name("AutoTokenizer.from_pretrained"),
        "pretrained_model_name_or_path": Name("pretrained_model_name_or_path"),
        "trust_remote_code": True,
        "padding_side": "right",
    }


def precision(recipe: Recipe) -> str:
    """XTuner's reference configs train in fp16 with a dynamic loss scale."""
    return "fp16" if recipe.train.precision == "auto" else recipe.train.precision


def model(recipe: Recipe, modern: bool) -> dict[str, Any]:
    train = recipe.train
    dtype = Name(f"torch.{TORCH_DTYPES[precision(recipe)]}")
    llm: dict[str, Any] = {
        "type": Name("AutoModelForCausalLM.from_pretrained"),
        "pretrained_model_name_or_path": Name("pretrained_model_name_or_path"),
        "trust_remote_code": True,
    }
    if train.method != "full" or train.precision in ("bf16", "fp32"):
        llm["torch_dtype"] = dtype
    if train.flash_attention in ("fa2", "sdpa"):
        kernel = {"fa2": "flash_attention_2", "sdpa": "sdpa"}[train.flash_attention]
        llm["attn_implementation"] = kernel
    if train.method == "qlora":
        llm["quantization_config"] = _quantization(recipe, dtype)
    model: dict[str, Any] = {"type": Name("SupervisedFinetune")}
    if modern:
        model["use_varlen_attn"] = Name("use_varlen_attn")
    model["llm"] = llm
    if train.method != "full":
        model["lora"] = _lora(recipe)
    if train.gradient_checkpointing is False:
        model["use_activation_checkpointing"] = False
    return model


def _quantization(recipe: Recipe, dtype: Name) -> dict[str, Any]:
    quantization = recipe.train.quantization
    return {
        "type": Name("BitsAndBytesConfig"),
        "load_in_4bit": quantization.bits == 4,
        "load_in_8bit": quantization.bits == 8,
        "llm_int8_threshold": 6.0,
        "llm_int8_has_fp16_weight": False,
        "bnb_4bit_compute_dtype": dtype,
        "bnb_4bit_use_double_quant": quantization.double,
        "bnb_4bit_quant_type": quantization.type,
    }


#: What every LoRA config of the reference family says.
REFERENCE_RANK, REFERENCE_ALPHA, REFERENCE_DROPOUT = 64, 16, 0.1


def _lora(recipe: Recipe) -> dict[str, Any]:
    lora = recipe.train.lora
    adapter: dict[str, Any] = {
        "type": Name("LoraConfig"),
        "r": lora.rank or REFERENCE_RANK,
        "lora_alpha": plain_number(REFERENCE_ALPHA if lora.alpha is None else lora.alpha),
        "lora_dropout": plain_number(REFERENCE_DROPOUT if lora.dropout is None else lora.dropout),
        "bias": "none",
        "task_type": "CAUSAL_LM",
    }
    if lora.targets:
        adapter["target_modules"] = list(lora.targets)
    if lora.dora:
        adapter["use_dora"] = True
    if lora.rslora:
        adapter["use_rslora"] = True
    return adapter


# PART 3


def train_dataset(job: Job, modern: bool) -> dict[str, Any]:
    loader: dict[str, Any] = {"type": Name("load_dataset")}
    if job.train_file is None:
        loader["path"] = Name("data_path")
    else:
        loader.update(path="json", data_files={"train": Name("data_path")})
    map_fn = job.recipe.data.sources[0].map_fn
    dataset: dict[str, Any] = {
        "type": Name("process_hf_dataset"),
        "dataset": loader,
        "tokenizer": Name("tokenizer"),
        "max_length": Name("max_length"),
        "dataset_map_fn": Name(map_fn_name(map_fn)) if map_fn else None,
        "template_map_fn": {
            "type": Name("template_map_fn_factory"),
            "template": Name("prompt_template"),
        },
        "remove_unused_columns": True,
        "shuffle_before_pack": job.recipe.data.shuffle,
        "pack_to_max_length": Name("pack_to_max_length"),
    }
    if modern:
        dataset["use_varlen_attn"] = Name("use_varlen_attn")
        if job.rehearsal:
            dataset["map_num_proc"] = 1
    return dataset


def map_fn_name(name: str) -> str:
    """A map function of ``xtuner.dataset.map_fns``; anything but a plain name is refused."""
    if not name.isidentifier() or not name.endswith("_map_fn"):
        raise UsageError(
            f"{name!r} cannot be one of XTuner's map functions.",
            where="data.sources.0.map_fn",
            fix="use a name of xtuner.dataset.map_fns, for example oasst1_map_fn or alpaca_map_fn",
        )
    return name


def train_dataloader(modern: bool) -> dict[str, Any]:
    collate: dict[str, Any] = {"type": Name("default_collate_fn")}
    if modern:
        collate["use_varlen_attn"] = Name("use_varlen_attn")
    return {
        "batch_size": Name("batch_size"),
        "num_workers": Name("dataloader_num_workers"),
        "dataset": Name("train_dataset"),
        "sampler": {"type": Name("DefaultSampler"), "shuffle": True},
        "collate_fn": collate,
    }


# PART 4


def optim_wrapper(recipe: Recipe) -> dict[str, Any]:
    optimizer: dict[str, Any] = {"type": Name("optim_type"), "lr": Name("lr")}
    if recipe.train.optimizer != "SGD":  # SGD has no betas
        optimizer["betas"] = Name("betas")
    optimizer["weight_decay"] = Name("weight_decay")
    dtype = TORCH_DTYPES[precision(recipe)]
    wrapper: dict[str, Any] = {
        "type": Name("OptimWrapper" if dtype == "float32" else "AmpOptimWrapper"),
        "optimizer": optimizer,
        "clip_grad": {"max_norm": Name("max_norm"), "error_if_nonfinite": False},
        "accumulative_counts": Name("accumulative_counts"),
    }
    if dtype != "float32":
        wrapper.update(loss_scale="dynamic", dtype=dtype)
    return wrapper


def param_scheduler(recipe: Recipe, modern: bool) -> Any:
    by_epoch = recipe.train.max_steps is None
    total = "max_epochs" if by_epoch else "max_iters"
    warm = bool(warmup_ratio(recipe, modern))
    span = {"by_epoch": by_epoch}
    convert = {"convert_to_iter_based": True} if by_epoch else {}
    if not modern and not warm and recipe.train.scheduler in (None, "cosine"):
        return {
            "type": Name("CosineAnnealingLR"),
            "eta_min": 0.0,
            **span,
            "T_max": Name(total),
            **convert,
        }
    begin: Any = 0
    steps = []
    if warm:
        begin = Name(f"warmup_ratio * {total}" if by_epoch else f"int(warmup_ratio * {total})")
        first = {"type": Name("LinearLR"), "start_factor": 1e-5, **span, "begin": 0, "end": begin}
        steps.append({**first, **convert})
    after = {**span, "begin": begin, "end": Name(total), **convert}
    return [*steps, {**_main_schedule(recipe.train.scheduler), **after}]


def _main_schedule(scheduler: str | None) -> dict[str, Any]:
    if scheduler == "linear":
        return {"type": Name("LinearLR"), "start_factor": 1.0, "end_factor": 0.0}
    if scheduler == "constant":
        return {"type": Name("ConstantLR"), "factor": 1.0}
    return {"type": Name("CosineAnnealingLR"), "eta_min": 0.0}


def train_cfg(recipe: Recipe, modern: bool) -> dict[str, Any]:
    if recipe.train.max_steps is None:
        length: dict[str, Any] = {"max_epochs": Name("max_epochs")}
        return (
            {"type": Name("TrainLoop"), **length}
            if modern
            else {"by_epoch": True, **length, "val_interval": 1}
        )
    length = {"max_iters": Name("max_iters")}
    return (
        {"type": Name("TrainLoop"), **length}
        if modern
        else {"by_epoch": False, **length, "val_interval": 1}
    )


# PART 5


def custom_hooks(job: Job, modern: bool) -> list[dict[str, Any]]:
    evaluate: dict[str, Any] = {
        "type": Name("EvaluateChatHook"),
        "tokenizer": Name("tokenizer"),
        "every_n_iters": Name("evaluation_freq"),
        "evaluation_inputs": Name("evaluation_inputs"),
        "system": Name("SYSTEM"),
        "prompt_template": Name("prompt_template"),
    }
    if job.rehearsal:
        evaluate["max_new_tokens"] = 16
    hooks = [{"type": Name("DatasetInfoHook"), "tokenizer": Name("tokenizer")}, evaluate]
    if modern and job.recipe.engine_options.get("use_varlen_attn"):
        hooks.append({"type": Name("VarlenAttnArgsToMessageHubHook")})
    return hooks


def default_hooks(recipe: Recipe, modern: bool) -> dict[str, Any]:
    logger: dict[str, Any] = {"type": Name("LoggerHook")}
    if modern:
        logger["log_metric_by_epoch"] = False
    logger["interval"] = recipe.train.logging_steps or 10
    return {
        "timer": {"type": Name("IterTimerHook")},
        "logger": logger,
        "param_scheduler": {"type": Name("ParamSchedulerHook")},
        "checkpoint": _checkpoint_hook(recipe, modern),
        "sampler_seed": {"type": Name("DistSamplerSeedHook")},
    }


def _checkpoint_hook(recipe: Recipe, modern: bool) -> dict[str, Any]:
    hook: dict[str, Any] = {"type": Name("CheckpointHook")}
    by_steps = modern or bool(recipe.train.save_steps)
    if by_steps:
        hook.update(by_epoch=False, interval=Name("save_steps"))
    elif recipe.train.max_steps is not None:  # no epochs to count: one checkpoint, at the end
        hook.update(by_epoch=False, interval=Name("max_iters"))
    else:
        hook["interval"] = 1
    if by_steps or recipe.train.save_total_limit is not None:
        hook["max_keep_ckpts"] = Name("save_total_limit")
    return hook


def runtime(recipe: Recipe, modern: bool) -> list[dict[str, Any]]:
    environment = {
        "cudnn_benchmark": False,
        "mp_cfg": {"mp_start_method": "fork", "opencv_num_threads": 0},
        "dist_cfg": {"backend": "nccl"},
    }
    lines: list[tuple[str, Any, str]] = [
        ("env_cfg", environment, "configure environment"),
        ("visualizer", None, "set visualizer"),
        ("log_level", "INFO", "set log level"),
        ("load_from", None, "load from which checkpoint"),
        ("resume", False, "whether to resume training from the loaded checkpoint"),
        (
            "randomness",
            {"seed": recipe.train.seed, "deterministic": False},
            "a seed of None is a new random one each time",
        ),
    ]
    if modern or recipe.train.max_steps is not None:
        lines.append(("log_processor", {"by_epoch": False}, "set log processor"))
    return [{"name": name, "value": value, "comment": said} for name, value, said in lines]
