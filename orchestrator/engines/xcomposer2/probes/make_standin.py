"""Make the XComposer2 in a folder tiny: its own code, config and tokenizer, small random weights.
Runs in the engine's Python.

usage: python make_standin.py FOLDER VISION

FOLDER has the model's config, code and tokenizer and gets weights; VISION becomes a vision tower of
the same kind, for the model's code loads one by a fixed name. Two widths stand in the code as
numbers (build_mlp.py): they shrink with the config.
"""

import json
import os
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))

from shrink import CannotShrink, shrunk

WIDTH = 64
VISION = {
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 336,
    "patch_size": 14,
}
_MM_WIDTH = re.compile(r"mm_hidden_size\s*=\s*(\d+)")


def with_numbers(text, numbers):
    """The code with each of these whole numbers replaced."""
    for old, new in numbers.items():
        text = re.sub(rf"(?<![\w.]){old}(?![\w.])", str(new), text)
    return text


def shrink_code(folder, width, small):
    """Make the widths small that stand as numbers in the model's code; the vision tower's width."""
    projector = folder / "build_mlp.py"
    text = projector.read_text("utf-8")
    found = _MM_WIDTH.search(text)
    vision = int(found[1]) if found else 1024
    numbers = {width: small, vision: min(vision, WIDTH)}
    projector.write_text(with_numbers(text, numbers), "utf-8")
    for file in folder.glob("modeling_internlm_xcomposer2*.py"):
        file.write_text(with_numbers(file.read_text("utf-8"), {width: small}), "utf-8")
    return min(vision, WIDTH)


def shrink_config(folder):
    """Make the config small; the width that it had, and has now."""
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    width = config["hidden_size"]
    for name, value in shrunk(config).items():
        config[name] = value
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False), "utf-8")
    return width, config["hidden_size"]


def make_vision(into, width):
    from transformers import CLIPVisionConfig, CLIPVisionModel

    CLIPVisionModel(CLIPVisionConfig(hidden_size=width, **VISION)).save_pretrained(into)


def main():
    folder, clip = Path(sys.argv[1]), Path(sys.argv[2])
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.modules["deepspeed"] = None  # nothing trains here, and its start costs seconds
    try:
        width, small = shrink_config(folder)
    except (CannotShrink, KeyError) as error:
        sys.exit(f"config.json cannot be made small: {error}")
    vision = shrink_code(folder, width, small)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    make_vision(clip, vision)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    model = AutoModelForCausalLM.from_config(config, trust_remote_code=True)
    model.save_pretrained(folder)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"made a stand-in of the model's own code: {count:,} parameters, width {small}")
    print(f"made a vision tower of width {vision} in {clip}")


if __name__ == "__main__":
    main()
