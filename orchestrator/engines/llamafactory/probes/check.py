"""Look at the rendered files with the engine's own eyes before it trains. Runs in its environment.

usage: python check.py REPORT REQUEST
  REQUEST: JSON with export, rehearsal, torchrun, trusted (the recipe lets the model's own code
  run) and runs_code_unasked (the release runs it anyhow), each true or false; rank_variable: the
  variable from which the release learns its machine's number.
Writes REPORT: {"faults": […], "warnings": […], "figures": {…}}; a fault has what, why, fix.
"""

import json
import os
import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))

from look_keys import check_dataset, load_yaml, parse
from look_machine import check_combinations, check_deepspeed, check_machine, check_packages
from look_rows import examine_rows
from probe_findings import FAULTS, fault, refuse_old_tokenizer, write

warnings.filterwarnings("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("LLAMAFACTORY_VERBOSITY", "ERROR")


def brings_code(folder, config, *, unasked):
    """Whether the engine would run code of the folder: of its own model types only when asked."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    if not unasked:
        return "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING_NAMES
    try:
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        tokenizer = {}
    return "auto_map" in config or "auto_map" in tokenizer


def check_model(given, request):
    """Whether the folder's own code is needed, and whether it fits this transformers."""
    folder = Path(str(given["model_name_or_path"]))
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        fault(f"{folder}/config.json cannot be read.", why=str(error), fix="--from model")
        return False
    from transformers import __version__

    unasked = request["runs_code_unasked"]
    if not request["trusted"] and brings_code(folder, config, unasked=unasked):
        why = f"config.json or tokenizer_config.json of {folder.name} has an auto_map"
        fault(
            "The model brings its own code, and nobody said that it is trusted.",
            why=why + ("; this release runs it without asking" if unasked else ""),
            fix="--set model.trust_remote_code=true if you trust where it comes from",
        )
        return False
    fix = "use the model's -hf weights (ZhipuAI/glm-4-9b-chat-hf), or another engine"
    return not refuse_old_tokenizer(folder, __version__, fix=fix)


def check_files(request):
    """Keys and values of both files; the parsed classes of the training."""
    from llamafactory.hparams.parser import _INFER_ARGS, _TRAIN_ARGS

    training, export = load_yaml("train.yaml"), None
    if request["export"]:
        export = load_yaml("export.yaml")
    if FAULTS:
        return None, None
    if not request["torchrun"]:
        training_only = training
    else:
        # Without torchrun's variables DeepSpeed cannot be set up; its file is read by itself.
        training_only = {key: one for key, one in training.items() if key != "deepspeed"}
        check_deepspeed(training.get("deepspeed"))
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


def main():
    report, request = sys.argv[1], json.loads(sys.argv[2])
    given, parsed = check_files(request)
    if parsed is not None:
        model, data, training, finetuning, _ = parsed
        check_machine(request, training, given)
        of_machine = len(FAULTS)  # a GPU that is missing here hides nothing of the rows
        check_packages(model, finetuning, training)
        check_combinations(model, finetuning, training)
        whole = check_model(given, request) and len(FAULTS) == of_machine
        if whole and not data.tokenized_path:
            data.packing = finetuning.stage == "pt" if data.packing is None else data.packing
            examine_rows(model, data, training, finetuning, rehearsal=request["rehearsal"])
    write(report)


if __name__ == "__main__":
    main()
