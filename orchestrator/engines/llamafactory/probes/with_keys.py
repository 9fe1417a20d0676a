"""Run a command of the engine with keys after its file, in a release that takes a file alone.

usage: python with_keys.py VERB FILE key=value …
Writes FILE's keys with these in their place to VERB-with-keys.yaml, and becomes
`llamafactory-cli VERB VERB-with-keys.yaml`. A value is read as YAML.
"""

import os
import sys
from pathlib import Path


def keys_of(words):
    import yaml

    keys = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            sys.exit(f"{word}: this release takes more keys as key=value alone")
        keys[key] = yaml.safe_load(value)
    return keys


def main():
    import yaml

    verb, file, *words = sys.argv[1:]
    given = yaml.safe_load(Path(file).read_text("utf-8"))
    keys = keys_of(words)
    made = Path(f"{verb}-with-keys.yaml")
    text = yaml.safe_dump({**given, **keys}, allow_unicode=True, sort_keys=False)
    made.write_text(f"# {file}, with {', '.join(keys)}\n{text}", encoding="utf-8")
    program = str(Path(sys.executable).with_name("llamafactory-cli"))
    os.execv(program, [program, verb, str(made)])


if __name__ == "__main__":
    main()
