"""Reload a saved tokenizer and pass a text through it. Runs in the engine's own Python.

usage: python check_tokenizer.py FOLDER
"""

import os
import sys

# Only the tokenizer is asked for: without torch, transformers starts in half the time.
os.environ["USE_TORCH"] = "0"
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def main():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=True)
    ids = tokenizer.encode("Can I take ibuprofen with aspirin?")
    if not ids:
        sys.exit("the tokenizer gives no tokens for a plain sentence")
    print(f"the tokenizer reloads: {len(tokenizer):,} tokens")


if __name__ == "__main__":
    main()
