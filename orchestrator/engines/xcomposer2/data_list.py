"""From the run's rows to what finetune.py reads: a JSON file for each set, and the list of them.

Every source becomes a file of its rows with pictures, and one of its rows without: the script reads
a whole file by its first row. The counts are those of the rows, in thousands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson

from orchestrator.base import layout
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import atomic_writer
from orchestrator.base.language import say
from orchestrator.engines.job import Job
from orchestrator.engines.xcomposer2.settings import LIST

if TYPE_CHECKING:
    from data_tools import Outcome

#: Rows that a rehearsal trains on.
_FEW = 16
_AGAIN = "rows drawn again (up-sampling)"
"""What the row account says of a source that was too small for its count."""


def arrange_rows(job: Job, root: Path, outcome: Outcome) -> Mapping[str, object]:
    """Write ``data/N-NAME.json`` for every source and the list of them, and look at all they name.

    ``outcome``: of which source each row of ``data/train.jsonl`` is. Raises RecipeError with every
    picture and row that the script would stop at.
    """
    from data_tools import DataError, write_list

    _none_twice(job, outcome)
    with (root / layout.TRAIN).open("rb") as lines:
        sets = _written(job, zip(lines, outcome.origins[0], strict=True), root)
    if not sets:
        raise RecipeError(
            say("No row with a picture is left to rehearse on.", "没有剩下带图片的数据可供预演。"),
            why=say(
                "the model's own code moves rows without pictures to a GPU (.cuda())",
                "模型自己的代码会把不含图片的数据移到 GPU（.cuda()）",
            ),
            fix=say(
                "go as far as the check: --until check; or train on a machine with a GPU",
                "只运行到检查：--until check；或在有 GPU 的机器上训练",
            ),
        )
    try:
        warnings = write_list(list(sets), root / LIST, root=root)
    except DataError as error:
        raise RecipeError(
            say("The rows would not train.", "这些数据无法用于训练。"),
            where=error.where or None,
            why=error.why,
            fix=say(
                "correct these pictures and rows, or take the rows out of their source; a relative "
                "path is looked for beside its file of rows",
                "修正这些图片和数据行，或把这些行从数据源中去掉；"
                "相对路径从其数据文件所在的文件夹查找",
            ),
        ) from error
    said = [str(one) for one in warnings]
    return {"sets": sets, **({"list warnings": said} if said else {})}


def _none_twice(job: Job, outcome: Outcome) -> None:
    """A count above a source's rows would train some of them twice, which nobody asked for."""
    short = [
        say(
            f"data.sources.{number}.sample_rows asks for {found.source.sample_rows:,} rows of "
            f"{found.name}, which has {account.read - account.notes[_AGAIN]:,}",
            f"data.sources.{number}.sample_rows 要从 {found.name} 取 {found.source.sample_rows:,} "
            f"行，而它只有 {account.read - account.notes[_AGAIN]:,} 行",
        )
        for number, (found, account) in enumerate(
            zip(job.file_sources, outcome.inputs, strict=True)
        )
        if found.source.sample_rows and account.notes[_AGAIN] and not found.is_sample
    ]
    if short:
        raise RecipeError(
            say("The list asks for more rows than there are.", "列表要求的行数多于实际行数。"),
            where="data.sources",
            why="; ".join(short),
            fix=say(
                "ask for fewer, or name the source twice to train its rows twice",
                "减少行数；若要重复训练，请把该数据源写两次",
            ),
        )


def _written(job: Job, rows: Iterable[tuple[bytes, int]], root: Path) -> dict[str, int]:
    """File -> its rows, for the files that have any, in the sources' order."""
    counts: dict[str, int] = {}
    left = _FEW if job.rehearsal else None
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for line, origin in rows:
            seen = "image" in orjson.loads(line)
            if left == 0 or (job.standin == "own" and not seen):
                continue
            file = _file(job, origin, with_pictures=seen)
            if file not in files:
                files[file] = stack.enter_context(atomic_writer(root / file))
            files[file].write((b",\n" if file in counts else b"[\n") + line.rstrip())
            counts[file] = counts.get(file, 0) + 1
            left = None if left is None else left - 1
        for stream in files.values():
            stream.write(b"\n]\n")
    order = [
        _file(job, n, with_pictures=s) for n in range(len(job.file_sources)) for s in (True, False)
    ]
    return {file: counts[file] for file in order if file in counts}


def _file(job: Job, origin: int, *, with_pictures: bool) -> str:
    """The file of a source's rows of one kind; no name holds a space, by which a line ends."""
    name = re.sub(r"[^\w.-]+", "_", Path(job.file_sources[origin].name).stem) or "rows"
    return f"{layout.DATA}/{origin + 1}-{name}{'' if with_pictures else '-text'}.json"
