"""Whether this machine and this environment can do what the files ask for."""

import importlib
import json
import os
import sys
from pathlib import Path

from probe_findings import FIGURES, WARNINGS, fault, must_import


def check_machine(request, training, given):
    import torch

    count = torch.cuda.device_count()
    FIGURES["gpus"] = count
    if request["torchrun"] or int(os.environ.get("NNODES", "1")) > 1:
        check_torchrun(request["rank_variable"])
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


def check_torchrun(rank):
    """The engine builds torchrun's command line from words that it splits at spaces."""
    number = os.environ.get("NODE_RANK")
    if number is not None and rank not in os.environ:
        fault(
            f"This release learns which machine it is on from {rank}, not from NODE_RANK.",
            why="every machine would take itself for the first one, and wait for the others",
            fix=f"export {rank}={number}",
        )
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


UNPACKED = {"none", "all", "azure_ml", "dagshub", "flyte", "kubeflow"}


def check_packages(model, finetuning, training):
    wanted = {
        "bitsandbytes": model.quantization_bit is not None
        and str(getattr(model.quantization_method, "value", model.quantization_method))
        in ("bnb", "bitsandbytes"),
        "deepspeed": bool(training.deepspeed),
        # Releases before 0.9 have none of these.
        "liger_kernel": getattr(model, "enable_liger_kernel", False),
        "apollo_torch": getattr(finetuning, "use_apollo", False),
        "swanlab": getattr(finetuning, "use_swanlab", False),
        "unsloth": model.use_unsloth,
        "galore_torch": finetuning.use_galore,
        "badam": finetuning.use_badam,
        "matplotlib": finetuning.plot_loss,
        "flash_attn": str(getattr(model.flash_attn, "value", model.flash_attn)) == "fa2",
    }
    # Trackers by the name of their package; these have another, or none.
    wanted.update(dict.fromkeys(set(training.report_to) - UNPACKED, True))
    must_import(
        (name for name, needed in wanted.items() if needed),
        fix=lambda name: (
            f"`recipe env doctor` says what is there; do without {name}, or add it to the "
            "environment by hand"
        ),
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
