"""The rendered files by the engine's own reader and parser, and the list of its data sets."""

import json
from pathlib import Path

from probe_findings import fault, near


def load_yaml(path):
    """As the engine loads it (llamafactory.hparams.parser): by OmegaConf where it is there."""
    try:
        from omegaconf import OmegaConf
    except ImportError:
        OmegaConf = None
    try:
        if OmegaConf is None:
            import yaml

            return yaml.safe_load(Path(path).read_text("utf-8"))
        return OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:
        fault(f"{path} cannot be read as the engine reads it.", why=str(error).strip()[:400])
        return None


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
    elif file and "tags" in info[name]:
        check_turns(Path(folder) / file, info[name])


def check_turns(path, entry):
    """What a turn holds beside its role and text is not read: the engine drops it in silence."""
    known = {entry["tags"]["role_tag"], entry["tags"]["content_tag"]}
    key = entry["columns"]["messages"]
    with path.open(encoding="utf-8") as rows:
        for number, line in enumerate(rows, 1):
            more = {word for turn in json.loads(line)[key] for word in turn} - known
            if more:
                fault(
                    f"The engine does not read {', '.join(sorted(more))} of a turn.",
                    why=f"{path}:{number} has it",
                    fix=f"--set 'data.drop=[{', '.join(sorted(more))}]'",
                )
                return
