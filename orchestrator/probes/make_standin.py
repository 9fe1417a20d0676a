"""Make a tiny model and tokenizer, with the engine's own transformers. Runs in the engine's Python.

usage: python make_standin.py JSON   with keys family, rows, into, template, max_length
"""

import json
import os
import re
import sys
from pathlib import Path

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 16}
#: family -> (config class, what it takes beside SIZES). Looked up in transformers by name.
FAMILIES = {
    "llama": ("LlamaConfig", GROUPED),
    "mistral": ("MistralConfig", {**GROUPED, "sliding_window": None}),
    "qwen2": ("Qwen2Config", {"num_key_value_heads": 2}),
    "qwen3": ("Qwen3Config", GROUPED),
    "glm": ("GlmConfig", GROUPED),
    "glm4": ("Glm4Config", GROUPED),
    "gpt_neox": ("GPTNeoXConfig", {}),
}
VOCABULARY = 2048
_MARK = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Za-z_|]{2,20}\]")


def strings_in(value, depth=0):
    """Every string inside a template object: a mapping, a sequence, or an object's attributes."""
    if isinstance(value, str):
        yield value
    elif depth > 6:
        return
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings_in(one, depth + 1)
    elif isinstance(value, (list, tuple, set)):
        for one in value:
            yield from strings_in(one, depth + 1)
    elif hasattr(value, "__dict__"):
        yield from strings_in(vars(value), depth + 1)


def token_slots(value, depth=0):
    """Tokens that a template object names as such: ``{"token": "sop"}``."""
    if depth > 6 or isinstance(value, str):
        return
    if isinstance(value, dict):
        if set(value) == {"token"}:
            yield value["token"]
        for one in value.values():
            yield from token_slots(one, depth + 1)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from token_slots(one, depth + 1)
    elif hasattr(value, "__dict__"):
        yield from token_slots(vars(value), depth + 1)


def template_marks(template):
    """The special tokens that the engine's own template registry names, in order."""
    import importlib

    registry = getattr(importlib.import_module(template["module"]), template["attribute"])
    if template["name"] not in registry:
        import difflib

        known = list(registry)
        near = difflib.get_close_matches(template["name"], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
        sys.exit(f"unknown prompt template {template['name']!r}: {hint}")
    chosen = registry[template["name"]]
    found = dict.fromkeys(m for s in strings_in(chosen) for m in _MARK.findall(s))
    found.update(dict.fromkeys(token_slots(chosen)))
    return [mark for mark in found if mark not in ("<s>", "</s>", "<unk>", "<pad>")]


def texts(path):
    """Every text of the rows, whatever their format."""
    with Path(path).open(encoding="utf-8") as rows:
        for line in rows:
            if line.strip():
                yield from strings_in(json.loads(line))


def make_tokenizer(rows, marks, into):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    base = ["<unk>", "<s>", "</s>", "<pad>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*base, *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts(rows), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A",
        pair="<s> $A <s> $B",
        special_tokens=[("<s>", tokenizer.token_to_id("<s>"))],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=marks,
    )
    fast.save_pretrained(into)
    return fast


def make_model(family, tokenizer, max_length, into):
    import torch
    import transformers
    from transformers import AutoModelForCausalLM

    name, more = FAMILIES[family]
    config_class = getattr(transformers, name, None)
    if config_class is None:
        sys.exit(f"transformers {transformers.__version__} has no {name}; set model.architecture")
    torch.manual_seed(0)
    config = config_class(
        vocab_size=len(tokenizer),
        max_position_embeddings=max(2048, max_length),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **SIZES,
        **more,
    )
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(into)
    return sum(parameter.numel() for parameter in model.parameters())


def main():
    request = json.loads(sys.argv[1])
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Nothing trains here: to accelerate DeepSpeed is absent then, and saving does not start it,
    # which costs more than everything else (7.7 of 13.7 s on LLaMA-Factory).
    sys.modules["deepspeed"] = None
    into = Path(request["into"])
    into.mkdir(parents=True, exist_ok=True)
    marks = template_marks(request["template"])
    tokenizer = make_tokenizer(request["rows"], marks, into)
    parameters = make_model(request["family"], tokenizer, request["max_length"], into)
    print(
        f"made a stand-in: {request['family']}, {parameters:,} parameters, "
        f"{len(tokenizer):,} tokens, {len(marks)} of them from the template"
    )


if __name__ == "__main__":
    main()
