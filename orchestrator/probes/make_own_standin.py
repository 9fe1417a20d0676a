"""Make a model of a family's own code tiny, with random weights. Runs in the engine's own Python.

usage: python make_own_standin.py JSON   with keys folder, own_code

``folder`` holds the model's config, code and tokenizer, no weights; they are made in it. The config
is changed in the sizes alone, so that everything else is what a real run would meet. ``own_code``:
whether the model's Python code may run; nothing here runs it otherwise.
"""

import json
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

from shrink import CannotShrink, shrunk

TEXT = "Can I take ibuprofen with aspirin? 可以一起吃吗？"
SEED = 0


@contextmanager
def step(what):
    """One thing that the model's own files must bear; what fails is said to be theirs."""
    try:
        yield
    except Exception as error:  # whatever code of others raises
        import transformers

        traceback.print_exc()
        last = (str(error).strip() or repr(error)).splitlines()[-1]
        sys.exit(
            f"own code: {what} cannot be with transformers {transformers.__version__}: "
            f"{type(error).__name__}: {last}"
        )


def write_small(folder, config):
    """Put the small sizes into config.json, its other lines as they are; the text of both."""
    file = folder / "config.json"
    raw = json.loads(file.read_text("utf-8"))
    try:
        changes = shrunk({**config.to_dict(), **raw})
    except CannotShrink as error:
        sys.exit(f"no stand-in can be made of this model: {error}")
    raw.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del raw[key]
    file.write_text(json.dumps(raw, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return file.read_text("utf-8")


def set_weights(model):
    """Every weight anew: code that skips initialisation leaves whatever lay in memory."""
    import torch

    torch.manual_seed(SEED)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0.0, 0.02)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)


def main():
    request = json.loads(sys.argv[1])
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Nothing trains here: without DeepSpeed, saving takes half the time (see make_standin.py).
    sys.modules["deepspeed"] = None
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder = Path(request["folder"])
    name, trusted = request["folder"], {"trust_remote_code": request["own_code"]}
    with step("its config"):
        whole = AutoConfig.from_pretrained(name, **trusted)
    text = write_small(folder, whole)
    with step("its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(name, **trusted)
        tokens = tokenizer(TEXT)["input_ids"]
    with step("its model"):
        config = AutoConfig.from_pretrained(name, **trusted)
        model = AutoModelForCausalLM.from_config(config, **trusted).float()
    set_weights(model)
    with step("saving it"):
        model.save_pretrained(name)
    # Saving writes its own config.json; what a real run reads is the model's.
    (folder / "config.json").write_text(text, "utf-8")
    print(
        f"made a stand-in of the model's own architecture: {type(model).__name__}, "
        f"{sum(weight.numel() for weight in model.parameters()):,} parameters, "
        f"{len(tokenizer):,} tokens ({len(tokens)} in a sentence)"
    )


if __name__ == "__main__":
    main()
