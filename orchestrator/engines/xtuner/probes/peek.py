"""What XTuner makes of rows and of a question, by its own pipeline. Runs in its environment.

usage: python peek.py CONFIG REPORT REQUEST
  REQUEST: JSON with rows (numbers from 1), sequence (a packed one's number, or null), rehearsal,
  system (of the chat, or null) and chat: the words of `xtuner chat`.
Writes REPORT: docs/peek.md describes it.
"""

import contextlib
import inspect
import json
import os
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))

import token_view as view
from check import (
    build,
    check_steps,
    check_template,
    data_sets,
    load_config,
    load_tokenizer,
    longest,
)
from probe_findings import FAULTS, WARNINGS, write

warnings.filterwarnings("ignore")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
ROW = "recipe_row"
#: Rows that a process of its own is worth.
_SHARE = 2000


def numbered_rows(cfg):
    """The data sets whose rows are on this disk, each with its rows numbered from 1."""
    first = 1
    for dataset in data_sets(cfg):
        if (dataset.get("dataset") or {}).get("data_files"):
            rows = built(dataset["dataset"])
            rows = rows["train"] if hasattr(rows, "keys") else rows
            yield dataset, rows.add_column(ROW, list(range(first, first + len(rows))))
            first += len(rows)


def built(value):
    from xtuner.registry import BUILDER

    return BUILDER.build(value)


def pipeline(dataset, rows, tokenizer, limit):
    """Each row for itself through the data set's own pipeline, unpacked: {number: row}."""
    keys = {
        **dataset,
        "dataset": rows,
        "tokenizer": tokenizer,
        "max_length": limit,
        "pack_to_max_length": False,
        "remove_unused_columns": False,
    }
    known = inspect.signature(keys["type"]).parameters
    if "use_varlen_attn" in known:
        keys["use_varlen_attn"] = False
    if "map_num_proc" in known:  # it changes how rows are packed, and nothing else
        usual = keys.get("map_num_proc", known["map_num_proc"].default)
        keys["map_num_proc"] = min(usual, 1 + len(rows) // _SHARE)
    return {row[ROW]: row for row in built(keys)}


def packed(cfg, tokenizer):
    """The whole data set as training gets it."""
    keys = dict(cfg.train_dataset)
    if "tokenizer" in keys:
        keys["tokenizer"] = tokenizer
    return built(keys)


def measured(dataset, rows, tokenizer, limit):
    """Rows as training has them, and before they are cut: {number: row} twice."""
    kept = pipeline(dataset, rows, tokenizer, limit)
    at_limit = [
        place
        for place, number in enumerate(rows[ROW])
        if number not in kept or len(kept[number]["input_ids"]) >= limit
    ]
    full = pipeline(dataset, rows.select(at_limit), tokenizer, 10**9) if at_limit else {}
    return kept, full


def questions(dataset, rows):
    """{number: the first turn as the row has it}: its system text and its question."""
    map_fn = dataset.get("dataset_map_fn")
    rows = rows if map_fn is None else rows.map(build(map_fn))
    return {row[ROW]: (row["conversation"] or [{}])[0] for row in rows}


def training_prompt(templated, tokenizer):
    """The first turn's prompt, encoded by XTuner without its answer."""
    from xtuner.dataset.utils import encode_fn

    only = {"conversation": [dict(templated["conversation"][0])]}
    ids = encode_fn(only, tokenizer, 10**9, input_ids_with_output=False)["input_ids"]
    return view.prompt("training", tokenizer, ids)


def chat_prompts(words, asked, tokenizer):
    """What `xtuner chat` gives to a model for each question: its own main, and a model that only
    listens. How a question is typed in is no part of it."""
    import torch
    import xtuner.tools.chat as tool

    heard = []

    def generate(inputs, **_):
        heard.append(inputs[0].tolist())
        return inputs

    model = SimpleNamespace(generate=generate)
    model.eval = lambda: model
    tool.AutoModelForCausalLM = SimpleNamespace(from_pretrained=lambda *_, **__: model)
    torch.Tensor.cuda = lambda self, *_, **__: self  # 0.1.9 asks for a GPU by name
    typed = iter([text for question in asked for text in (question, "RESET")])
    tool.get_input = lambda: next(typed, "EXIT")
    sys.argv = words[1:]
    try:
        with contextlib.suppress(SystemExit):
            tool.main()
    except Exception as error:
        return [view.absent("chat", f"{type(error).__name__}: {error}"[:300]) for _ in asked]
    if len(heard) != len(asked):
        return [view.absent("chat", "it asked for another question") for _ in asked]
    return [view.prompt("chat", tokenizer, ids) for ids in heard]


def shown_row(number, kept, full, tokenizer):
    """One row as JSON: its tokens, and what was cut."""
    whole = full or kept
    before = view.part(tokenizer, whole["input_ids"], whole["labels"]) if whole else None
    after = view.part(tokenizer, kept["input_ids"], kept["labels"]) if kept else None
    cut = view.cuts(tokenizer, before, after) if full and kept else []
    parts = [after] if after else []
    return {"row": number, "parts": parts, "cuts": cut, "prompts": [], "system": None}


def add_prompts(shown, first, kept, request, tokenizer):
    """The three prompts of every shown row that asks something."""
    with_prompt = [one for one in shown if one["parts"] and first[one["row"]].get("input")]
    asked = [first[one["row"]]["input"] for one in with_prompt]
    chats = chat_prompts(request["chat"], asked, tokenizer) if asked else []
    for one, chat, question in zip(with_prompt, chats, asked, strict=True):
        one["system"] = first[one["row"]].get("system") or None
        one["prompts"] = [
            training_prompt(kept[one["row"]], tokenizer),
            chat,
            view.own_prompt(tokenizer, one["system"], question),
        ]


def look(cfg, tokenizer, request):
    """Everything but faults, warnings and figures."""
    limit, wanted = longest(cfg), set(request["rows"])
    lines, shown, items = [], [], 0
    first, kept_rows = {}, {}
    for dataset, rows in numbered_rows(cfg):
        kept, full = measured(dataset, rows, tokenizer, limit)
        items += len(kept)
        for number in rows[ROW]:
            row = kept.get(number)
            whole = full.get(number) or row
            lines.append(
                [
                    number,
                    len(whole["input_ids"]) if whole else 0,
                    len(row["input_ids"]) if row else 0,
                    view.trained(row["labels"]) if row else 0,
                ]
            )
        here = [place for place, number in enumerate(rows[ROW]) if number in wanted]
        first.update(questions(dataset, rows.select(here)))
        kept_rows.update({number: kept[number] for number in wanted if number in kept})
        shown += [
            shown_row(number, kept.get(number), full.get(number), tokenizer)
            for number in rows.select(here)[ROW]
        ]
    shown.sort(key=lambda one: request["rows"].index(one["row"]))
    add_prompts(shown, first, kept_rows, request, tokenizer)
    found = {"limit": None if limit == sys.maxsize else limit, "rows": lines, "shown": shown}
    all_here = len(list(data_sets(cfg))) == sum(1 for _ in numbered_rows(cfg))
    if not all_here:
        WARNINGS.append("rows are on a hub: what becomes of them is not known here")
        return {**found, "packed": None, "sequence": None}
    sequences = None
    if data_sets(cfg)[0].get("pack_to_max_length"):
        sequences = packed(cfg, tokenizer)
        items = len(sequences)
    processes = int(os.environ.get("NPROC_PER_NODE", "1"))
    check_steps(cfg, items, processes, request["rehearsal"])
    return {**found, **packing(sequences, request["sequence"], tokenizer)}


def packing(sequences, number, tokenizer):
    """Tokens, trained tokens and padding of every packed sequence, and one of them whole."""
    if sequences is None:
        return {"packed": None, "sequence": None}
    lines = [[len(one["input_ids"]), view.trained(one["labels"]), 0] for one in sequences]
    one = sequences[number - 1] if number and number <= len(lines) else None
    shown = one and view.part(tokenizer, one["input_ids"], one["labels"])
    return {"packed": lines, "sequence": shown}


def main():
    path, report, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    check_template(path)
    cfg = load_config(path)
    tokenizer = load_tokenizer(cfg) if cfg is not None and not FAULTS else None
    found = {}
    if tokenizer is not None:
        found = {"tokenizer": view.facts(tokenizer), **look(cfg, tokenizer, request)}
    write(report, **found)


if __name__ == "__main__":
    main()
