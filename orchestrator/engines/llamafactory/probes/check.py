"""Look at the rendered files with the engine's own eyes before it trains. Runs in its environment.

usage: python check.py REPORT REQUEST
  REQUEST: JSON with export, rehearsal and torchrun, each true or false.
Writes REPORT: {"faults": […], "warnings": […], "figures": {…}}; a fault has what, why, fix.
"""

import dataclasses
import difflib
import importlib
import json
import math
import os
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("LLAMAFACTORY_VERBOSITY", "ERROR")
FAULTS, WARNINGS, FIGURES = [], [], {}
FEW_STEPS = 50
EXAMINED = 20_000


def fault(what, why=None, fix=None):
    FAULTS.append({"what": what, "why": why, "fix": fix})


def near(word, known):
    found = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {found[0]}?" if found else ""


def load_yaml(path):
    """As the engine loads it (llamafactory.hparams.parser.read_args)."""
    from omegaconf import OmegaConf

    try:
        return OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:
        fault(f"{path} cannot be read as the engine reads it.", why=str(error).strip()[:400])
        return None


def fields_of(classes):
    return {f.name for one in classes for f in dataclasses.fields(one) if f.init}


def check_keys(path, given, classes, elsewhere):
    """Every key must belong to this file; one that belongs to the other file is named so."""
    known = fields_of(classes)
    for key in given:
        if key in known:
            continue
        if key in elsewhere:
            fault(
                f"{path}: {key} is a key of training, and has no place in the export.",
                why="the engine refuses keys that the command does not use",
                fix=f"remove engine_options.{key}, or use it in a training recipe",
            )
        else:
            fault(
                f"engine_options.{key}: the engine knows no such key.{near(key, known)}",
                why=f"it stands in {path}, and the engine's own parser refuses it",
                fix="correct the name or remove it",
            )


def parse(path, given, classes):
    """The engine's dataclasses; None and a fault when a value does not fit."""
    from transformers import HfArgumentParser

    try:
        return HfArgumentParser(classes).parse_dict(dict(given), allow_extra_keys=False)
    except Exception as error:
        text = str(error).strip() or repr(error)
        fault(
            f"The engine refuses a value in {path}.",
            why=text[:600],
            fix="change the key that the message names",
        )
        return None


def kinds_of(field):
    """The types that a field takes, ``None`` left out."""
    import typing

    kinds = typing.get_args(field.type) if not is_literal(field.type) else ()
    return [one for one in kinds if one is not type(None)] if kinds else [field.type]


def is_literal(kind):
    import typing

    return typing.get_origin(kind) is typing.Literal


def words_of(kinds):
    """The words that a field takes when it takes words of a list only; else None."""
    import enum
    import typing

    found = []
    for kind in kinds:
        if is_literal(kind):
            found += typing.get_args(kind)
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            found += [one.value for one in kind]
        else:
            return None
    return found


def check_values(path, given, classes):
    """Values that the engine's parser lets through, and that stop it much later or never."""
    for field in (one for cls in classes for one in dataclasses.fields(cls)):
        value = given.get(field.name)
        if value is None:
            continue
        kinds = kinds_of(field)
        words = words_of(kinds)
        if words is not None and value not in words:
            fault(
                f"{path}: {field.name} cannot be {value!r}.{near(str(value), map(str, words))}",
                why=f"it takes: {', '.join(map(str, words))}",
                fix=f"correct engine_options.{field.name}",
            )
        elif set(kinds) <= {int, float} and isinstance(value, str):
            fault(
                f"{path}: {field.name} must be a number, not the text {value!r}.",
                why="YAML 1.1 takes 1e-4 for text: it wants 1.0e-4",
                fix=f"write engine_options.{field.name} as a number",
            )
        elif set(kinds) == {bool} and not isinstance(value, bool):
            fault(
                f"{path}: {field.name} must be true or false, not {value!r}.",
                fix=f"correct engine_options.{field.name}",
            )


def check_template(given):
    from llamafactory.data.template import TEMPLATES

    name = given.get("template")
    if name is not None and name not in TEMPLATES:
        fault(
            f"The engine has no prompt template {name!r}.{near(str(name), TEMPLATES)}",
            why=f"it has: {', '.join(sorted(TEMPLATES))}",
            fix="set model.template to one of these",
        )


def check_dataset(given):
    """The data set must be in dataset_info.json, and its file must be there."""
    folder = str(given.get("dataset_dir", "data"))
    if given.get("tokenized_path") or folder == "ONLINE" or folder.startswith("REMOTE:"):
        return
    path = Path(folder) / "dataset_info.json"
    try:
        info = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        fault(f"{path} cannot be read.", why=str(error), fix="it is written by: --from render")
        return
    for key in ("dataset", "eval_dataset"):
        names = given.get(key)
        for name in (
            [n.strip() for n in names.split(",")] if isinstance(names, str) else names or []
        ):
            check_entry(key, name, info, folder, path)


def check_entry(key, name, info, folder, path):
    if name not in info:
        fault(
            f"{key} {name!r} is not in {path}.{near(name, info)}",
            why=f"it has: {', '.join(info)}; a name is wanted, not a path",
            fix=f"remove engine_options.{key}, or name a folder with engine_options.dataset_dir",
        )
        return
    file = info[name].get("file_name")
    if file and not (Path(folder) / file).exists():
        fault(
            f"The rows {file} of {name!r} are not there.",
            why=f"looked in {folder}/",
            fix="run with --from data",
        )


def check_machine(request, training, given):
    import torch

    count = torch.cuda.device_count()
    FIGURES["gpus"] = count
    if request["torchrun"] or int(os.environ.get("NNODES", "1")) > 1:
        check_torchrun()
    if request["rehearsal"]:
        return
    if count == 0:
        fault(
            "No GPU can be seen, and this recipe needs one.",
            why="training a model of this size on a CPU would take years",
            fix="check nvidia-smi and CUDA_VISIBLE_DEVICES, or rehearse with --rehearse",
        )
    elif (training.bf16 or given.get("pure_bf16")) and not torch.cuda.is_bf16_supported(False):
        fault(
            f"{torch.cuda.get_device_name(0)} has no bf16.",
            why="the file was rendered for a newer GPU (bf16 came with Ampere)",
            fix="--set train.precision=fp16, or render on this machine: --from render",
        )


def check_torchrun():
    """The engine builds torchrun's command line from words that it splits at spaces."""
    if int(os.environ.get("NNODES", "1")) > 1 and os.environ.get("FORCE_TORCHRUN", "0") not in (
        "1", "true", "y"
    ):  # fmt: skip
        WARNINGS.append(
            "NNODES is above 1: on nodes with one GPU the engine also wants FORCE_TORCHRUN=1"
        )
    import llamafactory

    for place in (llamafactory.__file__, sys.executable):
        if " " in place:
            fault(
                "Several processes cannot be started from a path with a space.",
                why=f"the engine splits its own command line at spaces: {place}",
                fix="move the environments: export RECIPE_CACHE=/a/path/without/spaces",
            )
            return


def check_packages(model, finetuning, training):
    wanted = {
        "bitsandbytes": model.quantization_bit is not None
        and str(getattr(model.quantization_method, "value", model.quantization_method))
        in ("bnb", "bitsandbytes"),
        "deepspeed": bool(training.deepspeed),
        "liger_kernel": model.enable_liger_kernel,
        "unsloth": model.use_unsloth,
        "galore_torch": finetuning.use_galore,
        "apollo_torch": finetuning.use_apollo,
        "badam": finetuning.use_badam,
        "swanlab": finetuning.use_swanlab,
        "matplotlib": finetuning.plot_loss,
        "flash_attn": str(getattr(model.flash_attn, "value", model.flash_attn)) == "fa2",
    }
    for name, needed in wanted.items():
        if not needed:
            continue
        try:
            importlib.import_module(name)
        except Exception as error:
            last = (str(error).strip() or repr(error)).splitlines()[-1]
            fault(
                f"{name} cannot be imported in this environment.",
                why=last,
                fix=f"`recipe env doctor` says what is there; do without {name}, or add it to the "
                "environment by hand",
            )


def check_combinations(model, finetuning, training):
    """What the engine would refuse only after it has started (hparams/parser.py)."""
    if model.quantization_bit is not None and finetuning.finetuning_type not in ("lora", "oft"):
        fault("Only LoRA can be trained on a quantised model.", fix="set train.method: qlora")
    if model.adapter_name_or_path is not None and finetuning.finetuning_type != "lora":
        fault("An adapter can only be trained further with LoRA.", fix="set train.method: lora")
    if finetuning.use_dora and model.quantization_bit == 8:
        WARNINGS.append("DoRA on 8-bit weights is slow and rarely tested")
    if training.do_train and training.save_only_model:
        WARNINGS.append("save_only_model: a training that is cut off cannot go on, it starts again")


def check_model(given):
    """Whether the folder's own code is needed, and whether it fits this transformers."""
    folder = Path(str(given["model_name_or_path"]))
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        fault(f"{folder}/config.json cannot be read.", why=str(error), fix="--from model")
        return False
    from transformers import __version__
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    native = config.get("model_type") in CONFIG_MAPPING_NAMES
    if config.get("auto_map") and not native and not given.get("trust_remote_code"):
        fault(
            "The model brings its own code, and nobody said that it is trusted.",
            why=f"config.json of {folder.name} has an auto_map",
            fix="--set engine_options.trust_remote_code=true if you trust where it comes from",
        )
        return False
    for file in folder.glob("tokenization_*.py"):
        text = file.read_text("utf-8", errors="replace")
        if "def _pad(" in text and "padding_side" not in text:
            fault(
                f"{file.name} was written for transformers below 4.45; this is {__version__}.",
                why="its _pad() takes no padding_side, so training stops at the first batch",
                fix="use the model's -hf weights (ZhipuAI/glm-4-9b-chat-hf), or another engine",
            )
            return False
    return True


def examine_rows(model, data, training, finetuning):
    """The rows through the engine's own loader and template: what is dropped, cut, how long."""
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.data.loader import _get_merged_dataset
    from llamafactory.model import load_tokenizer

    try:
        tokenizer = load_tokenizer(model)["tokenizer"]
    except Exception as error:
        cause = error.__cause__ or error
        fault(
            f"The tokenizer in {model.model_name_or_path} cannot be loaded.", why=str(cause)[:500]
        )
        return
    template = get_template_and_fix_tokenizer(tokenizer, data)
    # DPO reads its rows as reward modelling does (llamafactory/train/dpo/workflow.py).
    stage = "rm" if finetuning.stage == "dpo" else finetuning.stage
    limit, data.max_samples = data.max_samples, data.max_samples or EXAMINED
    try:
        rows = _get_merged_dataset(data.dataset, model, data, training, stage=stage)
    except Exception as error:
        fault(
            "The engine cannot load the rows.",
            why=f"{type(error).__name__}: {error}"[:600],
            fix="look at them with `recipe data look`, then --from data",
        )
        return
    finally:
        data.max_samples = limit
    lengths = measure(rows, template, tokenizer, data, stage)
    if lengths:
        count_steps(lengths, data, training)


def measure(rows, template, tokenizer, data, stage):
    """Tokens of each row before the engine cuts it, as its processors see them."""
    lengths, cut, dropped, systems, turns = [], 0, 0, 0, 0
    for row in rows:
        prompt, response = row["_prompt"], row["_response"]
        if stage in ("sft", "rm", "dpo", "kto") and (len(prompt) % 2 != 1 or not response):
            dropped += 1
            continue
        systems += bool(row["_system"])
        turns += len(prompt) > 1
        if stage == "pt":
            text = "\n".join(one["content"] for one in prompt)
            lengths.append(len(tokenizer.encode(text)))
            continue
        messages = [*prompt, response[0]]
        pairs = template.encode_multiturn(tokenizer, messages, row["_system"], row["_tools"])
        total = sum(len(a) + len(b) for a, b in pairs) + int(template.efficient_eos)
        cut += total > data.cutoff_len
        lengths.append(total)
    FIGURES.update(rows=len(lengths), rows_dropped=dropped, rows_cut=cut, tokens=sum(lengths))
    FIGURES.update(rows_with_system=systems, rows_with_history=turns)
    if lengths:
        FIGURES["longest"] = max(lengths)
    report_rows(lengths, cut, dropped, data)
    return [min(one, data.cutoff_len) for one in lengths]


def report_rows(lengths, cut, dropped, data):
    count = len(lengths) + dropped
    if dropped:
        WARNINGS.append(f"{dropped} of {count} rows are dropped in silence: roles or turns are odd")
    if cut:
        how = "dropped" if data.packing else "cut"
        WARNINGS.append(
            f"{cut} of {count} rows are {how} in silence at cutoff_len {data.cutoff_len} tokens"
        )
    if not lengths or (data.packing and cut == len(lengths)):
        fault(
            "No row is left to train on.",
            why=f"cutoff_len is {data.cutoff_len}",
            fix="raise train.max_length, or look at the rows with `recipe data look`",
        )


def count_steps(lengths, data, training):
    rows = len(lengths)
    held = math.ceil(rows * data.val_size) if data.val_size <= 1 else int(data.val_size)
    rows -= held if data.val_size > 1e-6 else 0
    if data.packing:
        rows = max(1, sum(lengths) * rows // (len(lengths) * data.cutoff_len))
    processes = max(1, int(os.environ.get("NPROC_PER_NODE", 0)) or FIGURES.get("gpus", 1))
    processes *= int(os.environ.get("NNODES", "1"))
    batches = max(1, math.ceil(rows / (training.per_device_train_batch_size * processes)))
    an_epoch = max(1, math.ceil(batches / training.gradient_accumulation_steps))
    steps = training.max_steps
    steps = steps if steps > 0 else math.ceil(an_epoch * training.num_train_epochs)
    FIGURES.update(steps_per_epoch=an_epoch, optimizer_steps=steps)
    if steps < FEW_STEPS and not REHEARSING:
        WARNINGS.append(
            f"only {steps} optimizer steps: the model may come out unchanged; more epochs, less "
            "accumulation, or more rows help"
        )
    if training.fp16 and not REHEARSING:
        WARNINGS.append("fp16: watch for a loss of 0.0 or nan; bf16 is safer where the GPU has it")


REHEARSING = False


def check_files(request):
    """Keys and values of both files; the parsed classes of the training."""
    from llamafactory.hparams.parser import _INFER_ARGS, _TRAIN_ARGS

    training, export = load_yaml("train.yaml"), None
    if request["export"]:
        export = load_yaml("export.yaml")
    if FAULTS:
        return None, None
    check_keys("train.yaml", training, _TRAIN_ARGS, set())
    check_values("train.yaml", training, _TRAIN_ARGS)
    if export is not None:
        check_keys("export.yaml", export, _INFER_ARGS, fields_of(_TRAIN_ARGS))
        check_values("export.yaml", export, _INFER_ARGS)
    if not request["torchrun"]:
        training_only = training
    else:
        # Without torchrun's variables DeepSpeed cannot be set up; its file is read by itself.
        training_only = {key: one for key, one in training.items() if key != "deepspeed"}
        check_deepspeed(training.get("deepspeed"))
    check_template(training)
    check_dataset(training)
    if FAULTS:
        return None, None
    parsed = parse("train.yaml", training_only, _TRAIN_ARGS)
    if export is not None:
        parse("export.yaml", export, _INFER_ARGS)
        if export.get("quantization_bit") is not None:
            fault(
                "export.yaml quantises the base model, and an adapter cannot be merged into that.",
                fix="remove quantization_bit from the export",
            )
    return training, parsed


def check_deepspeed(path):
    if not path:
        return
    try:
        json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        fault(
            f"The DeepSpeed file {path} cannot be read.",
            why=str(error),
            fix="set train.deepspeed instead (zero2, zero3 …): its file is written into the run",
        )
    try:
        importlib.import_module("deepspeed")
    except Exception as error:
        fault("deepspeed cannot be imported in this environment.", why=str(error)[:300])


def main():
    global REHEARSING
    report, request = sys.argv[1], json.loads(sys.argv[2])
    REHEARSING = request["rehearsal"]
    given, parsed = check_files(request)
    if parsed is not None:
        model, data, training, finetuning, _ = parsed
        check_machine(request, training, given)
        check_packages(model, finetuning, training)
        check_combinations(model, finetuning, training)
        if check_model(given) and not FAULTS and not data.tokenized_path:
            data.packing = finetuning.stage == "pt" if data.packing is None else data.packing
            examine_rows(model, data, training, finetuning)
    text = {"faults": FAULTS, "warnings": WARNINGS, "figures": FIGURES}
    Path(report).write_text(json.dumps(text, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    for one in FAULTS:
        print(f"fault: {one['what']}")
    for one in WARNINGS:
        print(f"warning: {one}")
    print(", ".join(f"{key} {value}" for key, value in FIGURES.items()))


if __name__ == "__main__":
    main()
