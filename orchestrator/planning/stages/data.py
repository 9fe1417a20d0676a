"""data: rows from every source, converted, split, written, and accounted for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.base.language import say
from orchestrator.base.layout import ACCOUNT, DATA, FEW, REJECTED, TEST, TRAIN
from orchestrator.base.plan import Artifact, Plan, Progress
from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.protocol import ArrangesRows, PassesRows
from orchestrator.engines.registry import engine_of
from orchestrator.planning.job import REHEARSAL_ROWS
from orchestrator.planning.stages import row_words
from orchestrator.verifying.artifacts import ROWS

if TYPE_CHECKING:
    from data_tools import Input, Pipeline

NEEDED = {"rm": "rejected", "dpo": "rejected", "kto": "kto_tag"}
"""What every row of a training stage must have."""
_UNCHECKED = "--set expect.rows=null --set expect.train_rows=null --set expect.test_rows=null"


def plan(job: Job, root: Path) -> Plan:
    """Rows into ``data/``; nothing when the engine loads a hub data set itself."""
    hub = [found.source.dataset for found in job.hub_sources]
    if not job.file_sources:
        return Plan(stage="data", environment=False, facts={"data sets of the engine": hub})
    made = [TRAIN, FEW] if job.rehearsal else [TRAIN]
    return Plan(
        stage="data",
        environment=False,
        task=ConvertRows(job),
        artifacts=tuple(Artifact(path=path, proof=ROWS) for path in made),
        inputs=tuple(str(found.path) for found in job.file_sources if found.path is not None),
        outputs=("data",),
    )


@dataclass(frozen=True)
class ConvertRows:
    """The task: read every source, split, write in the row format of the engine."""

    job: Job

    def describe(self) -> str:
        names = ", ".join(found.name for found in self.job.file_sources)
        return say(f"convert {names} -> {TRAIN}", f"转换 {names} -> {TRAIN}")

    def facts(self) -> Mapping[str, object]:
        data = self.job.recipe.data.model_dump(mode="json")
        return {
            "data": data,
            "row format": self._form(),
            "max_samples": self.job.recipe.train.max_samples,
            "samples": [found.is_sample for found in self.job.file_sources],
            "rehearsal": self.job.rehearsal,
            "recipe version": __version__,
            **self._arranged(),
        }

    def _arranged(self) -> Mapping[str, object]:
        """What files of an engine's own depend on, beside the rows."""
        if not isinstance(engine_of(self.job), ArrangesRows):
            return {}
        return {"arranged for": [self.job.release.name, self.job.standin]}

    def run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        from data_tools import DataError

        try:
            return self._run(root, progress)
        except DataError as error:
            others = engine_of(self.job).row_formats[1:]
            raise row_words.in_recipe_words(error, root / REJECTED, others) from error

    def _run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        from data_tools import Account, run

        (root / DATA).mkdir(parents=True, exist_ok=True)
        account = Account(tick=lambda rows: progress(rows, 0, say("rows", "行")))
        job = self._pipeline(root, progress)
        outcome = run(job, account)
        if self.job.rehearsal:
            write_atomic(root / FEW, _head(root / TRAIN, REHEARSAL_ROWS))
        train, test = (*outcome.written, 0)[:2]
        counts = {"rows": train + test, "train_rows": train, "test_rows": test}
        report: dict[str, Any] = {**counts, **account.to_dict()}
        names = [found.name for found in self.job.file_sources]
        sources = zip(names, outcome.inputs, strict=True)
        report["sources"] = [{"source": name, **own.to_dict()} for name, own in sources]
        if warnings := [*row_words.drawn(self.job, names, outcome), *row_words.dropped(account)]:
            report["warnings"] = warnings
        write_atomic(root / ACCOUNT, json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        self._expected(counts)
        engine = engine_of(self.job)
        if isinstance(engine, ArrangesRows):
            report.update(engine.arrange_rows(self.job, root, outcome))
        return report

    def _pipeline(self, root: Path, progress: Progress) -> Pipeline:
        from data_tools import Pipeline, Split

        data, train = self.job.recipe.data, self.job.recipe.train
        columns = self._columns()
        split = Split(
            train=float(data.split.train),  # a whole number would be a count of rows, not a share
            group="request" if data.split.keep_duplicates_together else None,
        )
        return Pipeline(
            inputs=[self._input(found, progress) for found in self.job.file_sources],
            outputs=[root / name for name in ((TRAIN,) if split.train == 1 else (TRAIN, TEST))],
            to=self._form(),
            columns=columns,
            turn_fields=self._turn_fields(),
            drop=data.drop,
            dedupe={"by": data.dedupe} if data.dedupe else None,
            seed=data.split.seed,
            split=split,
            limit=train.max_samples,
            rejected=root / REJECTED,
            max_rejects=data.max_rejects,
        )

    def _input(self, found: FoundSource, progress: Progress) -> Input:
        from data_tools import Input, ReadOptions, self_cognition

        source = found.source
        steps: dict[str, Any] = {"clean": source.clean} if source.clean else {}
        if needed := NEEDED.get(self.job.recipe.train.stage):
            steps["require"] = needed
        engine = engine_of(self.job)
        if isinstance(engine, PassesRows):
            steps.update(engine.row_steps(self.job.recipe))
        mixed: dict[str, Any] = {
            "steps": steps,
            "count": source.sample_rows,
            "weight": source.weight,
        }
        if source.self_cognition is not None:
            options = source.self_cognition.model_dump()
            return Input(rows=lambda: self_cognition(**options), **mixed)
        reading = ReadOptions(
            format=source.format,
            sheet=source.sheet,
            columns=source.columns.model_dump(exclude_none=True) if source.columns else None,
            header_row=source.header_row,
            encoding=source.encoding,
            system=source.system,
        )
        path = self._path(found, progress)
        steps["media"] = path if path.is_dir() else path.parent  # as the engines' data sets have it
        return Input(files=path, reading=reading, **mixed)

    def _path(self, found: FoundSource, progress: Progress) -> Path:
        if found.path is not None:
            return found.path
        from orchestrator.base.paths import downloads_dir
        from orchestrator.hub.files import fetch_file

        url = found.source.url
        assert url is not None  # a source without a file and without a url was refused before
        return fetch_file(url, found.source.sha256, downloads_dir(), progress=progress)

    def _columns(self) -> Mapping[str, Any] | None:
        """The keys of every row: readers infer a file's columns from its first rows, so that a
        field which only some rows have would stop the training. None: rows as their source has
        them, for the engine's own map function."""
        if self._form() == "same":
            return None
        return engine_of(self.job).row_columns(self.job.recipe)

    def _turn_fields(self) -> Collection[str] | None:
        """What the engine reads of a turn; None: rows as their source has them."""
        same = self._form() == "same"
        return None if same else engine_of(self.job).turn_fields(self.job.release)

    def _form(self) -> str:
        if self.job.file_map_fn is not None:
            return "same"
        pretraining = self.job.recipe.train.stage == "pt"
        usual = engine_of(self.job).row_formats[0]
        return "text" if pretraining else self.job.recipe.data.rows or usual

    def _expected(self, counts: Mapping[str, int]) -> None:
        if self.job.unchecked:
            return
        expect = self.job.recipe.expect
        wrong = [
            say(f"{key}: {got} instead of {wanted}", f"{key}：得到 {got}，应为 {wanted}")
            for key, got in counts.items()
            if (wanted := getattr(expect, key)) is not None and wanted != got
        ]
        if wrong:
            raise RecipeError(
                say(
                    "The data does not give the rows that the recipe expects.",
                    "数据转换后的行数与配方所期望的不符。",
                ),
                where="expect",
                why="; ".join(wrong),
                fix=say(
                    f"check that this is the tutorial's file; for data of your own, {_UNCHECKED}",
                    f"请检查这是否就是教程的文件；若是您自己的数据，请加上 {_UNCHECKED}",
                ),
            )


def _head(path: Path, rows: int) -> str:
    with path.open(encoding="utf-8", newline="") as lines:
        return "".join(islice(lines, rows))
