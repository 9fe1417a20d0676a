"""What LLaMA-Factory makes of rows and of a question, by its own pipeline. In its environment.

usage: python peek.py REPORT CHECK REQUEST
  CHECK: the request of check.py. REQUEST: JSON with rows (numbers from 1), sequence (a packed
  one's number, or null) and chat: keys in the place of chat.yaml's.
Writes REPORT: docs/peek.md describes it.
"""

import copy
import json
import os
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))

import token_view as view
from check import check_files, check_model
from look_keys import load_yaml, parse
from look_rows import as_now, count_steps, items_of, load_rows
from probe_findings import FAULTS, write

warnings.filterwarnings("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("LLAMAFACTORY_VERBOSITY", "ERROR")
#: Prefixes of columns that are no text to learn: KTO's shuffled answers.
_OTHER = ("kl_",)


def processor_of(data, stage, template, tokenizer):
    """The engine's own function from a batch of rows to what is trained on."""
    try:
        from llamafactory.data.loader import _get_dataset_processor
    except ImportError:  # before 0.9
        from llamafactory.data.preprocess import get_preprocess_and_print_func as make

        return make(data, stage, template, tokenizer["tokenizer"], tokenizer["processor"])[0]
    pair = tokenizer["tokenizer"], tokenizer["processor"]
    return _get_dataset_processor(data, stage, template, *pair).preprocess_dataset


def encoders(data, stage, template, tokenizer):
    """Two functions from a row to its parts {name: (ids, labels)}: as it is trained on, and as it
    would be without a limit; {} for a row that the engine drops."""

    def encoder(cutoff):
        alone = copy.copy(data)
        alone.packing, alone.neat_packing, alone.cutoff_len = False, False, cutoff
        run = processor_of(alone, stage, template, tokenizer)
        return lambda row: parts_of(run({key: [value] for key, value in row.items()}))

    return encoder(data.cutoff_len), encoder(10**9)


def parts_of(batch):
    """The one row of a batch, by the prefix of its columns (chosen, rejected, or nothing)."""
    found = {}
    for key, values in batch.items():
        prefix = key.removesuffix("input_ids")
        if key == prefix or prefix in _OTHER or not values:
            continue
        ids = list(values[0])
        labels = batch.get(f"{prefix}labels") or [ids]  # pretraining learns every token
        found[prefix.rstrip("_")] = ids, list(labels[0])
    return found


def measured(row, encode, encode_full, limit):
    """Parts as they are trained on, and in full."""
    full = encode_full(row)
    if all(len(ids) < limit for ids, _ in full.values()):
        return full, full
    kept = encode(row)
    return kept, full


def line_of(number, kept, full):
    def total(parts):
        return sum(len(ids) for ids, _ in parts.values())

    return [number, total(full), total(kept), sum(view.trained(one[1]) for one in kept.values())]


def shown_row(number, kept, full, tokenizer):
    """One row as JSON: its tokens, and what was cut."""
    parts, cuts = [], []
    for name, (ids, labels) in kept.items():
        after = view.part(tokenizer, ids, labels, name)
        parts.append(after)
        if full[name][0] != ids:
            cuts += view.cuts(tokenizer, view.part(tokenizer, *full[name], name), after)
    return {"row": number, "parts": parts, "cuts": cuts, "prompts": [], "system": None}


def training_prompt(row, template, tokenizer):
    messages = [*row["_prompt"][:1], {"role": "assistant", "content": ""}]
    pairs = template.encode_multiturn(tokenizer, messages, row["_system"], row["_tools"])
    return view.prompt("training", tokenizer, pairs[0][0])


def chat_engine(keys):
    """The engine of `llamafactory-cli chat` with everything but weights; None for chat.yaml's
    faults, which are not the training's."""
    from llamafactory.chat import hf_engine
    from llamafactory.hparams.parser import _INFER_ARGS

    count = len(FAULTS)
    given = {**(load_yaml("chat.yaml") or {}), **keys}
    given.pop("adapter_name_or_path", None)
    parsed = parse("chat.yaml", given, _INFER_ARGS)
    if parsed is None:
        del FAULTS[count:]
        return None
    hf_engine.load_model = lambda *_, **__: SimpleNamespace(device="cpu", config=None)
    return hf_engine.HuggingfaceEngine(*parsed)


def chat_prompts(keys, asked, tokenizer):
    """What its chat gives to a model for each question."""
    try:
        chat = chat_engine(keys)
        if chat is None:
            return [view.absent("chat", "chat.yaml is refused") for _ in asked]
        return [view.prompt("chat", tokenizer, chat_ids(chat, text)) for text in asked]
    except Exception as error:
        return [view.absent("chat", f"{type(error).__name__}: {error}"[:300]) for _ in asked]


def chat_ids(chat, text):
    given, _ = chat._process_args(
        chat.model,
        chat.tokenizer,
        chat.processor,
        chat.template,
        chat.generating_args,
        [{"role": "user", "content": text}],
        input_kwargs={},
    )
    return given["inputs"][0].tolist()


def add_prompts(shown, raw, template, tokenizer, model, keys):
    """The three prompts of every shown row that asks something.

    The chat comes last of all: its default system text goes into the template that both share.
    """
    from llamafactory.model import load_tokenizer

    # The engine gives its copy of the tokenizer a chat template.
    untouched = load_tokenizer(model)["tokenizer"]
    with_prompt = [one for one in shown if one["parts"]]
    asked = [raw[one["row"]]["_prompt"][0]["content"] for one in with_prompt]
    for one, text in zip(with_prompt, asked, strict=True):
        row = raw[one["row"]]
        one["system"] = row["_system"] or None
        own = view.own_prompt(untouched, one["system"], text)
        one["prompts"] = [training_prompt(row, template, tokenizer), own]
    for one, chat in zip(with_prompt, chat_prompts(keys, asked, tokenizer), strict=True):
        one["prompts"].insert(1, chat)


def packing(model, data, training, stage, template, tokenizer, number):
    """The whole data set as training gets it: tokens, trained tokens and padding of every packed
    sequence, one of them in full, and how many there are."""
    from inspect import signature

    from llamafactory.data.loader import get_dataset

    first = (template,) if "template" in signature(get_dataset).parameters else ()
    module = get_dataset(*first, model, data, training, stage=stage, **tokenizer)
    sequences = module["train_dataset"]
    pad = tokenizer["tokenizer"].pad_token_id
    lines = [line_of_sequence(one, pad) for one in sequences]
    one = sequences[number - 1] if number and number <= len(lines) else None
    shown = one and view.part(
        tokenizer["tokenizer"], one["input_ids"], one.get("labels") or one["input_ids"]
    )
    return {"packed": lines, "sequence": shown}


def line_of_sequence(one, pad):
    ids, labels = one["input_ids"], one.get("labels") or one["input_ids"]
    end = len(ids)
    while end and ids[end - 1] == pad and (labels is ids or labels[end - 1] < 0):
        end -= 1
    return [len(ids), view.trained(labels), len(ids) - end]


def look(parsed, request, *, rehearsal):
    """Everything but faults, warnings and figures; {} and a fault where rows cannot be loaded."""
    model, data, training, finetuning, _ = parsed
    found = load_rows(model, data, training, finetuning)
    if found is None:
        return {}
    rows, template, tokenizer, stage = found
    both = encoders(data, stage, template, tokenizer)
    lines, shown, raw, lengths = [], [], {}, []
    for number, (row, now) in enumerate(zip(rows, as_now(rows), strict=True), 1):
        kept, full = measured(row, *both, data.cutoff_len)
        lines.append(line_of(number, kept, full))
        lengths += [lines[-1][2]] if kept else []
        if number in request["rows"]:
            raw[number] = now
            shown.append(shown_row(number, kept, full, tokenizer["tokenizer"]))
    shown.sort(key=lambda one: request["rows"].index(one["row"]))
    packed = {"packed": None, "sequence": None}
    items = items_of(lengths, data)
    if data.packing:
        number = request["sequence"]
        packed = packing(model, data, training, stage, template, tokenizer, number)
        items = len(packed["packed"])
    if items:
        count_steps(items, data, training, rehearsal=rehearsal)
    if stage != "pt":
        add_prompts(shown, raw, template, tokenizer["tokenizer"], model, request["chat"])
    facts = view.facts(tokenizer["tokenizer"])
    return {"tokenizer": facts, "limit": data.cutoff_len, "rows": lines, "shown": shown, **packed}


def main():
    report, checked, request = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    given, parsed = check_files(checked)
    found = {}
    if parsed is not None and check_model(given, checked):
        data, finetuning = parsed[1], parsed[3]
        data.packing = finetuning.stage == "pt" if data.packing is None else data.packing
        found = look(parsed, request, rehearsal=checked["rehearsal"])
    write(report, **found)


if __name__ == "__main__":
    main()
