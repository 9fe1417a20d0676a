"""Run directories: a new one, made atomically; the one a command goes on in; one by its name."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from itertools import count
from pathlib import Path

from data_tools.nearest import nearest
from orchestrator.base import layout
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.base.names import is_name, name_rule
from orchestrator.running import record as records
from orchestrator.running.record import RunRecord
from orchestrator.running.request import Request

_STAMP = "%Y%m%d-%H%M%S"


def all_runs(folder: Path) -> list[Path]:
    """Every run directory under ``folder``, in the order of their names."""
    return sorted(path.parent for path in folder.glob(f"*/*/{layout.RECORD}"))


def of_recipe(folder: Path, recipe: str) -> list[tuple[Path, RunRecord]]:
    """The runs of one recipe whose records can be read, newest first."""
    found = []
    for path in (folder / recipe).glob(f"*/{layout.RECORD}"):
        with contextlib.suppress(RecipeError):
            found.append((path.parent, records.read(path.parent)))
    return sorted(found, key=lambda run: (run[1].created, run[0].name), reverse=True)


def _refuse_damaged(folder: Path, recipe: str, match: Path | None) -> None:
    """RecipeError for a damaged record that may be newer than ``match``: it is not stepped over."""
    for path in sorted((folder / recipe).glob(f"*/{layout.RECORD}"), reverse=True):
        if match is not None and path.parent.name <= match.name:
            return
        records.read(path.parent)


def chosen(folder: Path, recipe: str, request: Request, *, new: bool) -> Path | None:
    """The run in which ``request`` goes on; None: it begins another one.

    The same words go on in the newest run that they began. UsageError when ``--name`` is taken by
    a run of other words, or ``--run`` names no run of this recipe and kind.
    """
    folder = folder.absolute()
    if request.run is not None:
        return _addressed(folder, recipe, request, new=new)
    if request.name is not None:
        return _named(folder / recipe / request.name, request, new=new)
    if new:
        return None
    identity = request.identity()
    same = (root for root, record in of_recipe(folder, recipe) if record.request == identity)
    match = next(same, None)
    _refuse_damaged(folder, recipe, match)
    return match


def _addressed(folder: Path, recipe: str, request: Request, *, new: bool) -> Path:
    """The run that ``--run`` names, which may leave out the recipe's name."""
    if new or request.name is not None:
        other = "--new" if new else "--name"
        raise UsageError(
            say(
                f"--run goes on in a run that is there, {other} begins another.",
                f"--run 继续已有的运行，{other} 则开始新的运行。",
            ),
            fix=say("give one of them", "请只给出其中一个"),
        )
    own = folder / recipe / str(request.run)
    root = own if (own / layout.RECORD).is_file() else find_run(str(request.run), folder)
    record = records.read(root)
    kinds = {True: say("a rehearsal", "预演"), False: say("a real run", "正式运行")}
    if (record.recipe, record.rehearsal) != (recipe, request.rehearse):
        raise UsageError(
            say(
                f"That run is {kinds[record.rehearsal]} of {record.recipe}, and asked for is "
                f"{kinds[request.rehearse]} of {recipe}.",
                f"该运行是 {record.recipe} 的{kinds[record.rehearsal]}，而要求的是 "
                f"{recipe} 的{kinds[request.rehearse]}。",
            ),
            where=str(root),
            why=say("its results would be put aside for others", "它的结果会被别的结果取代"),
            fix=say("start a run of its own with --new", "请用 --new 开始一次新的运行"),
        )
    return root


def _named(root: Path, request: Request, *, new: bool) -> Path | None:
    name = str(request.name)
    if not is_name(name):
        raise UsageError(
            say(f"{name!r} cannot be the name of a run.", f"{name!r} 不能作为运行的名称。"),
            fix=name_rule(),
        )
    if not (root / layout.RECORD).exists():
        return None
    record = records.read(root)
    if new or record.request != request.identity():
        before = Request.of(record.request, name=name).line() if record.request else ""
        raise UsageError(
            say(f"There is a run called {name!r} already.", f"已有名为 {name!r} 的运行。"),
            where=str(root),
            why=say(f"it was started by: {before}", f"它由此命令开始：{before}")
            if before
            else None,
            fix=say(
                f"choose another --name, or change that run with --run {root}",
                f"请用 --name 另取名称，或用 --run {root} 改动该运行",
            ),
        )
    return root


def is_stamp(name: str) -> bool:
    """Whether :func:`make` gave the name, rather than the user."""
    return re.fullmatch(r"\d{8}-\d{6}(-\d+)?", name) is not None


def make(folder: Path, recipe: str, name: str | None = None) -> Path:
    """A directory of its own: ``folder/RECIPE/YYYYMMDD-HHMMSS`` or ``folder/RECIPE/NAME``.

    However many start at once, no two get the same: ``mkdir`` decides.
    """
    parent = folder.absolute() / recipe
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            root = planned(folder, recipe, name)
            with contextlib.suppress(FileExistsError):
                root.mkdir(exist_ok=name is not None)
                return root
    except OSError as error:
        raise RecipeError(
            say("The run directory cannot be made.", "无法创建运行目录。"),
            where=str(parent),
            why=error.strerror or str(error),
            fix=say(
                "choose another place for runs: export RECIPE_RUNS=FOLDER",
                "请换一个存放运行的位置：export RECIPE_RUNS=文件夹",
            ),
        ) from error


def planned(folder: Path, recipe: str, name: str | None) -> Path:
    """Where :func:`make` would make a run now; nothing is written."""
    parent = folder.absolute() / recipe
    if name is not None:
        return parent / name
    stem = datetime.now().strftime(_STAMP)
    free = (parent / (stem if number == 1 else f"{stem}-{number}") for number in count(1))
    return next(root for root in free if not root.exists())


def find_run(text: str, folder: Path) -> Path:
    """The run that ``text`` names: its folder, RECIPE/STAMP, or a recipe's newest run.

    A real run is taken before a rehearsal. Raises :class:`UsageError` naming the runs there are.
    """
    for root in (Path(text), folder / text):
        if (root / layout.RECORD).is_file():
            return root.absolute()
    runs = of_recipe(folder.absolute(), text) if _is_plain(text) else []
    for rehearsal in (False, True):
        match = next((root for root, record in runs if record.rehearsal == rehearsal), None)
        if match is not None:
            return match
    if _is_plain(text):
        _refuse_damaged(folder.absolute(), text, None)
    known = [str(root.relative_to(folder)) for root in all_runs(folder)]
    near = nearest(text, {*known, *(name.partition("/")[0] for name in known)})
    shown = say(f"there is no run in {folder}", f"{folder} 中还没有运行")
    if known:
        last = ", ".join(known[-8:])
        shown = say(f"runs in {folder}: {last}", f"{folder} 中的运行：{last}")
    raise UsageError(
        say(f"There is no run called {text!r}.", f"没有名为 {text!r} 的运行。"),
        where=str(folder),
        fix=say(f"did you mean {near}? {shown}", f"您是指 {near} 吗？{shown}") if near else shown,
    )


def _is_plain(text: str) -> bool:
    return "/" not in text and text not in ("", ".", "..")
