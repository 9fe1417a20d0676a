"""data: rows from every source, converted, split, written, and accounted for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import __version__
from orchestrator.base.errors import RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.base.layout import ACCOUNT, FEW, REJECTED, TEST, TRAIN
from orchestrator.base.plan import Artifact, Plan, Progress
from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.registry import engine_of
from orchestrator.planning.job import REHEARSAL_ROWS
from orchestrator.planning.stages import preference
from orchestrator.planning.stages.columns import unify
from orchestrator.verifying.artifacts import ROWS


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
        return f"convert {names} -> {TRAIN}"

    def facts(self) -> Mapping[str, object]:
        data = self.job.recipe.data.model_dump(mode="json")
        return {
            "data": data,
            "row format": self._form(),
            "max_samples": self.job.recipe.train.max_samples,
            "samples": [found.is_sample for found in self.job.file_sources],
            "rehearsal": self.job.rehearsal,
            "recipe version": __version__,
        }

    def run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        from data_tools import DataError

        try:
            return self._run(root, progress)
        except DataError as error:
            raise RecipeError(
                error.what, where=error.where or None, why=error.why or None, fix=error.fix or None
            ) from error

    def _run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        import data_tools

        (root / "data").mkdir(parents=True, exist_ok=True)
        rejected: list[dict[str, Any]] = []
        by_source: list[list[Any]] = []
        accounts = []
        for found in self.job.file_sources:
            read, account = self._read(found, rejected, progress)
            by_source.append(read)
            accounts.append({"source": found.name, **account})
        _store_rejected(root, rejected)
        _accept(accounts, rejected, self.job.recipe.data.max_rejects, root / REJECTED)
        mixed, shares = self._mixed(by_source)
        rows = self._without_duplicates(mixed, accounts, rejected)
        _store_rejected(root, rejected)
        split = self.job.recipe.data.split
        train, test = data_tools.split(
            rows,
            train=float(split.train),  # a whole number would be a count of rows, not a share
            seed=split.seed,
            group="request" if split.keep_duplicates_together else None,
        )
        counts = {"rows": len(rows), "train_rows": len(train), "test_rows": len(test)}
        train, drawn = self._drawn(train)
        left_out = self._write(root, train, test)
        report: dict[str, Any] = {**counts, "rejected": len(rejected), "sources": accounts}
        warnings = [*shares, *drawn, *left_out]
        if self.job.unchecked:
            warnings.append(f"expect is not checked: {self.job.unchecked}")
        if warnings:
            report["warnings"] = warnings
        write_atomic(root / ACCOUNT, json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        self._expected(counts)
        return report

    def _drawn(self, train: list[Any]) -> tuple[list[Any], list[str]]:
        """`train.max_samples` rows over all sources, and how many came of each, in words."""
        import data_tools

        wanted = self.job.recipe.train.max_samples
        if wanted is None or wanted >= len(train):
            return train, []
        seed = self.job.recipe.data.split.seed
        drawn = data_tools.sample(train, wanted, seed=seed)
        said = (
            f"max_samples: {wanted} of {len(train)} rows, drawn over all sources with seed {seed}"
        )
        return drawn, [f"{said} ({_per_source(drawn)})"]

    def _read(
        self, found: FoundSource, rejected: list[dict[str, Any]], progress: Progress
    ) -> tuple[list[Any], dict[str, Any]]:
        import data_tools

        account = data_tools.Account(sink=rejected.append)
        rows: list[Any] = []
        for row in self._cleaned(found, account, progress):
            rows.append(row)
            if len(rows) % 1000 == 0:
                progress(len(rows), 0, found.name)
        account.written = len(rows)
        account.check()
        return rows, account.to_dict()

    def _mixed(self, by_source: list[list[Any]]) -> tuple[list[Any], list[str]]:
        """One source after the other, or their weighted mix and how much each gave, in words."""
        import data_tools

        weights = [found.source.weight for found in self.job.file_sources]
        if all(weight is None for weight in weights):
            return [row for rows in by_source for row in rows], []
        shares = [1.0 if weight is None else weight for weight in weights]
        seed = self.job.recipe.data.split.seed
        mixed = data_tools.mix(by_source, weights=shares, seed=seed, shuffle=False)
        return mixed, [f"mixed by weight: {_per_source(mixed)}"]

    def _without_duplicates(
        self, rows: list[Any], accounts: list[dict[str, Any]], rejected: list[dict[str, Any]]
    ) -> list[Any]:
        """`data.dedupe` over all sources, with an account of its own."""
        import data_tools

        how = self.job.recipe.data.dedupe
        if how is None:
            return rows
        account = data_tools.Account(read=len(rows), sink=rejected.append)
        kept = list(data_tools.apply_steps(rows, {"dedupe": how}, account=account))
        account.written = len(kept)
        account.check()
        accounts.append({"source": f"dedupe: {how}", **account.to_dict()})
        return kept

    def _cleaned(self, found: FoundSource, account: Any, progress: Progress) -> Iterator[Any]:
        import data_tools

        source = found.source
        steps: dict[str, Any] = {"clean": source.clean} if source.clean else {}
        if source.sample_rows is not None:
            seed = self.job.recipe.data.split.seed
            steps["sample"] = {"count": source.sample_rows, "seed": seed}
        return data_tools.apply_steps(self._rows(found, account, progress), steps, account=account)

    def _rows(self, found: FoundSource, account: Any, progress: Progress) -> Iterator[Any]:
        import data_tools

        source = found.source
        stage = self.job.recipe.train.stage
        if stage in preference.REQUIRED:
            path = self._path(found, progress)
            return preference.read(path, stage, source.system, account)
        if source.self_cognition is not None:
            generated = source.self_cognition.model_dump()
            rows = data_tools.self_cognition(**generated)
            return _counted(rows, account)
        columns = source.columns.model_dump(exclude_none=True) if source.columns else None
        return data_tools.read(
            self._path(found, progress),
            format=source.format,
            sheet=source.sheet,
            columns=columns,
            header_row=source.header_row,
            system=source.system,
            account=account,
            keep_raw=self.job.file_map_fn is not None,
        )

    def _path(self, found: FoundSource, progress: Progress) -> Path:
        if found.path is not None:
            return found.path
        from orchestrator.base.paths import downloads_dir
        from orchestrator.hub.files import fetch_file

        url = found.source.url
        assert url is not None  # a source without a file and without a url was refused before
        into = downloads_dir()
        return fetch_file(url, found.source.sha256, into, progress=progress)

    def _write(self, root: Path, train: list[Any], test: list[Any]) -> list[str]:
        """Write the rows as the engine reads them; what had to be left out, in words."""
        import data_tools

        few = train[:REHEARSAL_ROWS] if self.job.rehearsal else []
        columns = engine_of(self.job).row_columns(self.job.recipe)
        left_out: dict[str, None] = {}
        for rows, name in ((train, TRAIN), (test, TEST), (few, FEW)):
            if not rows and name != TRAIN:
                continue
            data_tools.write(rows, root / name, format=self._form())
            if columns is not None:
                left_out.update(dict.fromkeys(unify(root / name, columns)))
        return [f"the engine does not read these keys: {', '.join(left_out)}"] if left_out else []

    def _form(self) -> str:
        as_read = self.job.file_map_fn is not None
        stage = self.job.recipe.train.stage
        if as_read or stage in preference.REQUIRED:
            return "same"
        return "text" if stage == "pt" else engine_of(self.job).row_format

    def _expected(self, counts: Mapping[str, int]) -> None:
        if self.job.unchecked:
            return
        expect = self.job.recipe.expect
        wrong = [
            f"{key}: {got} instead of {wanted}"
            for key, got in counts.items()
            if (wanted := getattr(expect, key)) is not None and wanted != got
        ]
        if wrong:
            raise RecipeError(
                "The data does not give the rows that the recipe expects.",
                where="expect",
                why="; ".join(wrong),
                fix="check that this is the tutorial's file; for data of your own, "
                "--set expect.rows=null --set expect.train_rows=null --set expect.test_rows=null",
            )


def _per_source(rows: list[Any]) -> str:
    counts = Counter(Path(row.source.file).name for row in rows)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _accept(
    accounts: list[dict[str, Any]],
    rejected: list[dict[str, Any]],
    limit: int | str,
    stored: Path,
) -> None:
    """RecipeError naming the rows that cannot be used when the recipe accepts fewer.

    Rows that the recipe itself asked to leave out (cleaning rules) are no faults.
    """
    faults = sum(account["faults"] for account in accounts)
    total = sum(account["read"] for account in accounts)
    share = str(limit).endswith("%")
    allowed = total * float(str(limit)[:-1]) / 100 if share else float(limit)
    if faults <= allowed:
        return
    shown = [_place(one) for one in rejected[:5]]
    more = [f"and {len(rejected) - 5} more, all in {stored}"] if rejected[5:] else []
    raise RecipeError(
        f"{faults} of {total} rows cannot be used, and the recipe accepts {limit}.",
        where="\n         ".join([*shown, *more]),
        why="a row that cannot be used is never dropped without being asked",
        fix=f"mend these rows, or leave them out: --set data.max_rejects={faults}",
    )


def _place(rejected: Mapping[str, Any]) -> str:
    """``book.xlsx sheet DrugQA line 3 (D3): output is empty``."""
    hidden = ("file", "reason", "at", "cell", "row")
    place = [
        f"{k} {v}" for k, v in rejected.items() if k not in hidden and isinstance(v, (int, str))
    ]
    spot = next((f" ({rejected[key]})" for key in ("cell", "at") if rejected.get(key)), "")
    return f"{' '.join([str(rejected.get('file', '')), *place])}{spot}: {rejected.get('reason')}"


def _counted(rows: Iterator[Any], account: Any) -> Iterator[Any]:
    for row in rows:
        account.read += 1
        yield row


def _store_rejected(root: Path, rejected: list[dict[str, Any]]) -> None:
    path = root / REJECTED
    if not rejected:
        path.unlink(missing_ok=True)
        return
    lines = [json.dumps(one, ensure_ascii=False, default=str) for one in rejected]
    write_atomic(path, "\n".join(lines) + "\n")
