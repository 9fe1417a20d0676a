"""Load configs with mmengine and tell what is in them. Runs in an XTuner environment's Python.

usage: python load_configs.py REPORT NAME=PATH ...   (PATH may be ref:NAME of XTuner's own configs)
Writes REPORT: {NAME: {dotted key: value in words}} or {NAME: {"error": text}}.
"""

import json
import sys
from pathlib import Path

from mmengine.config import Config
from xtuner.configs import cfgs_name_path


def flat(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, (list, tuple)) and any(isinstance(one, dict) for one in value):
        for number, inner in enumerate(value):
            yield from flat(inner, f"{name}.{number}")
    else:
        yield name, repr(value)


def load(path):
    if path.startswith("ref:"):
        path = cfgs_name_path[path[len("ref:") :]]
    try:
        return dict(flat(Config.fromfile(path)._to_lazy_dict()))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    report, *wanted = sys.argv[1:]
    found = {name: load(path) for name, _, path in (one.partition("=") for one in wanted)}
    Path(report).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
