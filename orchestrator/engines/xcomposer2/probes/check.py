"""Look at what was rendered with the script's own eyes before it trains. Runs in its environment.

usage: python check.py REPORT REQUEST
  REQUEST: JSON with model (null in a contract rehearsal), vision, gpus, rehearsal.
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

from probe_findings import FAULTS, FIGURES, WARNINGS, fault, last_line, warn_of_few_steps, write
from script_flags import parsed, rendered

warnings.filterwarnings("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
#: Pictures that are decoded, spread over each set; data_tools has looked at all of them.
LOOKED_AT = 64
USER_END = 92542
"""The token by which the model's code finds where a question ends ([UNUSED_TOKEN_145])."""


def parse(script):
    """The groups of arguments that finetune.py makes of the rendered script; None: refused."""
    try:
        program, words = rendered(script)
        return parsed(program, words)
    except Exception as error:  # whatever a class of arguments raises
        fix = "look at this flag in train.sh; one of the script's own stands under engine_options"
        if re.search(r"bf16|CUDA|NCCL|GPU", str(error)):
            fix = (
                "run it where a GPU is; without one: --set train.precision=fp32 "
                "--set train.deepspeed=null --set train.gpus=1, or --rehearse"
            )
        fault("finetune.py does not take what was rendered.", why=last_line(error), fix=fix)
    return None


def check_machine(request):
    """GPUs: as many as processes; none means the CPU."""
    import torch

    there, wanted = torch.cuda.device_count(), request["gpus"]
    FIGURES["gpus"] = there
    if request["rehearsal"]:
        return
    if wanted > max(there, 1):
        fault(
            f"The recipe asks for {wanted} GPUs, and {there} are here.",
            fix=f"--set train.gpus={max(there, 1)}, and more accumulation: train.accumulate",
        )
    elif not there:
        WARNINGS.append("no GPU here: a model of 7B parameters trains for weeks on a CPU")


def check_model(request, data):
    """The tokenizer's marks, and a vision tower under the name that the model's code knows."""
    from transformers import AutoTokenizer

    folder = request["model"]
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True, use_fast=False)
        ends = tokenizer("[UNUSED_TOKEN_145]", add_special_tokens=False).input_ids
    except Exception as error:  # whatever the model's own code raises
        fault(
            f"The tokenizer in {folder} is not one that finetune.py can use.",
            why=last_line(error),
            fix="give a folder of XComposer2 with its tokenizer: --set model.path=FOLDER",
        )
        return
    if USER_END not in ends:
        WARNINGS.append(
            f"the tokenizer has no mark [UNUSED_TOKEN_145] ({USER_END}), by which the model's code "
            "finds the answers: it would learn nothing (a loss of 0 or nan)"
        )
    config = Path(request["vision"], "config.json")
    if not config.is_file():
        fault(
            f"There is no {request['vision']} in the run.",
            why="the model's own code loads its vision tower by that name",
            fix=f"put that model's folder there, or a link to it: {config.parent}",
        )
    elif data.img_size == 490 and json.loads(config.read_text("utf-8")).get("image_size") != 336:
        WARNINGS.append(f"{request['vision']} is not for pictures of 336 points")


def sets_of(path):
    """File -> (rows of it that are drawn, its rows), as finetune.py reads the list."""
    found = {}
    for line in Path(path).read_text("utf-8").splitlines():
        name, count = line.split(" ")
        found[name] = (int(float(count) * 1000), json.loads(Path(name).read_text("utf-8")))
    return found


def decode(sets):
    """Open some pictures of every set as the script does."""
    from PIL import Image

    for name, (_, rows) in sets.items():
        every = max(1, len(rows) // LOOKED_AT)
        for number in range(0, len(rows), every):
            for picture in rows[number].get("image", ()):
                try:
                    with Image.open(picture) as opened:
                        opened.convert("RGB")
                        mode = opened.mode
                except Exception as error:  # decoders raise anything over damaged bytes
                    fault(f"The picture {picture} cannot be decoded.", why=last_line(error),
                          fix=f"replace it, or leave out row {number + 1} of {name}")  # fmt: skip
                else:
                    if mode != "RGB":
                        fault(f"The picture {picture} is not RGB but {mode}.", fix="convert it")


def figures(sets, training, request):
    """Rows, and the optimizer steps of the whole training."""
    seen = [name for name, (_, rows) in sets.items() if rows and "image" in rows[0]]
    drawn = sum(count for count, _ in sets.values())
    FIGURES.update(rows=drawn, sets=len(sets), picture_sets=len(seen))
    if seen and len(seen) < len(sets):
        WARNINGS.append(
            "rows with and without pictures: the script takes one with and then two without, in "
            "turns, whatever the counts of the list are (data_mix.py)"
        )
    if len(seen) < len(sets) and not FIGURES.get("gpus") and not request["rehearsal"]:
        fault(
            "Rows without pictures cannot be trained on here.",
            why="the model's own code moves them to a GPU (.cuda()), and there is none",
            fix="train on a machine with a GPU, or leave these rows out",
        )
    batch = training.gradient_accumulation_steps * request["gpus"]
    steps = int(drawn / batch * training.num_train_epochs)
    FIGURES["optimizer_steps"] = training.max_steps if training.max_steps > 0 else steps


def main():
    request = json.loads(sys.argv[2])
    groups = parse("train.sh")
    if groups is not None:
        _model, data, training, _lora = groups
        check_machine(request)
        sets = sets_of(data.data_path)
        decode(sets)
        figures(sets, training, request)
        if request["model"] is None:
            WARNINGS.append("a contract rehearsal: the model's own code was not here, none trained")
        else:
            check_model(request, data)
        if not request["rehearsal"] and not FAULTS:
            warn_of_few_steps(FIGURES["optimizer_steps"])
    write(sys.argv[1])


if __name__ == "__main__":
    main()
