"""Put the base model's own tokenizer files over those in a folder, which cannot be loaded again.

usage: python restore_tokenizer.py FOLDER
This release stores the tokenizer with values that the model's own class refuses. Training does not
change a tokenizer, so the base model's files are right.
"""

import shutil
import sys
from pathlib import Path

BASE, SAVED = Path("./chatglm3-6b"), Path(sys.argv[1])


def tokenizer_files(folder):
    """tokenizer.model, tokenizer_config.json, the model's own tokenization_….py and their like."""
    more = ("special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt")
    return {*folder.glob("token*"), *(folder / name for name in more if (folder / name).exists())}


originals = tokenizer_files(BASE)
if not (BASE / "tokenizer_config.json").is_file():
    raise SystemExit(f"{BASE} has no tokenizer_config.json: the saved one is left as it is")
for file in tokenizer_files(SAVED):
    file.unlink()
for file in sorted(originals):
    shutil.copy(file, SAVED / file.name)
    print(f"the base model's own: {file.name}")
