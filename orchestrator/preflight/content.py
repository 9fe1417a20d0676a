"""Rules about what a recipe asks for: parameters, rows, adapter, the model's code, steps, ports."""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Iterator
from itertools import islice

from data_tools.nearest import nearest
from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.text import listed
from orchestrator.engines.registry import engine_plan
from orchestrator.fit.shape import HEADS, Unknown, fits, shape_of
from orchestrator.hub.fetch import known_model
from orchestrator.preflight.rule import Found
from orchestrator.preflight.situation import Situation
from orchestrator.probes.probe_findings import FEW_STEPS, old_tokenizer_file
from orchestrator.recipe.schema import SelfCognition
from orchestrator.recipe.trust import trusts_remote_code


def parameters(here: Situation) -> Iterator[Found]:
    """What a run must be given; and, where the name is known, what the model will say."""
    loaded = here.loaded
    if loaded is None:
        return
    for param in loaded.missing:
        about = f" ({param.about})" if param.about else ""
        cause = say(f"{param.name} is not given{about}", f"没有给出 {param.name}{about}")
        yield Found("error", cause, param.word)
    if loaded.missing:
        return
    for source in loaded.recipe.data.sources:
        if source.self_cognition is not None:
            told = " ".join(_answer(source.self_cognition))
            yield Found("note", say(f"the model will say: {told}", f"模型将会说：{told}"))


def _answer(asked: SelfCognition) -> Iterator[str]:
    """The first answer that the rows teach."""
    from data_tools.operations.cognition import self_cognition

    given = {**asked.model_dump(exclude_none=True), "repeats": 1}
    for row in islice(self_cognition(**given), 1):
        yield from (answer for _, answer in row.turns)


def rows(here: Situation) -> Iterator[Found]:
    """Rows that are nowhere; what is wrong inside a file, the data stage says before a download."""
    if here.unfound is not None:
        cause = " ".join(filter(None, (here.unfound.what, here.unfound.why)))
        yield Found("error", cause, here.unfound.fix)


def model(here: Situation) -> Iterator[Found]:
    """A folder that is named must be there and whole; what a hub has is seen when it is asked."""
    recipe = here.recipe
    if recipe is None or here.rehearsal or "model" not in (here.wanted or ("model",)):
        return
    try:
        known_model(recipe.model)
    except RecipeError as error:
        cause = " ".join(filter(None, (error.what, error.where, error.why)))
        yield Found("error", cause, error.fix)


def lora_targets(here: Situation) -> Iterator[Found]:
    """peft takes what it finds: of two targets a misspelt one is left out without a word."""
    recipe, config = here.recipe, here.config
    if recipe is None or here.rehearsal or recipe.train.method not in ("lora", "qlora"):
        return
    targets = recipe.train.lora.targets
    if config is None or not targets:
        return
    try:
        known = [*shape_of(config.values).modules, *HEADS]
    except Unknown:
        return
    names = list(dict.fromkeys(name.rpartition(".")[2] for name in known))
    for target in targets:
        if target in ("all", "all-linear") or any(fits(name, target) for name in known):
            continue
        near = nearest(target, names)
        cause = say(
            f"the model has no module {target!r}; it has {listed(names[: -len(HEADS)], 'and')}",
            f"模型没有模块 {target!r}；它有 {listed(names[: -len(HEADS)], '和')}",
        )
        right = [near if one == target else one for one in targets]
        right = list(dict.fromkeys(filter(None, right)))
        yield Found("error", cause, f"--set 'train.lora.targets=[{', '.join(right)}]'")


def model_code(here: Situation) -> Iterator[Found]:
    """Code that the model brings: whether it may run, and whether this transformers can use it."""
    recipe, config = here.recipe, here.config
    if recipe is None or config is None or here.rehearsal:
        return
    maps = config.values.get("auto_map")
    if maps and config.folder is not None and not trusts_remote_code(recipe.model):
        cause = say(
            f"{recipe.model.id} brings code of its own, and nobody said that it is trusted",
            f"{recipe.model.id} 自带代码，而没有人说明它可信",
        )
        # Some of these families are in transformers as well, and need none of that code.
        yield Found("warning", cause, "--set model.trust_remote_code=true")
    version = here.pins.get("transformers")
    if config.folder is None or version is None:
        return
    old = old_tokenizer_file(config.folder, version)
    if old is not None:
        cause = say(
            f"{old.name} was written for transformers below 4.45, and {recipe.engine} has "
            f"{version}: its _pad() takes no padding_side",
            f"{old.name} 是为 4.45 以前的 transformers 写的，而 {recipe.engine} 使用 {version}："
            "其 _pad() 不接受 padding_side",
        )
        fix = say(
            "use the model's -hf weights, or an engine release with an older transformers",
            "使用该模型的 -hf 权重，或 transformers 较旧的引擎版本",
        )
        yield Found("error", cause, fix)


def optimizer_steps(here: Situation) -> Iterator[Found]:
    """With few optimizer steps a model comes out unchanged; packed rows give fewer still."""
    recipe, count = here.recipe, _rows(here)
    if recipe is None or here.rehearsal or count is None:
        return
    train = recipe.train
    each = train.batch_size * here.count * train.accumulate
    steps = math.ceil(count / each) * (train.epochs or 3)
    if train.max_steps is not None:
        steps = min(steps, train.max_steps)
    if steps >= FEW_STEPS:
        return
    at_most = say("at most ", "最多 ") if train.pack else ""
    cause = say(
        f"{at_most}{steps:.0f} optimizer steps in all ({count} rows, batch {train.batch_size} x "
        f"{here.count} GPUs x {train.accumulate} steps added up): the model may come out unchanged",
        f"总共只有{at_most}{steps:.0f} 个优化步（{count} 行，batch {train.batch_size} × "
        f"{here.count} GPU × 累积 {train.accumulate}）：模型可能毫无变化",
    )
    fewer = max(1, train.accumulate // 4)
    yield Found("warning", cause, f"--set train.accumulate={fewer}")


def _rows(here: Situation) -> int | None:
    """Rows that are trained on, where that is known without reading them."""
    if here.job is None or here.job.unchecked is not None:
        return None
    expect, split = here.job.recipe.expect, here.job.recipe.data.split.train
    if expect.train_rows is not None:
        return expect.train_rows
    if expect.rows is not None and split <= 1:
        return int(expect.rows * split)
    return None


def ports(here: Situation) -> Iterator[Found]:
    """A port that the training listens on must be free."""
    if here.job is None or not here.trains or "train" not in here.wanted:
        return
    for command in engine_plan("train", here.job).commands:
        variables = {**command.defaults, **here.environ, **command.env}
        port = variables.get("MASTER_PORT", "")
        if "MASTER_PORT" in command.defaults and port.isdigit() and _is_taken(int(port)):
            cause = say(
                f"port {port} is taken by another program (another training?)",
                f"端口 {port} 已被别的程序占用（另一个训练？）",
            )
            free = say("another port: ", "换一个端口：")
            yield Found("error", cause, f"{free}export MASTER_PORT={_free_port()}")


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        except OverflowError:
            return False
    return False


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def distributed(here: Situation) -> Iterator[Found]:
    """Variables of several processes that contradict each other: a training waits for ever."""
    if here.recipe is not None and not here.trains:
        return
    env = here.environ
    numbers = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NNODES", "NODE_RANK", "NPROC_PER_NODE")
    for name in numbers:
        if name in env and not env[name].isdigit():
            cause = say(f"{name} is {env[name]!r}, no number", f"{name} 为 {env[name]!r}，不是数字")
            yield Found("error", cause, f"unset {name}")
    values = {name: int(env[name]) for name in numbers if env.get(name, "").isdigit()}
    several = [name for name in ("WORLD_SIZE", "NNODES") if values.get(name, 1) > 1]
    if several and not (env.get("MASTER_ADDR") or env.get("ADDR")):
        name = several[0]
        cause = say(
            f"{name} is {values[name]}, and no MASTER_ADDR says where the others are",
            f"{name} 为 {values[name]}，却没有 MASTER_ADDR 指明其他进程的位置",
        )
        yield Found("error", cause, f"export MASTER_ADDR=HOST, or: unset {name}")
    for rank, size in (("RANK", "WORLD_SIZE"), ("NODE_RANK", "NNODES")):
        if rank in values and values[rank] >= values.get(size, 1):
            cause = say(
                f"{rank} is {values[rank]}, and there are {values.get(size, 1)} ({size}): the "
                "training would wait for ever",
                f"{rank} 为 {values[rank]}，而总数为 {values.get(size, 1)}（{size}）："
                "训练会一直等待",
            )
            yield Found("error", cause, f"unset {rank}")
