"""XTuner's own commands as a tutorial types them: train, pth_to_hf, merge, chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.base import layout
from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.plan import Argument, Command
from orchestrator.engines.job import Job
from orchestrator.engines.xtuner import capabilities as can
from orchestrator.engines.xtuner.checkpoints import NewestCheckpoint
from orchestrator.engines.xtuner.config import render_config
from orchestrator.engines.xtuner.template_names import template

#: MKL beside libgomp stops converting and merging without these two (XTuner tutorial, 2.3.6).
MKL = {"MKL_SERVICE_FORCE_INTEL": "1", "MKL_THREADING_LAYER": "GNU"}
#: Without a launcher DeepSpeed asks MPI who it is, and mpi4py is not there.
ONE_PROCESS = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}
ALL_DONE = "All done!"
#: The last thing a training says: without it, checkpoints on the way do not make it complete.
AFTER_TRAIN = "after_train in EvaluateChatHook."


def train(job: Job) -> Command:
    """``xtuner train config.py --work-dir work [--deepspeed …] [--resume …]``."""
    argv: list[Argument] = ["xtuner", "train", "config.py", "--work-dir", layout.WORK]
    deepspeed = job.recipe.train.deepspeed
    if deepspeed:
        argv += ["--deepspeed", f"deepspeed_{deepspeed}"]
    if job.resume_from:
        argv += ["--resume", job.resume_from]
    argv += job.passthrough.get("train", ())
    gpus = job.recipe.train.gpus
    env = dict(MKL)
    defaults: dict[str, str] = {}
    if gpus and gpus > 1:
        env["NPROC_PER_NODE"] = str(gpus)
    elif deepspeed:
        defaults = ONE_PROCESS
    return Command(
        argv=tuple(argv),
        env={**env, **_variables(job)},
        defaults={**defaults, **_threads(job)},
        succeeded=AFTER_TRAIN if _says_so(job) else None,
    )


def _says_so(job: Job) -> bool:
    """Whether the config has the hook whose last words :data:`AFTER_TRAIN` is, and logs them."""
    text = render_config(job)
    return "type=EvaluateChatHook" in text and 'log_level = "INFO"' in text


def convert(job: Job) -> Command:
    """``xtuner convert pth_to_hf config.py CHECKPOINT FOLDER``; a full model goes to merged."""
    target = layout.MERGED if job.recipe.train.method == "full" else layout.ADAPTER
    checkpoint = NewestCheckpoint(layout.WORK)
    argv: list[Argument] = ["xtuner", "convert", "pth_to_hf", "config.py", checkpoint, target]
    if job.recipe.train.method == "full":
        argv += ["--max-shard-size", job.recipe.export.max_shard_size]
    if job.recipe.export.fp32:
        argv.append("--fp32")
    argv += _safe(job)
    argv += job.passthrough.get("convert", ())
    return Command(
        argv=tuple(argv), env={**MKL, **_variables(job)}, defaults=_threads(job), succeeded=ALL_DONE
    )


def merge(job: Job) -> Command:
    """``xtuner convert merge BASE ADAPTER FOLDER --max-shard-size …``."""
    argv: list[Argument] = ["xtuner", "convert", "merge"]
    argv += [job.model, layout.ADAPTER, layout.MERGED]
    argv += ["--max-shard-size", job.recipe.export.max_shard_size]
    argv += _safe(job)
    env = {**MKL, **_variables(job)}
    if job.recipe.export.device == "cpu" and not job.rehearsal:
        # 0.1.9 has no --device: hiding the GPUs puts the merge on the CPU there.
        if can.MERGE_DEVICE in job.release.capabilities:
            argv += ["--device", "cpu"]
        else:
            env["CUDA_VISIBLE_DEVICES"] = ""
    argv += job.passthrough.get("merge", ())
    return Command(argv=tuple(argv), env=env, defaults=_threads(job), succeeded=ALL_DONE)


def _safe(job: Job) -> list[str]:
    return ["--safe-serialization"] if job.recipe.export.safe_serialization else []


def _variables(job: Job) -> dict[str, str]:
    """The recipe's own variables; a rehearsal hides the GPUs."""
    return {**job.recipe.env, **({"CUDA_VISIBLE_DEVICES": ""} if job.rehearsal else {})}


def _threads(job: Job) -> dict[str, str]:
    """A tiny model is slower with many threads: one, unless the user's environment says more."""
    return {"OMP_NUM_THREADS": "1"} if job.rehearsal else {}


#: Options of ``xtuner chat`` (the tutorial's table), as click parameter names.
CHAT_VALUES = (
    "system",
    "system_template",
    "bits",
    "bot_name",
    "offload_folder",
    "max_new_tokens",
    "temperature",
    "top_k",
    "top_p",
    "seed",
)


def chat(job: Job, options: Mapping[str, Any]) -> Command:
    """``xtuner chat MODEL [--adapter …] --prompt-template T …`` with the run's own template."""
    if job.rehearsal and can.CPU_CHAT not in job.release.capabilities:
        raise UsageError(
            say(
                f"A rehearsal of XTuner {job.release.version} cannot be talked to.",
                f"XTuner {job.release.version} 的预演结果无法对话。",
            ),
            why=say(
                "its chat asks for a GPU whatever the model, and a rehearsal runs on the CPU",
                "它的对话命令无论什么模型都要 GPU，而预演在 CPU 上进行",
            ),
            fix=say(
                "rehearse the recipe with the release 0.2.0 to try the chat: --engine",
                "要试用对话，请用 0.2.0 版本预演该配方：--engine",
            ),
        )
    if options.get("web"):
        raise UsageError(
            say("XTuner's chat has no web page.", "XTuner 的对话没有网页。"),
            fix=say("talk on the terminal: leave out --web", "请在终端对话：去掉 --web"),
        )
    # A temperature or a seed of 0 is a value, so emptiness is asked for by identity.
    given = {k: v for k, v in options.items() if v is not None and v is not False and v != ()}
    argv: list[Argument] = ["xtuner", "chat", given.get("model", job.model)]
    if given.get("adapter"):
        argv += ["--adapter", given["adapter"]]
    argv += ["--prompt-template", given.get("prompt_template") or template(job.recipe)]
    for key in CHAT_VALUES:
        if key in given:
            argv += [f"--{key.replace('_', '-')}", str(given[key])]
    if given.get("with_plugins"):
        argv += ["--with-plugins", *given["with_plugins"]]
    argv += [f"--{key.replace('_', '-')}" for key in ("no_streamer", "lagent") if given.get(key)]
    argv += _stop_words(given, job)
    if job.rehearsal:
        argv += ["--torch-dtype", "fp32"]
    argv += given.get("extra", ())
    return Command(argv=tuple(argv), env={**MKL, **_variables(job)}, defaults=_threads(job))


def own_script(job: Job, argv: tuple[Argument, ...]) -> Command:
    """A script of this tool's own in the environment, with the variables of the engine's tools."""
    return Command(argv=argv, env={**MKL, **_variables(job)}, defaults=_threads(job), by_hand=False)


def _stop_words(given: Mapping[str, Any], job: Job) -> list[str]:
    """0.1.9 has a stop word for commands and one for answers; 0.2.0 takes a list of stop words."""
    words = {key: given[key] for key in ("command_stop_word", "answer_stop_word") if key in given}
    if can.STOP_WORDS in job.release.capabilities:
        return ["--stop-words", *words.values()] if words else []
    return [part for key, word in words.items() for part in (f"--{key.replace('_', '-')}", word)]
