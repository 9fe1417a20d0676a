"""A homework pack: config, rows, commands and a README in a folder that needs no `recipe`."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import atomic_writer, write_atomic
from orchestrator.base.language import say
from orchestrator.base.plan import PlannedFile
from orchestrator.base.secrets import redacted
from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.registry import engine_of
from orchestrator.envs.locks import load as load_lock
from orchestrator.hub.commands import download_command
from orchestrator.planning import job as jobs
from orchestrator.planning.feasible import load
from orchestrator.planning.script import commands_script
from orchestrator.planning.stages.data import ConvertRows
from orchestrator.planning.stages.render import resolved
from orchestrator.rendering.templates import render

_SHEETS = (".xlsx", ".xlsm", ".xls")


def write(
    recipe: str,
    folder: Path,
    *,
    sets: Sequence[str] = (),
    params: Sequence[str] = (),
    engine: str | None = None,
    force: bool = False,
    only_available: bool = False,
    note: Callable[[str], object] = lambda _text: None,
    rows_command: str = "",
) -> list[str]:
    """Write the pack of ``recipe`` (a name or a path) into ``folder``; the names of its files.

    The same recipe and rows give the same bytes. A file that is there with other content is never
    overwritten without ``force`` (:class:`UsageError` names it). ``rows_command`` is what makes the
    rows when the pack itself cannot.
    """
    loaded = load(recipe, sets=sets, params=params, engine=engine)
    job = jobs.build(loaded, must_find_rows=only_available, only_available=only_available)
    for text in job.notes:
        note(text)
    with tempfile.TemporaryDirectory(prefix="recipe-pack-") as scratch:
        made = Path(scratch)
        if not _missing(job) and job.file_sources:
            _convert(job, made, folder)
        for file in _files(job, rows_command or f"recipe run {job.name} --until data"):
            write_atomic(made / file.path, file.text, executable=file.executable)
        names = sorted(str(p.relative_to(made)) for p in made.rglob("*") if p.is_file())
        _refuse_to_overwrite(made, folder, names, force)
        for name in names:
            _copy(made / name, folder / name)
    return names


def _convert(job: Job, made: Path, folder: Path) -> None:
    """The rows into ``made``; rejected ones that stop the pack are kept in ``folder``."""
    try:
        ConvertRows(job).run(made, lambda _done, _total, _what: None)
    except RecipeError as error:
        kept = [path.relative_to(made) for path in made.rglob("*rejected*") if path.is_file()]
        for name in kept:
            _copy(made / name, folder / name)
        error.fix = error.fix and error.fix.replace(str(made), str(folder))
        raise


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    runs = os.access(source, os.X_OK)
    with source.open("rb") as stream, atomic_writer(target, executable=runs) as to:
        shutil.copyfileobj(stream, to)


def _missing(job: Job) -> list[FoundSource]:
    """Sources whose file is not on this disk."""
    return [found for found in job.sources if found.source.path and found.path is None]


def _refuse_to_overwrite(made: Path, folder: Path, names: list[str], force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            say(f"{folder} is a file.", f"{folder} 是文件。"),
            fix=say("name a folder with -o", "请用 -o 指定一个文件夹"),
        )
    differing = [
        name
        for name in names
        if (folder / name).exists() and (folder / name).read_bytes() != (made / name).read_bytes()
    ]
    if differing and not force:
        raise UsageError(
            say(
                f"{folder} holds files that this pack would change.",
                f"{folder} 中有会被此作业包改动的文件。",
            ),
            where=", ".join(differing),
            why=say(
                "they were edited, or come from another recipe", "它们被编辑过，或来自另一个配方"
            ),
            fix=say(
                "choose an empty folder with -o, or overwrite them with -f",
                "请用 -o 选择空文件夹，或用 -f 覆盖它们",
            ),
        )


def _files(job: Job, by_hand: str) -> list[PlannedFile]:
    lock = load_lock(job.release, None).text
    files = [
        *engine_of(job).files(job),
        *resolved(job),
        PlannedFile(
            path=layout.COMMANDS,
            text=commands_script(job, before=_before(job, by_hand)),
            executable=True,
        ),
        PlannedFile(path="requirements.txt", text=lock),
        PlannedFile(path="README.md", text=render("pack/README.md.jinja", **_readme(job, by_hand))),
    ]
    if _missing(job) and _can_convert(job):
        text = render(
            "pack/make_data.py.jinja",
            job=job,
            sources=[_spec(job, f) for f in job.sources],
            columns=_columns(job),
        )
        files.append(PlannedFile(path="make_data.py", text=text))
    return files


def _columns(job: Job) -> dict[str, object] | None:
    """The keys of alpaca rows, and the value where a row has none; None for conversations."""
    engine = engine_of(job)
    columns = engine.row_columns(job.recipe) if engine.row_formats[0] == "alpaca" else None
    return dict(columns) if columns else None


def _can_convert(job: Job) -> bool:
    """Whether ``make_data.py`` can do what the data stage does; it knows no cleaning rules."""
    data, train = job.recipe.data, job.recipe.train
    plain = all(
        source.self_cognition is None
        and source.sample_rows is None
        and source.weight is None
        and not source.clean
        and source.encoding is None
        for source in data.sources
    )
    simple = data.dedupe is None and not data.split.keep_duplicates_together
    usual = data.rows is None and "images" not in (_columns(job) or ())
    return plain and simple and usual and train.stage == "sft" and train.max_samples is None


def _before(job: Job, by_hand: str) -> tuple[str, ...]:
    """Shell lines that come first: the rows and the model, unless they are there."""
    lines = ["", "# data"]
    if _missing(job) and not _can_convert(job):
        how = f"{layout.TRAIN} is missing: make it with: {by_hand} (README.md)"
        lines.append(f"[ -e {layout.TRAIN} ] || {{ echo {shlex.quote(how)} >&2; exit 1; }}")
    elif _missing(job):
        lines.append(f"[ -e {layout.TRAIN} ] || python make_data.py")
    elif job.file_sources:
        lines.append(f"# converted already: {layout.TRAIN}")
    for found in job.hub_sources:
        lines.append(f"# {found.name} is loaded from its hub while training")
    folder = job.model_name
    model = job.recipe.model
    lines += ["", "# model"]
    command = download_command(model, folder)
    if command:
        # A marker tells a download that was cut off from a folder that is whole.
        mark = f"{folder}/.downloading"
        fetch = " ".join(map(shlex.quote, command))
        lines.append(f"if [ ! -e {folder}/config.json ] || [ -e {mark} ]; then")
        lines.append(f"  mkdir -p {folder}; touch {mark}; {fetch}; rm {mark}")
        lines.append("fi")
    else:
        lines.append(f"[ -e {folder} ] || ln -s {shlex.quote(model.path or model.id)} {folder}")
    return tuple(lines)


def _readme(job: Job, by_hand: str) -> dict[str, object]:
    return {
        "job": job,
        "missing": _missing(job),
        "can_convert": _can_convert(job),
        "rows_command": by_hand,
        "model_folder": job.model_name,
        "download": " ".join(map(shlex.quote, download_command(job.recipe.model, job.model_name))),
    }


def _spec(job: Job, found: FoundSource) -> dict[str, object]:
    """What ``make_data.py`` needs to know of a source, as plain values."""
    source = found.source
    return {
        "path": source.path,
        "url": source.url and redacted(source.url),
        "sha256": source.sha256,
        "sheet": source.sheet,
        "header_row": source.header_row,
        "columns": source.columns.model_dump(exclude_none=True) if source.columns else None,
        "system": source.system,
        "as_read": job.file_map_fn is not None,
        "get": source.get,
    }
