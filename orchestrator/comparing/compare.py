"""Ask base, adapter and merged model of a run, and keep what came out in ``compare.json``."""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import write_atomic
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.comparing import scores
from orchestrator.comparing.asking import Asked, asked
from orchestrator.comparing.verdicts import verdicts
from orchestrator.engines import registry
from orchestrator.engines.job import Job
from orchestrator.engines.protocol import Compares
from orchestrator.envs.install import ensure
from orchestrator.envs.release import Release
from orchestrator.recipe.trust import trusts_remote_code
from orchestrator.running import execution, talk
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord

SCHEMA = 1
RESULT = "compare.json"
STAGE = "compare"


def compare(root: Path, *, rows: int, seed: int, max_new_tokens: int) -> dict[str, Any]:
    """The comparison of the run in ``root``, which is also written to its ``compare.json``.

    Raises :class:`UsageError` where the engine has none, or there is nothing to ask;
    :class:`RecipeError` for a run that made nothing, and for a probe that ended early.
    """
    record = records.read(root)
    engine_of(registry.release(record.engine))
    if not (root / layout.LOCK).is_file():
        raise talk.nothing_yet(root, record)
    job = talk.job_of(root, record)
    folders = _folders(root, job)
    if folders["adapter"] is None and folders["merged"] is None:
        raise talk.nothing_yet(root, record)
    asks = asked(root, job.recipe, rows=rows, seed=seed)
    if not asks.items:
        raise UsageError(
            say("There is nothing to ask.", "没有可问的内容。"),
            where=str(root),
            why=say(
                "the recipe has no evaluation prompts and the run held no rows out",
                "配方没有评估提问（evaluate.prompts），运行也没有留出测试数据",
            ),
            fix=say(
                "run it with --set evaluate.prompts='[…]' or --set data.split.train=0.9",
                "请用 --set evaluate.prompts='[…]' 或 --set data.split.train=0.9 运行",
            ),
        )
    request = {
        **folders,
        "own_code": trusts_remote_code(job.recipe.model),
        "cpu": job.rehearsal,
        "max_length": job.recipe.train.max_length,
        "max_new_tokens": max_new_tokens,
        "items": asks.items,
    }
    found = _probe(root, record, job, request)
    value = _result(root, record, job, asks, found, seed)
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    write_atomic(root / RESULT, text + "\n")
    return value


def _folders(root: Path, job: Job) -> dict[str, str | None]:
    """Base, adapter and merged model; None for what the run did not make."""
    adapter = (root / layout.ADAPTER / "adapter_config.json").is_file()
    whole = next(
        (one for one in (layout.MERGED, layout.WORK) if (root / one / "config.json").is_file()),
        None,
    )
    return {
        "base": job.model,
        "adapter": f"./{layout.ADAPTER}" if adapter else None,
        "merged": f"./{whole}" if whole else None,
    }


def engine_of(release: Release) -> Compares:
    """The engine of ``release``; UsageError where it cannot ask its models."""
    engine = registry.get(release.engine)
    if isinstance(engine, Compares):
        return engine
    raise UsageError(
        say(
            f"The engine {engine.name} cannot compare models yet.",
            f"引擎 {engine.name} 还不能比较模型。",
        ),
        where=release.name,
        fix=say("talk to what it made: recipe chat", "请直接与它的产物对话：recipe chat"),
    )


def _probe(root: Path, record: RunRecord, job: Job, request: dict[str, Any]) -> dict[str, Any]:
    asking, engine = engine_of(job.release), registry.get(job.release.engine)
    environment = ensure(job.release, python=Path(record.python) if record.python else None)
    with tempfile.TemporaryDirectory(prefix="recipe-compare-") as folder:
        asks, result = Path(folder) / "request.json", Path(folder) / "result.json"
        request = {**request, "template": engine.template(job.recipe)}
        asks.write_text(json.dumps(request, ensure_ascii=False), encoding="utf-8")
        command = asking.compare(job, str(asks), str(result))
        command = command.with_defaults(job.recipe.env)
        ended = execution.run(
            [str(word) for word in command.argv],
            environment,
            execution.environment_of(environment, command, offline=job.rehearsal, base=os.environ),
            root=root,
            log=RunPaths(root).log(STAGE),
            echo=lambda _chunk: None,
        )
        if ended.code != 0 or not result.is_file():
            raise ended.explained(
                say("The models could not be compared.", "无法比较这些模型。"), engine
            )
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return found


def _result(
    root: Path, record: RunRecord, job: Job, asks: Asked, found: dict[str, Any], seed: int
) -> dict[str, Any]:
    told = verdicts(found, steps=_steps(record), rehearsal=job.rehearsal)
    references = [item["turns"][-1][1] for item in asks.items]
    models = {
        name: _model(one, references, len(asks.prompts)) for name, one in found["models"].items()
    }
    return {
        "schema": SCHEMA,
        "rehearsal": job.rehearsal,
        "recipe": record.recipe,
        "engine": record.engine,
        "template": job.recipe.model.template,
        "seed": seed,
        "prompts": len(asks.prompts),
        "rows": len(asks.rows),
        "rows_held_out": asks.total,
        "rows_skipped": asks.skipped,
        "verdicts": [asdict(one) for one in told],
        "models": {name: one["figures"] for name, one in models.items()},
        "agreement": _agreement(found["models"]),
        "weights": {"adapter": found["adapter"], "merged": found["merged"]},
        "answers": [
            {
                "asked": item["turns"][-1][0],
                "wanted": item["turns"][-1][1],
                **{name: one["answers"][index] for name, one in found["models"].items()},
            }
            for index, item in enumerate(asks.items)
        ],
    }


def _model(one: dict[str, Any], references: list[str | None], prompts: int) -> dict[str, Any]:
    texts = [answer["text"] for answer in one["answers"]]
    wanted = [text for text in references[prompts:] if text]
    finite = one["loss"] is not None and math.isfinite(one["loss"])
    perplexity = math.exp(one["loss"]) if finite and one["loss"] < 700 else None
    return {
        "figures": {
            "loss": one["loss"] if finite else None,
            "perplexity": perplexity,
            "tokens": one["tokens"],
            "ended": sum(answer["ended"] for answer in one["answers"]),
            "scores": scores.scores(texts[prompts:], wanted)
            if wanted and scores.available()
            else None,
        }
    }


def _agreement(models: dict[str, Any]) -> dict[str, int] | None:
    """In how many answers adapter and merged model agree, word for word."""
    if "adapter" not in models or "merged" not in models:
        return None
    pairs = zip(models["adapter"]["answers"], models["merged"]["answers"], strict=True)
    same = [a["text"] == b["text"] for a, b in pairs]
    return {"same": sum(same), "of": len(same)}


def _steps(record: RunRecord) -> int | None:
    """Optimizer steps of the training, as the check stage counted them."""
    for stage in record.stages:
        figures = (stage.facts.get("check.json") or {}).get("figures") or {}
        if isinstance(figures.get("optimizer_steps"), int):
            return int(figures["optimizer_steps"])
    return None


def read(root: Path) -> dict[str, Any] | None:
    """The run's last comparison; None when there is none. RecipeError for a damaged file."""
    file = root / RESULT
    if not file.is_file():
        return None
    try:
        value: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecipeError(
            say("The comparison cannot be read.", "比较结果无法读取。"),
            where=str(file),
            why=str(error),
            fix=f"recipe compare {root}",
        ) from error
    return value
