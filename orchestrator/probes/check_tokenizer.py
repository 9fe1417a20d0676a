"""Reload a saved tokenizer and pass a text through it. Runs in the engine's own Python.

usage: python check_tokenizer.py FOLDER [own-code]
"""

import json
import os
import sys
from pathlib import Path

# Only the tokenizer is asked for: without torch, transformers starts in half the time.
os.environ["USE_TORCH"] = "0"
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
TEXT = "Can I take ibuprofen with aspirin?"


def from_one_file(folder):
    """Size and ids by the library below transformers, which starts twenty times faster; None for a
    tokenizer that has code of its own or is not one file."""
    config, one = folder / "tokenizer_config.json", folder / "tokenizer.json"
    if not (config.is_file() and one.is_file()):
        return None
    if "auto_map" in json.loads(config.read_text("utf-8")):
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(one))
    return tokenizer.get_vocab_size(), tokenizer.encode(TEXT).ids


def from_transformers(folder, own_code):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=own_code)
    return len(tokenizer), tokenizer.encode(TEXT)


def main():
    folder = Path(sys.argv[1])
    size, ids = from_one_file(folder) or from_transformers(folder, "own-code" in sys.argv[2:])
    if not ids:
        sys.exit("the tokenizer gives no tokens for a plain sentence")
    print(f"the tokenizer reloads: {size:,} tokens")


if __name__ == "__main__":
    main()
