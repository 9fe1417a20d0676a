"""Write the flags that a training script knows, with what each takes. Runs in the engine's Python.

usage: python list_flags.py SCRIPT FILE
FILE is ``flags/VERSION.json`` of the engine: a recipe is held to it before anything is built.
"""

import json
import sys
from pathlib import Path

from script_flags import Parsed, parsed
from transformers import HfArgumentParser


def kind_of(action):
    """What a flag takes: a list of words, "number", "flag", or "any"."""
    if action.choices:
        return [getattr(choice, "value", choice) for choice in action.choices]
    if getattr(action.type, "__name__", "") == "string_to_bool":
        return "flag"
    return "number" if action.type in (int, float) else "any"


def listed(parser):
    """flag -> what it takes."""
    return {
        action.dest: kind_of(action)
        for action in parser._actions
        if action.option_strings and action.dest != "help"
    }


def main():
    script, file = Path(sys.argv[1]), Path(sys.argv[2])
    kept = {}

    def keep(parser, *_args, **_options):
        kept.update(listed(parser))
        raise Parsed(())

    HfArgumentParser.parse_args_into_dataclasses = keep
    parsed(script, [])
    file.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
