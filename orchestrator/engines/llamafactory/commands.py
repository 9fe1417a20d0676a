"""`llamafactory-cli train|export|chat|webchat|api`, each with one YAML file of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.base.plan import Argument, Command
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory.capabilities import KEYS_AFTER_FILE

PROGRAM = "llamafactory-cli"
#: USE_V1 would start another launcher, which does not know these files.
PLAIN = {"USE_V1": "0"}
LOCAL = "127.0.0.1"
_WITH_KEYS = Path(__file__).parent / "probes" / "with_keys.py"


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


def words(job: Job, verb: str, keys: Sequence[Argument]) -> tuple[Argument, ...]:
    """``llamafactory-cli VERB VERB.yaml key=value …``, or what does the same in a release that
    takes one file and nothing else."""
    file = f"{verb}.yaml" if verb in ("train", "export") else "chat.yaml"
    if not keys or KEYS_AFTER_FILE in job.release.capabilities:
        return (PROGRAM, verb, file, *keys)
    return ("python", str(_WITH_KEYS), verb, file, *keys)


def uses_torchrun(job: Job) -> bool:
    """DeepSpeed needs it even on one GPU (the engine asks for FORCE_TORCHRUN=1)."""
    gpus = job.recipe.train.gpus
    native = job.recipe.engine_options.get("deepspeed")
    return bool(job.recipe.train.deepspeed or native or (gpus and gpus > 1))


def train(job: Job) -> Command:
    """``llamafactory-cli train train.yaml [resume_from_checkpoint=…]``."""
    resumed = [f"resume_from_checkpoint={job.resume_from}"] if job.resume_from else []
    argv = words(job, "train", [*resumed, *job.passthrough.get("train", ())])
    gpus = job.recipe.train.gpus
    env = {"NPROC_PER_NODE": str(gpus)} if gpus else {}
    # NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT are the user's, and pass through.
    defaults = {"FORCE_TORCHRUN": "1"} if uses_torchrun(job) else {}
    return command(job, *argv, env=env, defaults=defaults)


def export(job: Job) -> Command:
    """``llamafactory-cli export export.yaml``."""
    return command(job, *words(job, "export", job.passthrough.get("export", ())))
