"""The stand-in of a model's own config, code and tokenizer: copied, then shrunk by the engine's
own Python.

An engine needs nothing for it: its own Python runs the script, and its stages find the model where
they find every other (``job.model``). One whose models need more says so (``MakesStandins``).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.language import say
from orchestrator.base.layout import STANDIN
from orchestrator.base.plan import Artifact, Command, Plan, Progress
from orchestrator.engines.job import Job
from orchestrator.engines.protocol import MakesStandins
from orchestrator.engines.registry import engine_of
from orchestrator.probes import MAKE_OWN_STANDIN
from orchestrator.recipe.trust import trust_in_words, trusts_remote_code
from orchestrator.verifying.artifacts import MODEL


def plan(job: Job) -> Plan:
    """The plan that makes ``standin/`` of the model's own files."""
    model = job.recipe.model
    request = {"folder": job.model, "own_code": trusts_remote_code(model)}
    argv = ("python", str(MAKE_OWN_STANDIN), json.dumps(request, sort_keys=True))
    command = Command(
        argv=argv,
        env={"CUDA_VISIBLE_DEVICES": ""},
        defaults={"OMP_NUM_THREADS": "1"},
        by_hand=False,
    )
    plan = Plan(
        stage="model",
        task=CopyOwnFiles(job),
        commands=(command,),
        artifacts=(Artifact(path=STANDIN, proof=MODEL),),
        inputs=_inputs(job),
        outputs=(STANDIN,),
    )
    engine = engine_of(job)
    return engine.own_standin(job, plan) if isinstance(engine, MakesStandins) else plan


def _inputs(job: Job) -> tuple[str, ...]:
    """The files of a folder that the recipe names: whoever mends the code there gets another
    stand-in. A hub's revision does not change."""
    model = job.recipe.model
    if model.path is None and model.hub != "local":
        return ()
    from orchestrator.hub.fetch import known_model

    folder = known_model(model, weights=False)
    return tuple(str(folder.path / name) for name in folder.files) if folder else ()


@dataclass(frozen=True)
class CopyOwnFiles:
    """The task: bring config, code and tokenizer into the run, from the disk or the hub."""

    job: Job

    def describe(self) -> str:
        model = self.job.recipe.model
        return "; ".join(
            (
                say(
                    f"copy config, code and tokenizer of {model.id} into {STANDIN}/, no weights",
                    f"把 {model.id} 的配置、代码和分词器复制到 {STANDIN}/（不含权重）",
                ),
                trust_in_words(model),
            )
        )

    def facts(self) -> Mapping[str, object]:
        return {"model": self.job.recipe.model.model_dump(exclude={"template"})}

    def run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        from orchestrator.hub.fetch import cached_files, fetch_model
        from orchestrator.hub.provenance import provenance

        model = self.job.recipe.model
        folder = cached_files(model) or fetch_model(model, progress=progress, weights=False)
        for name in folder.files:
            target = root / STANDIN / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder.path / name, target)
        trusted = trusts_remote_code(model)
        return {**provenance(folder), "asked": model.revision, "trust_remote_code": trusted}
