"""Tokenise a run's rows as the engine's own training does. Runs in LLaMA-Factory's Python.

usage: python llamafactory_rows.py REPORT   (in a run directory with train.yaml and a stand-in)
Writes REPORT: a list of {"text", "trained"}: the whole decoded row, and what its loss looks at.
"""

import json
import sys
from pathlib import Path


def main():
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams.parser import get_train_args
    from llamafactory.model import load_tokenizer
    from omegaconf import OmegaConf

    given = OmegaConf.to_container(OmegaConf.load("train.yaml"))
    for key in ("val_size", "eval_strategy", "eval_steps", "do_eval"):
        given.pop(key, None)
    model, data, training, _, _ = get_train_args({**given, "output_dir": "probe"})
    module = load_tokenizer(model)
    tokenizer = module["tokenizer"]
    template = get_template_and_fix_tokenizer(tokenizer, data)
    rows = get_dataset(template, model, data, training, stage="sft", **module)["train_dataset"]
    found = [
        {
            "text": tokenizer.decode(row["input_ids"]),
            "trained": tokenizer.decode([one for one in row["labels"] if one != -100]),
            "tokens": len(row["input_ids"]),
            "marks": [tokenizer.convert_tokens_to_ids(mark) for mark in ("<|user|>", "<sop>")],
            "ids": row["input_ids"],
        }
        for row in rows
    ]
    Path(sys.argv[1]).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
