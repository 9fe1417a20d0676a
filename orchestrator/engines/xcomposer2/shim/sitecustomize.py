"""Loaded by Python at start-up where a training goes on: ``--resume_from_checkpoint`` is heard.

finetune.py takes that flag, as every script on transformers' TrainingArguments does, and then calls
``trainer.train()`` without it. Nothing is imported here: a hook waits for transformers' trainer and
gives ``train`` the flag's value where it is called without one.
"""

import functools
import importlib.abc
import importlib.machinery
import sys


class _HandOnTheCheckpoint(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "transformers.trainer":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            train = module.Trainer.train

            @functools.wraps(train)
            def from_the_flag(self, resume_from_checkpoint=None, *args, **options):
                chosen = resume_from_checkpoint or self.args.resume_from_checkpoint
                return train(self, chosen, *args, **options)

            module.Trainer.train = from_the_flag

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _HandOnTheCheckpoint())
