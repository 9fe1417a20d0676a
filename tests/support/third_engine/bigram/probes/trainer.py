"""The engine itself: which letter follows which, by gradient descent. Runs in the engine's Python.

usage: python trainer.py check|train SETTINGS [--from=CHECKPOINT]
"""

import itertools
import json
import math
import os
import sys
from pathlib import Path

import yaml


def pairs_of(path):
    """(letter, next letter) of every answer in the rows."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["output"] for line in lines]
    pairs = [pair for text in texts for pair in itertools.pairwise(text)]
    return pairs or sys.exit("no letters: there is nothing to learn")


def one_pass(weights, pairs, letters, rate):
    """Softmax regression, one step a pair; the mean loss in nats."""
    total = 0.0
    for before, after in pairs:
        row = weights[before]
        scale = sum(math.exp(row[each]) for each in letters)
        total -= row[after] - math.log(scale)
        for each in letters:
            row[each] -= rate * (math.exp(row[each]) / scale - (each == after))
    return total / len(pairs)


def store(path, value):
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(path)


def train(settings, start):
    pairs = pairs_of(settings["rows"])
    letters = sorted({letter for pair in pairs for letter in pair})
    state = {"epoch": 0, "weights": {one: dict.fromkeys(letters, 0.0) for one in letters}}
    if start:
        state = json.loads(Path(start).read_text(encoding="utf-8"))
    folder = Path(settings["out"])
    folder.mkdir(exist_ok=True)
    for epoch in range(state["epoch"], settings["epochs"]):
        state["loss"] = one_pass(state["weights"], pairs, letters, settings["rate"])
        state["epoch"] = epoch + 1
        store(folder / "checkpoint.json", state)
        print(f"epoch {epoch + 1}: loss {state['loss']:.4f}", flush=True)
        if os.environ.get("BIGRAM_CRASH_AFTER") == str(epoch + 1):
            sys.exit("crashed, as it was told to")
    store(folder / "weights.json", {"letters": letters, **state})


def check(settings):
    pairs = pairs_of(settings["rows"])
    report = {"faults": [], "warnings": [], "figures": {"pairs": len(pairs)}}
    Path("check.json").write_text(json.dumps(report), encoding="utf-8")


def main():
    verb, path, *more = sys.argv[1:]
    settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if verb == "check":
        check(settings)
    else:
        train(settings, next((word.partition("=")[2] for word in more), None))


if __name__ == "__main__":
    main()
