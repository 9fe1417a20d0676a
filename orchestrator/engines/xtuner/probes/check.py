"""Look at a rendered config with the engine's own eyes before it trains. Runs in its environment.

usage: python check.py CONFIG REPORT ENGINE_OPTIONS REHEARSAL DEEPSPEED
  ENGINE_OPTIONS: the recipe's engine_options keys as a JSON list; the others: 0 or 1.
Writes REPORT: {"faults": […], "warnings": […], "figures": {…}}; a fault has what, why, fix.
"""

import ast
import inspect
import json
import math
import os
import re
import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))

from probe_findings import (
    FAULTS,
    FIGURES,
    WARNINGS,
    fault,
    last_line,
    must_import,
    near,
    refuse_old_tokenizer,
    warn_of_few_steps,
    write,
)

warnings.filterwarnings("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def load_config(path):
    from mmengine.config import Config

    try:
        return Config.fromfile(path)
    except Exception as error:
        fault(f"mmengine cannot load {path}: {error}", fix="check engine_options")
        return None


def check_template(path):
    """The template's name stands in the config's source; the registry says whether it exists."""
    from xtuner.utils import PROMPT_TEMPLATE

    found = re.search(
        r"^prompt_template = PROMPT_TEMPLATE\.(\w+)$", Path(path).read_text("utf-8"), re.M
    )
    if found and found[1] not in PROMPT_TEMPLATE:
        fault(
            f"XTuner has no prompt template {found[1]!r}.{near(found[1], PROMPT_TEMPLATE)}",
            why=f"it has: {', '.join(sorted(PROMPT_TEMPLATE))}",
            fix="set model.template to one of these",
        )


def check_options(path, options):
    """A top-level variable that neither XTuner nor mmengine reads would be ignored in silence."""
    if not options:
        return
    import xtuner.tools.train as tool
    from mmengine.runner import FlexibleRunner, Runner

    known = set(inspect.signature(Runner.__init__).parameters)
    known |= set(inspect.signature(FlexibleRunner.__init__).parameters)
    source = inspect.getsource(tool)
    known |= set(re.findall(r"cfg\.(?:get\([\"'])?(\w+)", source))
    known |= set(re.findall(r"getattr\(cfg, [\"'](\w+)", source))
    known |= {"auto_scale_lr", "default_scope", "seed", "deterministic"}
    tree = ast.parse(Path(path).read_text("utf-8"))
    body = [node for node in tree.body if isinstance(node, ast.Assign)]
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    defined = {t.id for node in body for t in node.targets if isinstance(t, ast.Name)}
    for name in options:
        top = name.partition(".")[0]
        if top not in known and top not in used:
            fault(
                f"engine_options.{name}: neither XTuner nor mmengine reads {top}."
                + near(top, (known | defined) - {top}),
                why="XTuner ignores a variable that it does not know, without a word",
                fix="correct the name or remove it",
            )


def check_objects(cfg):
    """mmengine imports what a config names only when it is built: after the model is loaded."""
    from mmengine.config.lazy import LazyAttr, LazyObject

    todo, seen = [cfg._to_lazy_dict()], set()
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, (list, tuple)):
            todo += value
        elif isinstance(value, (LazyAttr, LazyObject)) and id(value) not in seen:
            seen.add(id(value))
            check_object(value)


def check_object(value):
    import importlib

    try:
        value.build()
    except Exception as error:
        try:
            names = dir(importlib.import_module(value.module))
        except Exception:
            names = []
        fault(
            f"{value.module} has no {value}.{near(str(value), names)}",
            why=last_line(error),
            fix="correct the type or $ref in engine_options",
        )


def check_hardware(cfg, rehearsal):
    import torch

    FIGURES["gpus"] = torch.cuda.device_count()
    if rehearsal or torch.cuda.is_available():
        return
    if is_quantized(cfg) or "Amp" in str(cfg.optim_wrapper["type"]):
        fault(
            "No GPU can be seen, and this recipe needs one.",
            why="4-bit weights and mixed precision run on a GPU only",
            fix="check nvidia-smi and CUDA_VISIBLE_DEVICES, or rehearse on the CPU with --rehearse",
        )


def is_quantized(cfg):
    return "quantization_config" in (cfg.model.get("llm") or {})


def check_packages(cfg, rehearsal, deepspeed):
    wanted = ["deepspeed"] if deepspeed else []
    if is_quantized(cfg) and not rehearsal:
        wanted.append("bitsandbytes")
    rebuild = "rebuild it with `recipe env remove` and `recipe env install`"
    must_import(wanted, fix=lambda _name: rebuild)


TRUST = (
    "--set model.trust_remote_code=true if you trust where the model comes from: "
    "it brings code of its own"
)


def load_tokenizer(cfg):
    from transformers import AutoTokenizer, __version__

    arguments = dict(cfg.tokenizer)
    arguments.pop("type")
    folder = arguments.pop("pretrained_model_name_or_path")
    fix = "use the model's -hf weights, or an older engine release"
    if refuse_old_tokenizer(Path(folder), __version__, fix=fix):
        return None
    try:
        return AutoTokenizer.from_pretrained(folder, **arguments)
    except Exception as error:
        untrusted = "trust_remote_code" in str(error)
        fault(
            f"The tokenizer in {folder} cannot be loaded.",
            why=str(error).strip()[:500],
            fix=TRUST if untrusted else "check that the folder is whole",
        )
        return None


def data_sets(cfg):
    """The data sets of a config: one, or those of a ConcatDataset (a list, in 0.1.9 by name)."""
    whole = cfg.train_dataset
    parts = whole.get("datasets") or whole.get("datasets_cfg")
    if parts is None:
        return [whole]
    return list(parts.values()) if isinstance(parts, dict) else list(parts)


def longest(cfg):
    """Tokens at which a row is cut; a data set of another kind has no such limit."""
    return data_sets(cfg)[0].get("max_length") or sys.maxsize


def rows_of(cfg):
    """The rows on this disk as XTuner's own map functions make them, and whether that is all."""
    sets = data_sets(cfg)
    local = [one for one in sets if (one.get("dataset") or {}).get("data_files")]
    return [row for one in local for row in mapped(one)], len(local) == len(sets)


def mapped(dataset):
    from datasets import load_dataset
    from xtuner.dataset.map_fns import template_map_fn

    files = dataset["dataset"]["data_files"]
    rows = load_dataset("json", data_files=dict(files), split="train")
    map_fn = dataset.get("dataset_map_fn")
    if map_fn is not None:
        try:
            rows = rows.map(build(map_fn))
        except Exception as error:
            fault(
                f"The map function {getattr(map_fn, '__name__', map_fn)} does not fit these rows.",
                why=f"{type(error).__name__}: {error}",
                fix="remove map_fn from data.sources, or name the one made for this data set",
            )
            return []
    if "conversation" not in rows.column_names:
        fault(
            "The rows have no key `conversation`, so XTuner would filter out every one.",
            why=f"their keys are: {', '.join(rows.column_names)}",
            fix="give data.sources.0.map_fn, or convert them: recipe data convert",
        )
        return []
    template = (dataset.get("template_map_fn") or {}).get("template")
    if template is None:
        return list(rows)
    context = build(template)
    return [template_map_fn(row, context) for row in rows]


def build(value):
    return value.build() if hasattr(value, "build") else value


def count_tokens(cfg, tokenizer, rows):
    """Tokens of each row before XTuner cuts it, and of its prompts: both limits are silent."""
    from xtuner.dataset.utils import encode_fn

    limit = longest(cfg)
    lengths, cut, lost, count = [], 0, 0, 0
    for row in rows:
        count += 1
        encoded = encode_fn(dict(row), tokenizer, 10**9, True)
        total = len(encoded["input_ids"])
        answer = next((i for i, label in enumerate(encoded["labels"]) if label >= 0), total)
        if answer >= limit:
            lost += 1
        else:
            cut += total > limit
            lengths.append(min(total, limit))
    FIGURES.update(rows=count, rows_lost=lost, rows_cut=cut, tokens=sum(lengths))
    if lengths:
        FIGURES["longest"] = max(lengths)
    if lost:
        WARNINGS.append(
            f"{lost} of {count} rows are dropped in silence: their prompt alone is longer than "
            f"max_length {limit}"
        )
    if cut:
        WARNINGS.append(f"{cut} of {count} rows are cut at max_length {limit} tokens in silence")
    if count and not lengths:
        fault(
            "Every row's prompt is longer than max_length.",
            why=f"max_length is {limit}",
            fix="raise train.max_length",
        )
    return lengths


def items_of(cfg, lengths):
    """How many rows, or packed sequences, training goes through in an epoch."""
    if not lengths or not data_sets(cfg)[0].get("pack_to_max_length"):
        return len(lengths)
    # XTuner's Packer drops what does not fill a last sequence.
    return max(1, sum(lengths) // longest(cfg))


def check_steps(cfg, items, processes, rehearsal):
    if not items:
        return
    batch = cfg.train_dataloader["batch_size"]
    accumulated = cfg.optim_wrapper.get("accumulative_counts", 1)
    iterations = max(1, math.ceil(items / (batch * processes)))
    epochs = cfg.train_cfg.get("max_epochs")
    total = cfg.train_cfg.get("max_iters") or int(iterations * (epochs or 1))
    steps = math.ceil(total / accumulated)
    FIGURES.update(iterations_per_epoch=iterations, iterations=total, optimizer_steps=steps)
    ratio = cfg.get("warmup_ratio")
    if ratio and int(ratio * (epochs or total) * (iterations if epochs else 1)) < 1:
        fault(
            "The warm-up is shorter than one iteration, and mmengine refuses that.",
            why=f"{total} iterations in all, of which {ratio:.0%} warm up",
            fix="--set train.warmup_ratio=0, or train on more rows",
        )
    if not rehearsal:
        warn_of_few_steps(steps, f" (iterations {total} / accumulation {accumulated})")


def main():
    path, report, options, rehearsal, deepspeed = sys.argv[1:6]
    rehearsing = rehearsal == "1"
    check_template(path)
    check_options(path, json.loads(options))
    cfg = load_config(path)
    if cfg is not None and json.loads(options):
        check_objects(cfg)
    if cfg is not None and not FAULTS:
        check_hardware(cfg, rehearsing)
        of_machine = len(FAULTS)  # a GPU that is missing here hides nothing of the rows
        check_packages(cfg, rehearsing, deepspeed == "1")
        tokenizer = load_tokenizer(cfg)
        rows, all_here = rows_of(cfg)
        if not all_here:
            WARNINGS.append("rows are on a hub: how many are cut or dropped is not known yet")
        if rows and tokenizer is not None and len(FAULTS) == of_machine:
            lengths = count_tokens(cfg, tokenizer, rows)
            if all_here:
                processes = int(os.environ.get("NPROC_PER_NODE", "1"))
                check_steps(cfg, items_of(cfg, lengths), processes, rehearsing)
    write(report)


if __name__ == "__main__":
    main()
