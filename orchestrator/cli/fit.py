"""`recipe fit`: what memory a recipe takes, and the smallest change that makes it fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.base.language import say
from orchestrator.cli.completing import RecipeName, ReleaseName
from orchestrator.cli.options import json_option, param_option, set_option
from orchestrator.cli.output import echo, echo_json
from orchestrator.cli.table import columns

if TYPE_CHECKING:
    from orchestrator.fit.cards import Card
    from orchestrator.fit.formulas import Need
    from orchestrator.preflight.answer import Answer
    from orchestrator.preflight.fitting import StageFit

GIB = 2**30


@click.command()
@click.argument("recipe", type=RecipeName())
@set_option
@param_option
@click.option("--engine", type=ReleaseName(), metavar="NAME@VERSION", help="Use this release.")
@click.option("--gpu", metavar="GPU", help="A card or its memory: 3090, A100-80G, 24GB.")
@click.option("--gpus", type=click.IntRange(min=1), metavar="N", help="How many of them.")
@json_option
def fit(
    recipe: str,
    sets: tuple[str, ...],
    params: tuple[str, ...],
    engine: str | None,
    gpu: str | None,
    gpus: int | None,
    as_json: bool,
) -> None:
    """Estimate the memory of every stage of RECIPE from the model's config.json alone.

    Without --gpu the answer is for this machine's GPUs, where it has any. Sizes are in GiB (2^30
    bytes), in which cards are counted: a card of "24 GB" holds 24 GiB, which are 25.8 GB.
    """
    from orchestrator.preflight.answer import answer
    from orchestrator.running.request import Request

    request = Request(recipe=recipe, sets=sets, params=params, engine=engine)
    found = answer(request.recipe, sets=sets, params=params, engine=engine, gpu=gpu, gpus=gpus)
    more = [word for setting in found.settings or () for word in ("--set", setting)]
    line = request.line(*more) if more else None
    if as_json:
        echo_json({**found.as_json(), "command": line})
        return
    for text in _head(found):
        echo(text)
    if found.fit.stages:
        rows = [_header(), *(_row(one) for one in found.fit.stages)]
        echo("\n".join(f"  {text}" for text in columns(rows)))
    for text in _verdict(found):
        echo(text)
    if line:
        echo(f"  {say('smallest change that fits', '能放下的最小改动')}: {line}")
        echo(f"  {_with_it(found)}")
    if found.fit.stages:
        echo(_unit())


def _head(found: Answer) -> list[str]:
    shape, name = found.fit.shape, found.fit.recipe.model.id
    if shape is None:
        return [f"{found.name} ({found.fit.recipe.engine}): {name}"]
    count = say(f"{shape.weights / 1e9:.2f} billion weights", f"{shape.weights / 1e9:.2f}B 参数")
    gpus = (
        say(f"on {found.fit.gpus} GPUs", f"{found.fit.gpus} 块 GPU") if found.fit.gpus > 1 else ""
    )
    words = filter(None, [f"{found.name} ({found.fit.recipe.engine})", gpus])
    return [f"{', '.join(words)}: {name}, {count}", f"  {found.fit.source}"]


def _header() -> tuple[str, ...]:
    return (
        say("stage", "阶段"),
        say("each GPU", "每块 GPU"),
        say("host", "主机内存"),
        say("of which, on the GPU", "GPU 上的构成"),
    )


def _row(one: StageFit) -> tuple[str, ...]:
    parts = ", ".join(f"{_part(name)} {_size(size)}" for name, size in one.need.gpu.parts.items())
    gpu = _need(one.need.gpu)
    if one.measured is not None:
        word = say("measured", "实测")
        when = f"{one.measured.gpu}, {one.measured.when[:10]}"
        gpu, parts = (
            f"{_size(one.measured.bytes)} ({word})",
            f"{when}; {say('estimate', '估算')} {gpu}",
        )
    return one.stage, gpu, _need(one.need.host), parts or one.need.gpu.unknown


def _need(need: Need) -> str:
    if need.total is None:
        return say("unknown", "未知")
    return _size(need.total) if need.total else "-"


def _size(size: int) -> str:
    return f"{size / GIB:.1f}"


_PARTS = {
    "weights": "权重",
    "states": "训练状态",
    "buckets": "通信缓冲",
    "copies": "16 位副本",
    "gathered": "收集的权重",
    "activations": "激活",
    "attention": "注意力分数",
    "logits": "logits",
    "context": "CUDA 上下文",
}


def _part(name: str) -> str:
    return say(name, _PARTS.get(name, name))


def _verdict(found: Answer) -> list[str]:
    fit = found.fit
    if fit.unknown:
        return [f"{say('unknown', '未知')}: {fit.unknown}", *_next(found)]
    if fit.gpu is None:
        return [say("Whether it fits is unknown.", "无法判断能否放下。")]
    if found.card is None:
        return [_smallest(fit.smallest)]
    has = f"{_size(found.card.bytes)} GiB"
    if found.card.bytes < fit.gpu:
        short = _size(fit.gpu - found.card.bytes)
        text = say(
            f"It does not fit: {found.card.name} has {has}, {short} GiB too little.",
            f"放不下：{found.card.name} 有 {has}，还差 {short} GiB。",
        )
        if found.settings:
            return [text]
        none = say("No change that is known makes it fit.", "没有已知的改动能让它放下。")
        return [text, f"{none} {_smallest(fit.smallest)}"]
    spare = _size(found.card.bytes - fit.gpu)
    if found.tight:
        return [
            say(
                f"It just fits {found.card.name} ({has}): {spare} GiB to spare, less than an "
                "estimate may be off.",
                f"刚好能放进 {found.card.name}（{has}）：只余 {spare} GiB，小于估算误差。",
            )
        ]
    return [
        say(
            f"It fits {found.card.name} ({has}): {spare} GiB to spare.",
            f"能放进 {found.card.name}（{has}）：余 {spare} GiB。",
        )
    ]


def _next(found: Answer) -> list[str]:
    folder = say(
        "next step: name a folder that holds it: --set model.path=FOLDER",
        "下一步：指定含有它的文件夹：--set model.path=文件夹",
    )
    return [f"  {folder}"] if found.fit.shape is None and not found.fit.source else []


def _with_it(found: Answer) -> str:
    gpu, host = (found.changed.gpu, found.changed.host) if found.changed else (None, None)
    sizes = [
        say("unknown", "未知") if size is None else f"{_size(size)} GiB" for size in (gpu, host)
    ]
    return say(
        f"with it: {sizes[0]} on each GPU, {sizes[1]} on the host",
        f"改动后：每块 GPU {sizes[0]}，主机 {sizes[1]}",
    )


def _smallest(card: Card | None) -> str:
    if card is None:
        return say("No single card is large enough.", "没有足够大的单卡。")
    return say(f"The smallest card that fits: {card.name}.", f"能放下的最小显卡：{card.name}。")


def _unit() -> str:
    return say(
        "  GiB = 2^30 bytes (1.074 GB). An estimate: docs/memory.md says how far it is off.",
        "  GiB = 2^30 字节（1.074 GB）。这是估算，误差见 docs/memory.md。",
    )
