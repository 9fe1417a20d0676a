"""`llamafactory-cli chat`, `webchat` and `api` with what a run made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.plan import Command
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory import commands
from orchestrator.engines.llamafactory.capabilities import OMEGACONF
from orchestrator.engines.llamafactory.chat_settings import groups
from orchestrator.engines.llamafactory.yaml_text import override

#: Options of `recipe chat` that the engine's chat takes, and under which key.
_KEYS = {
    "max_new_tokens": "max_new_tokens",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "system": "default_system",
}
#: Options that other engines' chats have, with what to do here.
_UNKNOWN = ("system_template", "bot_name", "with_plugins", "lagent", "command_stop_word",
            "answer_stop_word", "seed", "no_streamer")  # fmt: skip


def chat(job: Job, options: Mapping[str, Any]) -> Command:
    """``chat`` on the terminal; with ``web`` a page on ``host`` (127.0.0.1) and ``port``."""
    given = _given(options)
    if not given.get("web"):
        return _command("chat", job, given, {})
    env = {"GRADIO_SERVER_NAME": str(given.get("host", commands.LOCAL))}
    if "port" in given:
        env["GRADIO_SERVER_PORT"] = str(given["port"])
    return _command("webchat", job, given, env)


def serve(job: Job, options: Mapping[str, Any]) -> Command:
    """``api``. A key is never here: the server reads API_KEY from its environment."""
    given = _given(options)
    env = {"API_HOST": str(given.get("host", commands.LOCAL))}
    if "port" in given:
        env["API_PORT"] = str(given["port"])
    env["API_MODEL_NAME"] = str(given.get("model_name", job.name))
    return _command("api", job, given, env)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if v is not None and v is not False and v != ()}


def _command(
    word: str,
    job: Job,
    given: Mapping[str, Any],
    env: Mapping[str, str],
) -> Command:
    unknown = [key for key in _UNKNOWN if key in given]
    if unknown:
        names = ", ".join(f"--{key.replace('_', '-')}" for key in unknown)
        raise UsageError(
            say(f"This engine's {word} has no {names}.", f"该引擎的 {word} 没有 {names}。"),
            fix=say("leave it out", "去掉它"),
        )
    if job.recipe.train.stage == "rm":
        raise UsageError(
            say("A reward model answers no questions.", "奖励模型不会回答问题。"),
            where="train.stage",
            fix=say(
                "score texts with it through the engine's own API", "用引擎自己的 API 给文本打分"
            ),
        )
    keys = _places(job, given)
    if given.get("prompt_template"):
        keys["template"] = given["prompt_template"]
    keys.update({key: given[name] for name, key in _KEYS.items() if name in given})
    if "bits" in given:
        keys["quantization_bit"] = int(given["bits"])
    plain = OMEGACONF not in job.release.capabilities
    more = [override(key, value, plain=plain) for key, value in keys.items()]
    return commands.command(
        job, *commands.words(job, word, [*more, *given.get("extra", ())]), env=env
    )


def _places(job: Job, given: Mapping[str, Any]) -> dict[str, Any]:
    """Where the weights are, when that is not what ``chat.yaml`` says."""
    usual = {key: value for group in groups(job) for key, value in group.keys.items()}
    wanted = {
        "model_name_or_path": given.get("model"),
        "adapter_name_or_path": given.get("adapter"),
    }
    return {
        key: value
        for key, value in wanted.items()
        if value is not None and value.removeprefix("./") != str(usual.get(key)).removeprefix("./")
    }
