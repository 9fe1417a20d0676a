"""One module of a merged model against its parts: base + scale * B @ A. In the engine's Python.

usage: python compare.py BASE ADAPTER MERGED
"""

import json
import sys
from pathlib import Path

import torch

#: bfloat16 keeps 8 bits: a rounding of 2**-8 of the largest weight is as it should be.
ROUNDING = 2**-8


def tensor(folder, name):
    """The tensor of that name in a model folder, from one file or from its shard."""
    for index in folder.glob("*.index.json"):
        shard = json.loads(index.read_text("utf-8"))["weight_map"].get(name)
        if shard:
            return loaded(folder / shard)[name]
    for file in (folder / "model.safetensors", folder / "pytorch_model.bin"):
        if file.is_file():
            return loaded(file).get(name)
    return None


def loaded(file):
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    return torch.load(file, map_location="cpu")


def main():
    base, adapter, merged = (Path(word) for word in sys.argv[1:4])
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    files = [adapter / f"adapter_model.{end}" for end in ("safetensors", "bin")]
    parts = loaded(next(file for file in files if file.is_file()))
    first = next(name for name in sorted(parts) if name.endswith("lora_A.weight"))
    module = first.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
    before, after = (tensor(folder, f"{module}.weight") for folder in (base, merged))
    if before is None or after is None:
        sys.exit(f"{module}.weight is not in the base model or not in the merged one")
    scale = config["lora_alpha"] / config["r"]
    second = parts[first.replace("lora_A", "lora_B")].float()
    wanted = before.float() + scale * second @ parts[first].float()
    off = (wanted - after.float()).abs().max().item()
    if off > 2 * ROUNDING * wanted.abs().max().item():
        sys.exit(f"{module} of the merged model is not base + adapter ({off:.3g} off)")
    print(f"merged as it should be: {module} differs by {off:.1e}")


if __name__ == "__main__":
    main()
