"""`llamafactory-cli train|export|chat|webchat|api`, each with one YAML file of the run."""

from __future__ import annotations

from orchestrator.base.plan import Argument, Command
from orchestrator.engines.job import Job

PROGRAM = "llamafactory-cli"
#: USE_V1 would start another launcher, which does not know these files.
PLAIN = {"USE_V1": "0"}
LOCAL = "127.0.0.1"


def environment(job: Job) -> dict[str, str]:
    """A rehearsal sees no GPU; everything else is the user's own environment."""
    return {**PLAIN, **({"CUDA_VISIBLE_DEVICES": ""} if job.rehearsal else {})}


def uses_torchrun(job: Job) -> bool:
    """DeepSpeed needs it even on one GPU (the engine asks for FORCE_TORCHRUN=1)."""
    gpus = job.recipe.train.gpus
    native = job.recipe.engine_options.get("deepspeed")
    return bool(job.recipe.train.deepspeed or native or (gpus and gpus > 1))


def train(job: Job) -> Command:
    """``llamafactory-cli train train.yaml [resume_from_checkpoint=…]``."""
    argv: list[Argument] = [PROGRAM, "train", "train.yaml"]
    if job.resume_from:
        argv.append(f"resume_from_checkpoint={job.resume_from}")
    argv += job.passthrough.get("train", ())
    env = environment(job)
    gpus = job.recipe.train.gpus
    if gpus:
        env["NPROC_PER_NODE"] = str(gpus)
    # NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT are the user's, and pass through.
    defaults = {"FORCE_TORCHRUN": "1"} if uses_torchrun(job) else {}
    return Command(argv=tuple(argv), env=env, defaults=defaults)


def export(job: Job) -> Command:
    """``llamafactory-cli export export.yaml``."""
    argv = (PROGRAM, "export", "export.yaml", *job.passthrough.get("export", ()))
    return Command(argv=argv, env=environment(job))
