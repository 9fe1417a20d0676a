"""Configs as XTuner's own Python reads them, as plain data. Runs in an XTuner environment.

usage: python read_configs.py REPORT [PATH ...]   (no PATH: every config that XTuner ships)
Writes REPORT: {name: {key: value}} or {name: {"error": text}}. What stands for an object of a
library is {"$ref": "module.name"}; a text or mapping of XTuner's own registries is its value.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject
from xtuner.configs import cfgs_name_path


def plain(value):
    if isinstance(value, (LazyAttr, LazyObject)):
        return reference(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {"$ref": str(value)}


def reference(value):
    """A system text is compared as what it says; all else by where it comes from."""
    path = dotted(value)
    if ".SYSTEM_TEMPLATE." in path:
        with contextlib.suppress(Exception):
            return str(value.build())
    return {"$ref": path}


def dotted(value):
    if isinstance(value, LazyAttr):
        return f"{dotted(value.source)}.{value.name}"
    imported = value._imported
    return f"{value.module}.{imported}" if imported else value.module


def read(path):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            tree = Config.fromfile(path)._to_lazy_dict()
        return {key: plain(value) for key, value in tree.items()}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    report, *paths = sys.argv[1:]
    files = {path: path for path in paths} or cfgs_name_path
    found = {name: read(path) for name, path in files.items()}
    Path(report).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
