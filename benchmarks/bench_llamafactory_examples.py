"""How many of LLaMA-Factory's own examples a recipe can say, compared key by key.

    python benchmarks/bench_llamafactory_examples.py CHECKOUT [--release llamafactory@0.9.5]

CHECKOUT is a checkout of LLaMA-Factory with its folders `examples` and `data`. Each training file
is said again as a recipe, the recipe is rendered, and both are compared. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orchestrator.base.errors import RecipeError
from orchestrator.engines.llamafactory.entries import COLUMNS, TAGS
from orchestrator.engines.registry import engine_of
from orchestrator.planning import feasible
from orchestrator.planning.job import build
from orchestrator.recipe.faults import RecipeFaults

FOLDERS = ("train_full", "train_lora", "train_qlora", "extras")
#: Native key -> the recipe's key; the value stays.
SAME = {
    "stage": "train.stage",
    "lora_rank": "train.lora.rank",
    "lora_alpha": "train.lora.alpha",
    "lora_dropout": "train.lora.dropout",
    "use_rslora": "train.lora.rslora",
    "use_dora": "train.lora.dora",
    "quantization_bit": "train.quantization.bits",
    "quantization_type": "train.quantization.type",
    "double_quantization": "train.quantization.double",
    "freeze_trainable_layers": "train.freeze_layers",
    "template": "model.template",
    "trust_remote_code": "model.trust_remote_code",
    "model_name_or_path": "model.id",
    "cutoff_len": "train.max_length",
    "max_samples": "train.max_samples",
    "packing": "train.pack",
    "dataloader_num_workers": "train.workers",
    "logging_steps": "train.logging_steps",
    "save_steps": "train.save_steps",
    "save_total_limit": "train.save_total_limit",
    "per_device_train_batch_size": "train.batch_size",
    "gradient_accumulation_steps": "train.accumulate",
    "learning_rate": "train.learning_rate",
    "num_train_epochs": "train.epochs",
    "max_steps": "train.max_steps",
    "lr_scheduler_type": "train.scheduler",
    "warmup_ratio": "train.warmup_ratio",
    "optim": "train.optimizer",
    "flash_attn": "train.flash_attention",
    "enable_liger_kernel": "train.liger",
    "neftune_noise_alpha": "train.neftune_alpha",
    "pref_beta": "train.preference.beta",
    "pref_loss": "train.preference.loss",
    "pref_ftx": "train.preference.sft_share",
    "val_size": "evaluate.validation_share",
    "eval_steps": "evaluate.every",
}
#: The engine's own defaults of what a recipe always says (transformers.TrainingArguments).
DEFAULTS = {
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 5.0e-5,
    "num_train_epochs": 3.0,
    "lr_scheduler_type": "linear",
    "logging_steps": 500,
    "save_steps": 500,
    "packing": False,
    "quantization_type": "nf4",
    "double_quantization": True,
}
#: A run decides these; `plot_loss` and the overwriting say that results are kept and made anew.
OWNED = frozenset(
    {
        *("model_name_or_path", "output_dir", "dataset", "dataset_dir", "resume_from_checkpoint"),
        *("plot_loss", "overwrite_output_dir", "overwrite_cache", "do_train", "media_dir"),
        *("save_strategy", "quantization_method", "eval_strategy", "deepspeed"),
    }
)


@dataclass
class Said:
    """One example said as a recipe, and what came of it."""

    recipe: dict[str, Any] = field(default_factory=dict)
    why_not: list[str] = field(default_factory=list)

    def put(self, key: str, value: Any) -> None:
        *path, last = key.split(".")
        inner = self.recipe
        for name in path:
            inner = inner.setdefault(name, {})
        inner[last] = value


def said_again(values: Mapping[str, Any], release: str, checkout: Path) -> Said:
    """The recipe that says what the example's keys say."""
    left = {key: value for key, value in values.items() if value is not None}
    said = Said()
    said.put("title", "an example said again")
    said.put("engine", release)
    said.put("model.hub", "huggingface")
    said.put("model.template", "default")  # pre-training names none, and it is the engine's default
    _method(said, left)
    _launching(said, left, checkout)
    said.put("data.sources", list(_sources(left, checkout, said)))
    for native, key in SAME.items():
        if native in left or native in DEFAULTS:
            said.put(key, left.pop(native, DEFAULTS.get(native)))
    if left.get("report_to"):
        trackers = left.pop("report_to")
        said.put("train.report_to", [] if trackers == "none" else [trackers])
    options = {key: value for key, value in left.items() if key not in OWNED}
    said.put("engine_options", options)
    return said


def _method(said: Said, left: dict[str, Any]) -> None:
    method = left.pop("finetuning_type", "lora")
    said.put("train.method", "qlora" if method == "lora" and "quantization_bit" in left else method)
    targets = left.pop("lora_target", "all")
    said.put("train.lora.targets", [] if targets == "all" else targets.split(","))
    precision = next((word for word in ("bf16", "fp16") if left.pop(word, False)), "fp32")
    said.put("train.precision", precision)


def _launching(said: Said, left: dict[str, Any], checkout: Path) -> None:
    file = left.pop("deepspeed", None)
    if file is None:
        return
    wanted = json.loads((checkout / file).read_text(encoding="utf-8"))
    from orchestrator.engines.llamafactory import deepspeed

    for name in ("zero1", "zero2", "zero2_offload", "zero3", "zero3_offload"):
        if deepspeed.config(name) == wanted:
            said.put("train.deepspeed", name)
            return
    left["deepspeed"] = str((checkout / file).resolve())


def _sources(left: dict[str, Any], checkout: Path, said: Said) -> Iterator[dict[str, Any]]:
    info = json.loads((checkout / "data" / "dataset_info.json").read_text(encoding="utf-8"))
    for name in str(left.pop("dataset", "")).split(","):
        entry = info.get(name.strip())
        if entry is None:
            what = "trains on nothing" if not name else "names a data set that no list has"
            said.why_not.append(what)
        elif "file_name" in entry:
            yield {"path": str(checkout / "data" / entry["file_name"])}
        else:
            yield _hub_source(entry)


def _hub_source(entry: Mapping[str, Any]) -> dict[str, Any]:
    form = "alpaca" if entry.get("formatting", "alpaca") == "alpaca" else "sharegpt"
    words = {native: key for key, native in COLUMNS[form].items()}
    fields = {words[native]: column for native, column in entry.get("columns", {}).items()}
    tags = {tag.removesuffix("_tag"): word for tag, word in entry.get("tags", {}).items()}
    source = {"dataset": entry["hf_hub_url"], "format": form, "fields": fields}
    return {**source, **({"tags": tags} if form in TAGS else {})}


def compared(values: Mapping[str, Any], said: Said, folder: Path) -> list[str]:
    """Every difference between the example and what the recipe renders, in words."""
    path = folder / "again.yaml"
    path.write_text(yaml.safe_dump(said.recipe, allow_unicode=True), encoding="utf-8")
    try:
        job = build(feasible.load(str(path), environ={}), must_find_rows=False)
        files = {file.path: file.text for file in engine_of(job).files(job)}
    except RecipeFaults as faults:
        return [f"{fault.key}: {fault.what}" for fault in faults.faults]
    except RecipeError as error:
        return [error.what]
    ours = yaml.safe_load(files["train.yaml"])
    ours.setdefault("trust_remote_code", False)
    keys = (set(ours) | set(values)) - OWNED
    return [
        f"{key}: {ours.get(key)!r} instead of {wanted!r}"
        for key in sorted(keys)
        if (wanted := values.get(key, DEFAULTS.get(key))) != ours.get(key)
        and not (wanted is None and key in ("template", "trust_remote_code", "packing"))
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--release", default="llamafactory@0.9.5")
    given = parser.parse_args()
    files = [
        path
        for name in FOLDERS
        for path in sorted((given.checkout / "examples" / name).rglob("*.yaml"))
    ]
    reasons: Counter[str] = Counter()
    whole = options_only = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
            if "model_name_or_path" not in values:
                continue
            said = said_again(values, given.release, given.checkout.resolve())
            wrong = said.why_not or compared(values, said, Path(folder))
            whole += not wrong
            options_only += not wrong and bool(said.recipe["engine_options"])
            reasons.update(wrong)
            options = ", ".join(said.recipe["engine_options"])
            lines = wrong or [f"options: {options}" if options else "without options"]
            print(f"{'equal ' if not wrong else 'DIFFERS'} {path.relative_to(given.checkout)}")
            print("\n".join(f"          {line}" for line in lines))
    count = sum("model_name_or_path" in yaml.safe_load(p.read_text("utf-8")) for p in files)
    print(f"\n{whole} of {count} ({whole / count:.0%}) are equal key by key; ", end="")
    print(f"{options_only} of these need engine_options for some keys.")
    for reason, times in reasons.most_common():
        print(f"{times:4}  {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
