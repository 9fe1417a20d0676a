"""A recipe as an XTuner config: a literal template of its family and release, filled and edited.

``templates/xtuner/<release>/`` holds what XTuner's own configs of that release say. The tests in
``tests/engine/test_xtuner_reference.py`` load both with mmengine and compare them key by key.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.engines.job import Job
from orchestrator.engines.xtuner.options import Options
from orchestrator.engines.xtuner.values import values
from orchestrator.recipe.faults import Objection
from orchestrator.rendering.templates import TemplateFault, render, render_file

#: The template of each kind of training.
FAMILIES = {"sft": "sft", "pt": "pretrain"}


def render_config(job: Job) -> str:
    """The text of ``config.py``; UsageError with everything that cannot be written."""
    text, objections = attempt(job)
    if objections:
        raise UsageError(
            say(
                f"XTuner {job.release.version} cannot do what this recipe asks for.",
                f"XTuner {job.release.version} 无法完成该配方的要求。",
            ),
            where="\n         ".join(f"{one.key}: {one.what}" for one in objections),
            why="; ".join(one.why for one in objections if one.why) or None,
            fix=say("correct these keys", "修正这些键"),
        )
    return text


def attempt(job: Job) -> tuple[str, list[Objection]]:
    """The text as far as it could be made, and what could not."""
    own = job.recipe.template_file
    try:
        text = _filled(job, own)
    except TemplateFault as error:
        return "", [Objection("template_file", error.what, error.why)]
    options = Options(text, tuple(job.recipe.trust_code))
    options.apply(job.recipe.engine_options)
    return options.text, options.objections


def _filled(job: Job, own: str | None) -> str:
    if own is not None:
        return render_file(Path(own), **values(job))
    family = FAMILIES[job.recipe.train.stage]
    return render(f"xtuner/{job.release.version}/{family}.py.jinja", **values(job))
