"""Compare the exported model with base and adapter. Runs in the engine's own environment.

usage: python compare.py EXPORT_YAML REHEARSAL OWN_CODE
REHEARSAL and OWN_CODE (may the model's own code run) are 0 or 1.
Merged weights must be base + scale * B @ A (one module is computed), and the end-of-sequence token
must be the one of the training. In a rehearsal the exported model gives a greedy answer, which is
compared with the one of base and adapter.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def weight_files(folder):
    return sorted(Path(folder).glob("*.safetensors"))


def tensor(folder, name):
    from safetensors import safe_open

    for file in weight_files(folder):
        with safe_open(file, "pt") as opened:
            if name in opened.keys():  # noqa: SIM118
                return opened.get_tensor(name)
    return None


def adapter_pairs(folder):
    """(module, A's key, B's key) of each module with plain LoRA weights."""
    from safetensors import safe_open

    with safe_open(Path(folder) / "adapter_model.safetensors", "pt") as opened:
        keys = set(opened.keys())
    for key in sorted(keys):
        if key.endswith(".lora_A.weight") and key.replace("lora_A", "lora_B") in keys:
            yield key.removeprefix("base_model.model.").removesuffix(".lora_A.weight"), key


def check_one_module(base, adapter, merged):
    """The largest relative difference of one merged module; None when none can be computed."""
    config = json.loads((Path(adapter) / "adapter_config.json").read_text("utf-8"))
    if config.get("use_dora") or not weight_files(base) or not weight_files(merged):
        return None
    rank = config["r"]
    scale = config["lora_alpha"] / (rank**0.5 if config.get("use_rslora") else rank)
    for module, key in adapter_pairs(adapter):
        name = f"{module}.weight"
        old, new = tensor(base, name), tensor(merged, name)
        if old is None or new is None or old.shape != new.shape:
            continue
        a = tensor(adapter, key).float()
        b = tensor(adapter, key.replace("lora_A", "lora_B")).float()
        expected = old.float() + scale * (b @ a)
        difference = (expected - new.float()).abs().max().item()
        return module, difference / max(expected.abs().max().item(), 1e-12)
    return None


def check_end_token(base, merged, own_code):
    from transformers import AutoTokenizer

    before = AutoTokenizer.from_pretrained(base, trust_remote_code=own_code)
    after = AutoTokenizer.from_pretrained(merged, trust_remote_code=own_code)
    if after.convert_tokens_to_ids(before.eos_token) != before.eos_token_id:
        sys.exit(f"the exported tokenizer numbers {before.eos_token!r} differently")
    print(f"end of sequence: {before.eos_token!r} before, {after.eos_token!r} after exporting")
    return after


def greedy(model, tokenizer):
    import torch

    asked = tokenizer("Can I take ibuprofen with aspirin?", return_tensors="pt")
    given = {key: asked[key] for key in ("input_ids", "attention_mask") if key in asked}
    with torch.no_grad():
        return model.generate(**given, do_sample=False, max_new_tokens=12)[0].tolist()


def answers_of(model, tokenizer, own_code):
    """A greedy answer; None, with a warning, where a model's own code cannot give one here: what
    was trained and exported is none the worse for it."""
    import transformers

    try:
        return greedy(model, tokenizer)
    except Exception as error:
        if not own_code:
            raise
        print(
            f"warning: the model's own code cannot answer with transformers "
            f"{transformers.__version__}, so a chat with it will stop or hang: "
            f"{type(error).__name__}: {str(error).strip()}"
        )
    return None


def check_answers(base, adapter, merged, tokenizer, own_code):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    # The word that every release's transformers knows; the newer ones call it dtype.
    more = {"torch_dtype": torch.float32, "trust_remote_code": own_code}
    whole = AutoModelForCausalLM.from_pretrained(merged, **more)
    answer = answers_of(whole, tokenizer, own_code)
    if answer is None or adapter is None:
        return
    parts = AutoModelForCausalLM.from_pretrained(base, **more)
    both = PeftModel.from_pretrained(parts, adapter)
    if greedy(both, tokenizer) != answer:
        print("warning: the merged model answers otherwise than base and adapter (rounding?)")
    else:
        print("the merged model gives the same greedy answer as base and adapter")


def main():
    import yaml

    # Names of this run's own folders, which hold nothing that OmegaConf would change.
    given = yaml.safe_load(Path(sys.argv[1]).read_text("utf-8"))
    own_code = sys.argv[3] == "1"
    base, merged = given["model_name_or_path"], given["export_dir"]
    adapter = given.get("adapter_name_or_path")
    tokenizer = check_end_token(base, merged, own_code)
    found = check_one_module(base, adapter, merged) if adapter else None
    if found is not None:
        module, difference = found
        # Half precision keeps 8 bits: a rounding of 2**-8 of the largest weight is as it should be.
        if difference > 2**-6:
            sys.exit(f"{module} of the exported model is not base + adapter ({difference:.3f} off)")
        print(f"merged as it should be: {module} differs by {difference:.1e}")
    if sys.argv[2] == "1":
        check_answers(base, adapter, merged, tokenizer, own_code)


if __name__ == "__main__":
    main()
