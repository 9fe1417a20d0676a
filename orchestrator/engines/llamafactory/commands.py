"""`llamafactory-cli train|export|chat|webchat|api`, each with one YAML file of the run."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.base.plan import Argument, Command
from orchestrator.engines.job import Job

PROGRAM = "llamafactory-cli"
#: USE_V1 would start another launcher, which does not know these files.
PLAIN = {"USE_V1": "0"}
LOCAL = "127.0.0.1"


def command(
    job: Job,
    *argv: Argument,
    env: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    by_hand: bool = True,
) -> Command:
    """A command in the engine's environment. A rehearsal sees no GPU, and its tiny model wants one
    thread: beside other work 16 steps take 0.4 s with it and 15 s without."""
    small = {"CUDA_VISIBLE_DEVICES": ""} if job.rehearsal else {}
    threads = {"OMP_NUM_THREADS": "1"} if job.rehearsal else {}
    return Command(
        argv=argv,
        env={**PLAIN, **small, **(env or {})},
        defaults={**threads, **(defaults or {})},
        by_hand=by_hand,
    )


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
    gpus = job.recipe.train.gpus
    env = {"NPROC_PER_NODE": str(gpus)} if gpus else {}
    # NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT are the user's, and pass through.
    defaults = {"FORCE_TORCHRUN": "1"} if uses_torchrun(job) else {}
    return command(job, *argv, env=env, defaults=defaults)


def export(job: Job) -> Command:
    """``llamafactory-cli export export.yaml``."""
    return command(job, PROGRAM, "export", "export.yaml", *job.passthrough.get("export", ()))
