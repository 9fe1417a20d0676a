"""An XTuner config, as plain data, in the keys of a recipe: as far as the schema goes."""

from __future__ import annotations

from typing import Any

from orchestrator.engines.xtuner.values import OPTIMIZERS

Tree = dict[str, Any]
ATTENTION = {"flash_attention_2": "fa2", "sdpa": "sdpa"}


def said(tree: Tree, engine: str) -> Tree:
    """A config in the keys of the recipe's schema, as far as they go."""
    sets = data_sets(tree)
    first = sets[0] if sets else {}
    template = ((first.get("template_map_fn") or {}).get("template") or {}).get("$ref", "")
    mapped = {last(one.get("dataset_map_fn")) for one in sets}
    stage = "pt" if mapped == {"pretrain_map_fn"} else "sft"
    return {
        "title": "re-said",
        "engine": engine,
        "model": {
            "id": str(tree.get("pretrained_model_name_or_path") or "model"),
            "hub": "huggingface",
            "template": template.rpartition(".")[2] or "default",
            "trust_remote_code": bool((tree.get("tokenizer") or {}).get("trust_remote_code")),
        },
        "data": {
            "sources": [source(one, stage) for one in sets] or [{"dataset": "none/such"}],
            "shuffle": bool(first.get("shuffle_before_pack", True)),
        },
        "train": {**training(tree, first), "stage": stage},
        "evaluate": evaluation(tree),
    }


def data_sets(tree: Tree) -> list[Tree]:
    whole = tree["train_dataloader"].get("dataset") or {}
    parts = whole.get("datasets") if last(whole.get("type")) == "ConcatDataset" else [whole]
    return [one for one in parts or () if last(one.get("type")) == "process_hf_dataset"]


def last(reference: Any) -> str:
    return reference["$ref"].rpartition(".")[2] if isinstance(reference, dict) else ""


def source(dataset: Tree, stage: str) -> Tree:
    loader = dataset.get("dataset") or {}
    map_fn = None if stage == "pt" else last(dataset.get("dataset_map_fn")) or None
    if "data_files" in loader or not isinstance(loader.get("path"), str):
        return {"path": "rows.json", "map_fn": map_fn}
    keys = {"dataset": loader["path"], "subset": loader.get("name"), "split": loader.get("split")}
    return {**keys, "map_fn": map_fn}


def training(tree: Tree, dataset: Tree) -> Tree:
    model, wrapper, loop = (
        tree["model"],
        tree.get("optim_wrapper") or {},
        tree.get("train_cfg") or {},
    )
    llm, lora, optimizer = model.get("llm") or {}, model.get("lora"), wrapper.get("optimizer") or {}
    quantization = llm.get("quantization_config") or {}
    saving = (tree.get("default_hooks") or {}).get("checkpoint") or {}
    keys = {
        "method": "qlora" if lora and quantization else "lora" if lora else "full",
        "epochs": loop.get("max_epochs"),
        "max_steps": loop.get("max_iters"),
        "batch_size": tree["train_dataloader"].get("batch_size"),
        "workers": tree["train_dataloader"].get("num_workers"),
        "accumulate": accumulated(tree, wrapper),
        "learning_rate": optimizer.get("lr"),
        "weight_decay": optimizer.get("weight_decay"),
        "optimizer": last(optimizer.get("type"))
        if last(optimizer.get("type")) in OPTIMIZERS
        else None,
        "max_grad_norm": (wrapper.get("clip_grad") or {}).get("max_norm"),
        "warmup_ratio": warm_up(tree, loop),
        "max_length": dataset.get("max_length"),
        "pack": dataset.get("pack_to_max_length"),
        "precision": "bf16" if wrapper.get("dtype") == "bfloat16" else None,
        "save_steps": saving.get("interval"),
        "save_total_limit": saving.get("max_keep_ckpts"),
        "logging_steps": ((tree.get("default_hooks") or {}).get("logger") or {}).get("interval"),
        "seed": (tree.get("randomness") or {}).get("seed"),
        "flash_attention": ATTENTION.get(str(llm.get("attn_implementation"))),
        "gradient_checkpointing": model.get("use_activation_checkpointing"),
        "lora": {
            key: value
            for key, value in {
                "rank": (lora or {}).get("r"),
                "alpha": (lora or {}).get("lora_alpha"),
                "dropout": (lora or {}).get("lora_dropout"),
                "targets": (lora or {}).get("target_modules"),
            }.items()
            if value is not None
        },
    }
    return {key: value for key, value in keys.items() if value is not None}


def accumulated(tree: Tree, wrapper: Tree) -> int | None:
    """Before it is multiplied by the size of sequence parallelism, as the template does."""
    counts, parallel = wrapper.get("accumulative_counts"), tree.get("sequence_parallel_size", 1)
    return counts // parallel if counts and counts % parallel == 0 else counts


def warm_up(tree: Tree, loop: Tree) -> float | None:
    steps = tree.get("param_scheduler")
    whole = loop.get("max_epochs") or loop.get("max_iters")
    if isinstance(steps, list) and len(steps) == 2 and whole and steps[0].get("end"):
        return round(float(steps[0]["end"]) / float(whole), 6)
    return 0.0


def evaluation(tree: Tree) -> Tree:
    hooks = tree.get("custom_hooks") or []
    hook: Tree = next((one for one in hooks if last(one.get("type")) == "EvaluateChatHook"), {})
    prompts, system = hook.get("evaluation_inputs"), hook.get("system")
    keys = {
        "prompts": prompts if isinstance(prompts, list) else None,
        "system": str(system).replace("{{", "{").replace("}}", "}") if system else None,
        "every": hook.get("every_n_iters"),
    }
    return {key: value for key, value in keys.items() if value is not None}
