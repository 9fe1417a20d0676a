"""The stand-in model: the recipe's architecture in miniature, its tokenizer from the recipe's rows.

It is made by a script in the engine's own environment, so that exactly the classes which train are
the classes which wrote it. Nothing is downloaded.
"""

from __future__ import annotations

import json

from orchestrator.base.layout import STANDIN
from orchestrator.base.plan import Artifact, Command, Plan
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of
from orchestrator.planning.rehearsal.families import family_of
from orchestrator.probes import MAKE_STANDIN
from orchestrator.verifying.artifacts import MODEL


def plan(job: Job, *, rows: str) -> Plan:
    """The plan that makes ``standin/`` from the training rows."""
    engine = engine_of(job)
    module, attribute = engine.template_registry
    family = family_of(job.recipe.model, job.release)
    template = engine.template(job.recipe)
    request = {
        "family": family,
        "rows": rows,
        "into": job.model,
        "template": {"module": module, "attribute": attribute, "name": template},
        "max_length": job.recipe.train.max_length,
    }
    return Plan(
        stage="model",
        commands=(
            Command(
                argv=("python", str(MAKE_STANDIN), json.dumps(request, sort_keys=True)),
                by_hand=False,
            ),
        ),
        artifacts=(Artifact(path=STANDIN, proof=MODEL),),
        inputs=(rows,),
        outputs=(STANDIN,),
    )
