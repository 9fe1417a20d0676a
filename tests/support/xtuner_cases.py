"""Recipes whose rendered XTuner configs the tests look at, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.engines.xtuner.config import render_config
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build

HOSTILE = '\'); import os #"""\n{{ 7*7 }}\r\u2028退出{x}\\'


def config_of(name: str, *sets: str, version: str, **changes: Any) -> str:
    """The config text of shipped recipe ``name`` with ``sets``, as ``recipe render`` writes it."""
    loaded = load(name, sets=sets, environ={}, complete=False, engine=f"xtuner@{version}")
    job = replace(build(loaded, must_find_rows=False), **changes)
    return render_config(job)


#: name -> (--set words, keys that must come out, as repr). None: the key must be absent.
CASES: Mapping[str, tuple[tuple[str, ...], Mapping[str, str | None]]] = {
    "lora": (
        ("train.method=lora", "train.lora.rank=8", "train.lora.alpha=32", "train.lora.dropout=0"),
        {
            "model.lora.r": "8",
            "model.lora.lora_alpha": "32",
            "model.lora.lora_dropout": "0",
            "model.llm.quantization_config.load_in_4bit": None,
            "model.llm.torch_dtype": "float16",
        },
    ),
    "targets": (
        ("train.lora.targets=[q_proj, v_proj]",),
        {"model.lora.target_modules": "['q_proj', 'v_proj']"},
    ),
    "8 bits": (
        ("train.quantization={bits: 8}",),
        {
            "model.llm.quantization_config.load_in_4bit": "False",
            "model.llm.quantization_config.load_in_8bit": "True",
        },
    ),
    "no packing": (
        ("train.pack=false", "train.max_length=512", "train.batch_size=4"),
        {
            "pack_to_max_length": "False",
            "train_dataset.pack_to_max_length": "False",
            "train_dataset.max_length": "512",
            "train_dataloader.batch_size": "4",
        },
    ),
    "saving": (
        ("train.save_steps=7", "train.save_total_limit=-1"),
        {
            "default_hooks.checkpoint.interval": "7",
            "default_hooks.checkpoint.by_epoch": "False",
            "default_hooks.checkpoint.max_keep_ckpts": "-1",
        },
    ),
    "max steps": (
        ("train.max_steps=30", "train.warmup_ratio=0.1"),
        {
            "train_cfg.max_iters": "30",
            "train_cfg.max_epochs": None,
            "param_scheduler.0.end": "3",
            "param_scheduler.1.begin": "3",
            "param_scheduler.1.end": "30",
            "param_scheduler.1.by_epoch": "False",
        },
    ),
    "bf16 and evaluation": (
        (
            "train.precision=bf16",
            "evaluate.prompts=[Hello?]",
            "evaluate.every=5",
            "evaluate.system=Be {kind}",
        ),
        {
            "optim_wrapper.dtype": "'bfloat16'",
            "model.llm.torch_dtype": "bfloat16",
            "custom_hooks.1.every_n_iters": "5",
            "custom_hooks.1.evaluation_inputs": "['Hello?']",
            "custom_hooks.1.system": "'Be {{kind}}'",
        },
    ),
    "other optimizer": (
        (
            "train.optimizer=SGD",
            "train.weight_decay=0.1",
            "train.max_grad_norm=2",
            "train.learning_rate=1e-3",
            "train.seed=7",
            "train.logging_steps=3",
        ),
        {
            "optim_wrapper.optimizer.lr": "0.001",
            "optim_wrapper.optimizer.weight_decay": "0.1",
            "optim_wrapper.optimizer.betas": None,
            "optim_wrapper.clip_grad.max_norm": "2",
            "randomness.seed": "7",
            "default_hooks.logger.interval": "3",
        },
    ),
    "options": (
        (
            "engine_options.max_norm=0.5",
            "engine_options.env_cfg={cudnn_benchmark: true}",
            "engine_options.model.lora.r=4",
            "engine_options.cfg_of_mine=[1, a]",
        ),
        {
            "optim_wrapper.clip_grad.max_norm": "0.5",
            "env_cfg.cudnn_benchmark": "True",
            "env_cfg.dist_cfg.backend": "'nccl'",
            "model.lora.r": "4",
            "model.lora.lora_alpha": "16",
            "cfg_of_mine": "[1, 'a']",
        },
    ),
}
