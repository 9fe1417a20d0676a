"""Keys and values of the rendered files, by the engine's own parser, templates and data sets."""

import dataclasses
import json
from pathlib import Path

from probe_findings import fault, near


def load_yaml(path):
    """As the engine loads it (llamafactory.hparams.parser.read_args)."""
    from omegaconf import OmegaConf

    try:
        return OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:
        fault(f"{path} cannot be read as the engine reads it.", why=str(error).strip()[:400])
        return None


def fields_of(classes):
    return {f.name for one in classes for f in dataclasses.fields(one) if f.init}


def check_keys(path, given, classes, elsewhere):
    """Every key must belong to this file; one that belongs to the other file is named so."""
    known = fields_of(classes)
    for key in given:
        if key in known:
            continue
        if key in elsewhere:
            fault(
                f"{path}: {key} is a key of training, and has no place in the export.",
                why="the engine refuses keys that the command does not use",
                fix=f"remove engine_options.{key}, or use it in a training recipe",
            )
        else:
            fault(
                f"engine_options.{key}: the engine knows no such key.{near(key, known)}",
                why=f"it stands in {path}, and the engine's own parser refuses it",
                fix="correct the name or remove it",
            )


def parse(path, given, classes):
    """The engine's dataclasses; None and a fault when a value does not fit."""
    from transformers import HfArgumentParser

    try:
        return HfArgumentParser(classes).parse_dict(dict(given), allow_extra_keys=False)
    except Exception as error:
        text = str(error).strip() or repr(error)
        fault(
            f"The engine refuses a value in {path}.",
            why=text[:600],
            fix="change the key that the message names",
        )
        return None


def kinds_of(field):
    """The types that a field takes, ``None`` left out."""
    import typing

    kinds = typing.get_args(field.type) if not is_literal(field.type) else ()
    return [one for one in kinds if one is not type(None)] if kinds else [field.type]


def is_literal(kind):
    import typing

    return typing.get_origin(kind) is typing.Literal


def words_of(kinds):
    """The words that a field takes when it takes words of a list only; else None."""
    import enum
    import typing

    found = []
    for kind in kinds:
        if is_literal(kind):
            found += typing.get_args(kind)
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            found += [one.value for one in kind]
        else:
            return None
    return found


def check_values(path, given, classes):
    """Values that the engine's parser lets through, and that stop it much later or never."""
    for field in (one for cls in classes for one in dataclasses.fields(cls)):
        value = given.get(field.name)
        if value is None:
            continue
        kinds = kinds_of(field)
        words = words_of(kinds)
        if words is not None and value not in words:
            fault(
                f"{path}: {field.name} cannot be {value!r}.{near(str(value), map(str, words))}",
                why=f"it takes: {', '.join(map(str, words))}",
                fix=f"correct engine_options.{field.name}",
            )
        elif set(kinds) <= {int, float} and isinstance(value, str):
            fault(
                f"{path}: {field.name} must be a number, not the text {value!r}.",
                why="YAML 1.1 takes 1e-4 for text: it wants 1.0e-4",
                fix=f"write engine_options.{field.name} as a number",
            )
        elif set(kinds) == {bool} and not isinstance(value, bool):
            fault(
                f"{path}: {field.name} must be true or false, not {value!r}.",
                fix=f"correct engine_options.{field.name}",
            )


def check_template(given):
    from llamafactory.data.template import TEMPLATES

    name = given.get("template")
    if name is not None and name not in TEMPLATES:
        fault(
            f"The engine has no prompt template {name!r}.{near(str(name), TEMPLATES)}",
            why=f"it has: {', '.join(sorted(TEMPLATES))}",
            fix="set model.template to one of these",
        )


def check_dataset(given):
    """The data set must be in dataset_info.json, and its file must be there."""
    folder = str(given.get("dataset_dir", "data"))
    if given.get("tokenized_path") or folder == "ONLINE" or folder.startswith("REMOTE:"):
        return
    path = Path(folder) / "dataset_info.json"
    try:
        info = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        fault(f"{path} cannot be read.", why=str(error), fix="it is written by: --from render")
        return
    for key in ("dataset", "eval_dataset"):
        names = given.get(key)
        for name in (
            [n.strip() for n in names.split(",")] if isinstance(names, str) else names or []
        ):
            check_entry(key, name, info, folder, path)


def check_entry(key, name, info, folder, path):
    if name not in info:
        fault(
            f"{key} {name!r} is not in {path}.{near(name, info)}",
            why=f"it has: {', '.join(info)}; a name is wanted, not a path",
            fix=f"remove engine_options.{key}, or name a folder with engine_options.dataset_dir",
        )
        return
    file = info[name].get("file_name")
    if file and not (Path(folder) / file).exists():
        fault(
            f"The rows {file} of {name!r} are not there.",
            why=f"looked in {folder}/",
            fix="run with --from data",
        )
