"""The rows through the engine's own loader and template: dropped, cut, how long, how many steps."""

import math
import os

from probe_findings import FIGURES, WARNINGS, fault, warn_of_few_steps

#: Rows that are looked at when the recipe does not limit them.
EXAMINED = 20_000


def examine_rows(model, data, training, finetuning, *, rehearsal):
    """The rows through the engine's own loader and template: what is dropped, cut, how long."""
    found = load_rows(model, data, training, finetuning, most=EXAMINED)
    if found is None:
        return
    rows, template, tokenizer, stage = found
    lengths = measure(rows, template, tokenizer["tokenizer"], data, stage)
    if lengths:
        count_steps(items_of(lengths, data), data, training, rehearsal=rehearsal)


def load_rows(model, data, training, finetuning, *, most=None):
    """Rows, template, tokenizer and processor, and the stage that they are read for; None and a
    fault where they cannot be loaded. ``most`` rows where the recipe does not limit them."""
    from llamafactory.data.loader import _get_merged_dataset
    from llamafactory.model import load_tokenizer

    try:
        tokenizer = load_tokenizer(model)
    except Exception as error:
        cause = error.__cause__ or error
        fault(
            f"The tokenizer in {model.model_name_or_path} cannot be loaded.", why=str(cause)[:500]
        )
        return None
    template = template_of(tokenizer["tokenizer"], data)
    # DPO reads its rows as reward modelling does (llamafactory/train/dpo/workflow.py).
    stage = "rm" if finetuning.stage == "dpo" else finetuning.stage
    limit, data.max_samples = data.max_samples, data.max_samples or most
    try:
        rows = _get_merged_dataset(data.dataset, model, data, training, stage=stage)
    except Exception as error:
        fault(
            "The engine cannot load the rows.",
            why=f"{type(error).__name__}: {error}"[:600],
            fix="look at them with `recipe data look`, then --from data",
        )
        return None
    finally:
        data.max_samples = limit
    return rows, template, tokenizer, stage


def template_of(tokenizer, data):
    """The template, which the tokenizer gets too. Before 0.9 it is asked for by its name."""
    from inspect import signature

    from llamafactory.data import get_template_and_fix_tokenizer as fixed

    by_name = "data_args" not in signature(fixed).parameters
    return fixed(tokenizer, data.template, data.tool_format) if by_name else fixed(tokenizer, data)


def as_now(rows):
    """Rows with the keys that they have since 0.9: with a line before them."""
    for row in rows:
        yield {key if key.startswith("_") else f"_{key}": value for key, value in row.items()}


def measure(rows, template, tokenizer, data, stage):
    """Tokens of each row before the engine cuts it, as its processors see them."""
    lengths, cut, dropped, systems, turns = [], 0, 0, 0, 0
    check_media(as_now(rows))
    for row in as_now(rows):
        prompt, response = row["_prompt"], row["_response"]
        if stage in ("sft", "rm", "dpo", "kto") and (len(prompt) % 2 != 1 or not response):
            dropped += 1
            continue
        systems += bool(row["_system"])
        turns += len(prompt) > 1
        if stage == "pt":
            text = "\n".join(one["content"] for one in prompt)
            lengths.append(len(tokenizer.encode(text)))
            continue
        messages = [*prompt, response[0]]
        pairs = template.encode_multiturn(tokenizer, messages, row["_system"], row["_tools"])
        total = sum(len(a) + len(b) for a, b in pairs) + int(template.efficient_eos)
        cut += total > data.cutoff_len
        lengths.append(total)
    FIGURES.update(rows=len(lengths), rows_dropped=dropped, rows_cut=cut, tokens=sum(lengths))
    FIGURES.update(rows_with_system=systems, rows_with_history=turns)
    if lengths:
        FIGURES["longest"] = max(lengths)
    report_rows(lengths, cut, dropped, data)
    return [min(one, data.cutoff_len) for one in lengths]


def check_media(rows):
    """Every picture, video and sound that a row names must be a file."""
    named = missing = 0
    first = None
    for row in rows:
        for kind in ("_images", "_videos", "_audios"):
            for path in row.get(kind) or ():
                named += 1
                if isinstance(path, str) and not os.path.isfile(path):  # noqa: PTH113
                    missing += 1
                    first = first or path
    if named:
        FIGURES["media"] = named
    if missing:
        fault(
            f"{missing} of {named} pictures, videos and sounds are not there.",
            why=f"the first is {first}; they are looked for beside the rows' own file",
            fix="--set engine_options.media_dir=/their/folder",
        )


def report_rows(lengths, cut, dropped, data):
    count = len(lengths) + dropped
    if dropped:
        WARNINGS.append(f"{dropped} of {count} rows are dropped in silence: roles or turns are odd")
    if cut:
        how = "dropped" if data.packing else "cut"
        WARNINGS.append(
            f"{cut} of {count} rows are {how} in silence at cutoff_len {data.cutoff_len} tokens"
        )
    if not lengths or (data.packing and cut == len(lengths)):
        fault(
            "No row is left to train on.",
            why=f"cutoff_len is {data.cutoff_len}",
            fix="raise train.max_length, or look at the rows with `recipe data look`",
        )


def items_of(lengths, data):
    """How many rows, or packed sequences, training goes through in an epoch."""
    rows = len(lengths)
    held = math.ceil(rows * data.val_size) if data.val_size <= 1 else int(data.val_size)
    rows -= held if data.val_size > 1e-6 else 0
    if data.packing:
        return max(1, sum(lengths) * rows // (len(lengths) * data.cutoff_len))
    return rows


def count_steps(rows, data, training, *, rehearsal):
    processes = max(1, int(os.environ.get("NPROC_PER_NODE", 0)) or FIGURES.get("gpus", 1))
    processes *= int(os.environ.get("NNODES", "1"))
    batches = max(1, math.ceil(rows / (training.per_device_train_batch_size * processes)))
    an_epoch = max(1, math.ceil(batches / training.gradient_accumulation_steps))
    steps = training.max_steps
    steps = steps if steps > 0 else math.ceil(an_epoch * training.num_train_epochs)
    FIGURES.update(steps_per_epoch=an_epoch, optimizer_steps=steps)
    if rehearsal:
        return
    warn_of_few_steps(steps)
    if training.fp16:
        WARNINGS.append("fp16: watch for a loss of 0.0 or nan; bf16 is safer where the GPU has it")
