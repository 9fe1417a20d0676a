"""compare: did it learn? Base, adapter and merged model side by side."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from orchestrator.base.errors import EXIT_FAILED
from orchestrator.base.language import say
from orchestrator.base.paths import runs_dir
from orchestrator.cli.completing import RunName
from orchestrator.cli.groups import Command
from orchestrator.cli.options import json_option
from orchestrator.cli.output import echo, echo_json
from orchestrator.cli.table import columns
from orchestrator.running import directories

_COLOURS = {"good": "green", "warning": "yellow", "bad": "red"}
#: Characters of an answer that are shown; compare.json has all of it.
SHOWN = 300


@click.command(cls=Command)
@click.argument("run", type=RunName())
@click.option("--rows", type=click.IntRange(min=0), default=16, show_default=True,
              help="Held-out rows that are asked, a seeded sample.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of that sample.")
@click.option("--max-new-tokens", type=click.IntRange(min=1),
              help="Longest answer in tokens [128; in a rehearsal 16].")  # fmt: skip
@json_option
def compare(run: str, rows: int, seed: int, max_new_tokens: int | None, as_json: bool) -> None:
    """Ask what RUN began with and what it made the same, greedily, by the run's own template.

    The recipe's evaluation prompts and a sample of the held-out rows. The result is kept in the
    run's compare.json. Ends with 1 when a verdict is bad (nothing learnt, a damaged export …).
    """
    from orchestrator.comparing import compare as comparing
    from orchestrator.running import record as records

    root = directories.find_run(run, runs_dir())
    rehearsal = records.read(root).rehearsal
    limit = max_new_tokens or (16 if rehearsal else 128)
    if not as_json:
        echo(say("Asking the models; this loads each of them.", "正在向模型提问，每个都要载入。"))
    value = comparing.compare(root, rows=rows, seed=seed, max_new_tokens=limit)
    if as_json:
        echo_json(value)
    else:
        _tell(value)
        echo(f"{root / comparing.RESULT}")
    if not rehearsal and any(one["level"] == "bad" for one in value["verdicts"]):
        sys.exit(EXIT_FAILED)


def _tell(value: Mapping[str, Any]) -> None:
    from orchestrator.comparing import scores

    for one in value["answers"]:
        echo("")
        echo(f"{say('asked', '提问')}: {_cut(one['asked'])}", bold=True)
        told = {name: one[name]["text"] for name in value["models"]}
        if one["wanted"]:
            told["wanted"] = one["wanted"]
        for line in columns([(f"  {_name(name)}", _cut(text)) for name, text in told.items()]):
            echo(line)
    echo("")
    for line in columns(_figures(value)):
        echo(line)
    if value["rows"] and not scores.available():
        echo(scores.missing())
    if not value["rows"]:
        echo(say("No rows were held out: no loss, no scores.", "没有留出数据：没有损失和评分。"))
    if both := value["agreement"]:
        echo(
            say(
                f"Adapter and merged model agree in {both['same']} of {both['of']} answers.",
                f"适配器与合并模型的 {both['of']} 个回答中有 {both['same']} 个相同。",
            )
        )
    for verdict in value["verdicts"]:
        echo(say(verdict["english"], verdict["chinese"]), fg=_COLOURS[verdict["level"]])
    if value["rehearsal"]:
        echo(
            say(
                "THIS IS A REHEARSAL: the model is tiny and untrained, the figures mean nothing.",
                "这是预演（REHEARSAL）：模型极小且未经训练，这些数字没有意义。",
            ),
            fg="yellow",
        )


def _name(name: str) -> str:
    return {
        "base": say("base", "基座"),
        "adapter": say("adapter", "适配器"),
        "merged": say("merged", "合并"),
        "wanted": say("wanted", "参考"),
    }[name]


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else f"{flat[:SHOWN]}…"


def _figures(value: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of figures: a line a model."""
    names = ("bleu", "rouge1", "rouge2", "rougeL")
    head = (say("model", "模型"), say("loss", "损失"), say("perplexity", "困惑度"), "BLEU",
            "ROUGE-1", "ROUGE-2", "ROUGE-L", say("ended by itself", "自行结束"))  # fmt: skip
    lines: list[tuple[str, ...]] = [head]
    for name, one in value["models"].items():
        of = value["prompts"] + value["rows"]
        scored = [_figure((one["scores"] or {}).get(key)) for key in names]
        ended = f"{one['ended']}/{of}"
        lines.append(
            (_name(name), _figure(one["loss"]), _figure(one["perplexity"]), *scored, ended)
        )
    return lines


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
