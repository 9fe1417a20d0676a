"""The base model's tokenizer files over those that the engine wrote, where those cannot be loaded.

Training does not change a tokenizer. LLaMA-Factory 0.8.3 stores the one of ChatGLM3's own code with
values that its class refuses when it is made again ("property 'eos_token' of 'ChatGLMTokenizer'
object has no setter"): in a merged model, and in a whole one before it is exported.
"""

from __future__ import annotations

from orchestrator.base.plan import Command, PlannedFile
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory.commands import command
from orchestrator.engines.llamafactory.model_code import loses_tokenizer
from orchestrator.rendering.templates import render

SCRIPT = "restore_tokenizer.py"


def is_needed(job: Job) -> bool:
    """Whether this release loses the tokenizer of the job's model."""
    return loses_tokenizer(job.recipe.model, job.release)


def paths(job: Job) -> tuple[str, ...]:
    """The file that a stage reads for it."""
    return (SCRIPT,) if is_needed(job) else ()


def files(job: Job) -> tuple[PlannedFile, ...]:
    """The script in the run's folder: it stands in ``commands.sh`` like every other step."""
    if not is_needed(job):
        return ()
    text = render("llamafactory/restore_tokenizer.py.jinja", base=job.model)
    return (PlannedFile(path=SCRIPT, text=text),)


def commands(job: Job, folder: str) -> tuple[Command, ...]:
    """``python restore_tokenizer.py FOLDER``, after a model was saved there."""
    return (command(job, "python", SCRIPT, folder),) if is_needed(job) else ()
