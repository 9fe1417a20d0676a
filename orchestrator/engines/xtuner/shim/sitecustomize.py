"""Loaded by Python at start-up in a rehearsal only: gives torch.cpu the one function it lacks.

XTuner 0.2.0 asks ``torch.cpu.is_bf16_supported()`` when there is no GPU, and torch 2.5 has no such
function. Nothing is imported here: a hook waits for ``torch.cpu`` and adds the function then.
"""

import importlib.abc
import importlib.machinery
import sys


def _add(module):
    if not hasattr(module, "is_bf16_supported"):
        module.is_bf16_supported = lambda: False


class _AddIsBf16Supported(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "torch.cpu":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            _add(module)

        spec.loader.exec_module = exec_module
        return spec


if "torch.cpu" in sys.modules:  # in a fork of a Python that imported it before
    _add(sys.modules["torch.cpu"])
else:
    sys.meta_path.insert(0, _AddIsBf16Supported())
