"""Write what a release knows by name: keys, the words they take, templates. Runs in its Python.

usage: python list_words.py FILE
FILE is ``words/VERSION.json`` beside this folder: a recipe is held to it before anything is built.
"""

import dataclasses
import enum
import json
import sys
import typing
from pathlib import Path


class Tokenizer:
    """Enough of a tokenizer to write an Ollama Modelfile with."""

    bos_token, eos_token, bos_token_id, eos_token_id = "<s>", "</s>", 1, 2
    convert_tokens_to_ids = convert_ids_to_tokens = staticmethod(lambda one: one)


def kind_of(field):
    """What a key takes: a list of words, "number", "flag", or "any"."""
    literal = typing.get_origin(field.type) is typing.Literal
    kinds = [] if literal else [one for one in typing.get_args(field.type) if one is not type(None)]
    kinds = kinds or [field.type]
    words = []
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal:
            words += typing.get_args(kind)
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            words += [one.value for one in kind]
        else:
            break
    else:
        return words
    if set(kinds) <= {int, float}:
        return "number"
    return "flag" if set(kinds) == {bool} else "any"


def keys_of(classes):
    fields = [field for cls in classes for field in dataclasses.fields(cls) if field.init]
    return {field.name: kind_of(field) for field in sorted(fields, key=lambda one: one.name)}


def has_modelfile(template):
    """Whether the export can write the Modelfile that it writes; before 0.9.2 it writes none."""
    write = getattr(template, "get_ollama_modelfile", None)
    try:
        return write is None or bool(write(Tokenizer()))
    except ValueError:
        return False


def sees(template):
    """Whether the template is of a model that sees or hears; before 0.9 a model says so itself."""
    plugin = getattr(template, "mm_plugin", None)
    return plugin is not None and type(plugin).__name__ != "BasePlugin"


def main():
    from llamafactory.data.template import TEMPLATES
    from llamafactory.hparams import parser
    from transformers import SchedulerType
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
    from transformers.training_args import OptimizerNames

    words = {
        "templates": sorted(TEMPLATES),
        "multimodal": sorted(name for name, one in TEMPLATES.items() if sees(one)),
        "without_modelfile": sorted(k for k, one in TEMPLATES.items() if not has_modelfile(one)),
        "optimizers": [one.value for one in OptimizerNames],
        "schedulers": [one.value for one in SchedulerType],
        "trackers": sorted(INTEGRATION_TO_CALLBACK),
        "train": keys_of(parser._TRAIN_ARGS),
        "export": keys_of(parser._INFER_ARGS),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in words.items()]
    Path(sys.argv[1]).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
