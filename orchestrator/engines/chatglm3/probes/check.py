"""Look at what was rendered with the script's own eyes before it trains. Runs in its environment.

usage: python check.py REPORT REQUEST
  REQUEST: JSON with method, format, model, gpus, rehearsal.
Writes REPORT: {"faults": […], "warnings": […], "figures": {…}}; a fault has what, why, fix.
"""

import json
import os
import re
import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))
sys.path.append(str(Path(__file__).resolve().parents[2] / "upstream" / "probes"))

from look_rows import examine
from probe_findings import (
    FAULTS,
    FIGURES,
    WARNINGS,
    fault,
    last_line,
    must_import,
    warn_of_few_steps,
    write,
)
from script_flags import parsed, rendered

warnings.filterwarnings("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
_WITHOUT_A_GPU = (
    "run it where a GPU is; without one: --set train.precision=fp32 --set train.deepspeed=null "
    "--set train.gpus=1, or --rehearse"
)


def parse(script):
    """The groups of arguments that finetune.py makes of the rendered script; None: refused."""
    import torch

    try:
        program, words = rendered(script)
        if "--deepspeed" in words and not torch.cuda.is_available():
            # Its arguments would compile a CPU extension for a minute, and then ask for NCCL.
            fault("DeepSpeed trains on GPUs, and none is here.", fix=_WITHOUT_A_GPU)
            return None
        return parsed(program, words)
    except Exception as error:  # whatever a class of arguments raises
        fix = "look at this flag in train.sh; one of the script's own stands under engine_options"
        if re.search(r"CUDA|NCCL|GPU", str(error)):
            fix = _WITHOUT_A_GPU
        fault("finetune.py does not take what was rendered.", why=last_line(error), fix=fix)
    return None


def check_packages(request, training):
    """Versions on which this method is known to fail, and packages that the flags need."""
    from transformers import __version__

    version = tuple(int(part) for part in __version__.split(".")[:2])
    if request["method"] == "ptuning" and version >= (4, 35):
        fault(
            f"P-Tuning does not train on transformers {__version__}.",
            why="from 4.36 on the prefix starts as uninitialised memory (a loss of 0.0 is a NaN "
            "that was filtered), and 4.35 stops at gradient_checkpointing_enable",
            fix="use the locked environment, which has 4.34.1: recipe env install",
        )
    if training.deepspeed:
        must_import(["deepspeed"], fix=lambda _name: "recipe env doctor")


def check_machine(request, training, model):
    """GPUs: as many as processes; none means the CPU."""
    import torch

    there, wanted = torch.cuda.device_count(), request["gpus"]
    FIGURES["gpus"] = there
    if request["rehearsal"]:
        return
    if wanted > max(there, 1):
        fault(
            f"The recipe asks for {wanted} GPUs, and {there} are here.",
            fix=f"--set train.gpus={max(there, 1)}, and fewer rows a GPU: train.batch_size",
        )
    elif not there and model.quantization_bit:
        fault(
            "A quantised model needs a GPU.",
            why="its kernels are CUDA's (cpm-kernels)",
            fix="--set train.ptuning.quantization_bit=null",
        )
    elif not there:
        WARNINGS.append("no GPU here: a model of 6B parameters trains for weeks on a CPU")


def check_prefix(model):
    """A prefix to go on from must be as long as the one that is trained."""
    if not model.ptuning_checkpoint:
        return
    import torch

    file = Path(model.ptuning_checkpoint, "pytorch_model.bin")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything over a file that is none of its own
        fault(f"{file} cannot be loaded.", why=last_line(error), fix="name a P-Tuning checkpoint")
        return
    weight = state.get("transformer.prefix_encoder.embedding.weight")
    if weight is None:
        fault(f"{file} holds no prefix.", fix="engine_options.ptuning_checkpoint names a folder")
    elif weight.shape[0] != model.pre_seq_len:
        fault(
            f"The prefix in {model.ptuning_checkpoint} has {weight.shape[0]} positions, and "
            f"pre_seq_len is {model.pre_seq_len}.",
            fix=f"--set train.ptuning.prefix_length={weight.shape[0]}",
        )


def load_tokenizer(folder):
    """The model's own tokenizer; None, with a fault, when it is not one of ChatGLM3."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
        tokenizer.build_single_message("user", "", "?")
        tokenizer.get_command("[gMASK]")
    except Exception as error:  # whatever the model's own code raises
        fault(
            f"The tokenizer in {folder} is not one that finetune.py can use.",
            why=last_line(error),
            fix="give the folder of a ChatGLM3 model with its original tokenizer files: "
            "--set model.path=FOLDER",
        )
        return None
    return tokenizer


def steps_of(training, rows):
    """Optimizer steps, of the whole training."""
    if training.max_steps > 0:
        return training.max_steps
    world = training.per_device_train_batch_size * training.gradient_accumulation_steps
    return int(rows / world * training.num_train_epochs)


def main():
    request = json.loads(sys.argv[2])
    groups = parse("train.sh")
    if groups is not None:
        model, data, training = groups
        check_packages(request, training)
        check_machine(request, training, model)
        check_prefix(model)
        tokenizer = load_tokenizer(request["model"]) if Path(request["model"]).exists() else None
        rows = examine(data, tokenizer)
        FIGURES.update(rows=rows, optimizer_steps=steps_of(training, rows))
        if not request["rehearsal"] and not FAULTS:
            warn_of_few_steps(FIGURES["optimizer_steps"])
    write(sys.argv[1])


if __name__ == "__main__":
    main()
