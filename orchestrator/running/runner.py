"""Walk the stages of a job in its run directory: skip what is done, run the rest, record it all."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from orchestrator import __version__
from orchestrator.base.errors import Interrupted, RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.base.layout import RunPaths
from orchestrator.base.plan import Command, Plan
from orchestrator.base.process import quoted, termination_interrupts
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of
from orchestrator.envs import Environment
from orchestrator.planning import fingerprint, stages
from orchestrator.planning.job import FIRST_STAGES, only_known_stages
from orchestrator.planning.job import stages as stages_of
from orchestrator.running import execution, leftover
from orchestrator.running import record as records
from orchestrator.running.execution import Ending
from orchestrator.running.record import RunRecord, StageRecord
from orchestrator.verifying.artifacts import verify


class Reporter(Protocol):
    """Where a run says what it does; the command line prints, a test collects."""

    def progress(self, done: int, total: int, what: str, /) -> None: ...
    def skipped(self, stage: str, seconds: float | None) -> None: ...
    def started(self, number: int, count: int, plan: Plan, why: str | None) -> None: ...
    def command(self, line: str) -> None: ...
    def output(self, chunk: bytes) -> None: ...
    def finished(self, record: StageRecord) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass(frozen=True)
class Selection:
    """Which stages are wanted: ``first`` and ``last`` by name, ``force`` even when done."""

    first: str | None = None
    last: str | None = None
    force: bool = False

    def of(self, names: tuple[str, ...]) -> tuple[str, ...]:
        begin = names.index(self.first) if self.first else 0
        end = names.index(self.last) + 1 if self.last else len(names)
        return names[begin:end]

    def forces(self, name: str) -> bool:
        return self.force or name == self.first


@dataclass(frozen=True)
class Preview:
    """A stage's plan and why it would run; ``why`` is None when it would be skipped."""

    plan: Plan
    why: str | None


def new_run_directory(folder: Path, name: str) -> Path:
    """``folder/NAME/YYYYMMDD-HHMMSS``, a name that is not taken yet; absolute."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    root = folder.absolute() / name / stamp
    number = 1
    while root.exists():
        number += 1
        root = folder.absolute() / name / f"{stamp}-{number}"
    return root


class Runner:
    """One walk over one run directory. ``run`` raises :class:`RecipeError` for a failed stage."""

    def __init__(
        self,
        job: Job,
        root: Path,
        reporter: Reporter,
        environment: Callable[[], Environment],
    ) -> None:
        self.job = job
        self.paths = RunPaths(root)
        self.reporter = reporter
        self._make_environment = environment
        self._environment: Environment | None = None
        self.record = self._open_record()

    def run(self, selection: Selection) -> RunRecord:
        """Every wanted stage in order; those that are done and unchanged are skipped."""
        only_known_stages(self.job, selection.first, selection.last)
        with records.claimed(self.paths), termination_interrupts():
            if leftover.end(self.paths.root):
                self.reporter.note("ended the engine that an earlier, killed `recipe` left behind")
            try:
                wanted = selection.of(stages_of(self.job))
                for name in wanted:
                    self._stage(name, forced=selection.forces(name), count=len(stages_of(self.job)))
            except KeyboardInterrupt:
                self._close("interrupted")
                raise Interrupted(fix="run the same command again to go on") from None
            except BaseException as error:
                # What went wrong is worth more than that its record could not be written.
                with contextlib.suppress(RecipeError):
                    self._close("interrupted" if isinstance(error, Interrupted) else "failed")
                raise
            complete = all(self.record.stage(n).state == "done" for n in stages_of(self.job))
            if complete or self.record.state == "running":
                self._close("done" if complete else "waiting")
        return self.record

    # -------------------------------------------------------------- the record

    def _open_record(self) -> RunRecord:
        if self.paths.record.exists():
            found = records.read(self.paths.root)
            found.changes = list(self.job.changes)
            return found
        recipe = self.job.recipe
        return RunRecord(
            recipe=self.job.name,
            title=recipe.title,
            engine=self.job.release.name,
            rehearsal=self.job.rehearsal,
            changes=list(self.job.changes),
            created=records.now(),
        )

    def _working(self) -> None:
        self.record.state = "running"
        self.record.host, self.record.pid = socket.gethostname(), os.getpid()
        self.record.engine = self.job.release.name
        self.record.versions["recipe"] = __version__
        if self._environment is not None:
            self.record.versions["environment"] = self._environment.lock_digest
        records.save(self.record, self.paths)

    def _close(self, state: records.State) -> None:
        self.record.state = state
        self.record.pid = None
        for stage in self.record.stages:
            if stage.state == "running":
                stage.state = "interrupted" if state == "interrupted" else "failed"
                stage.ended = records.now()
        if self.paths.root.exists():
            records.save(self.record, self.paths)

    def _env(self) -> Environment:
        if self._environment is None:
            self._environment = self._make_environment()
            self.job = replace(self.job, environment=self._environment.bin)
        return self._environment

    # -------------------------------------------------------------- one stage

    def _stage(self, name: str, *, forced: bool, count: int) -> None:
        if name != "data":
            self._env()  # commands.sh names it, and every command runs in it
        plan, parts, why = self._decide(name, forced=forced)
        done = self.record.stage(name)
        if why is None:
            self.reporter.skipped(name, done.seconds)
            return
        resume = None if forced else self._resumable(name, done, parts)
        if resume:
            plan = stages.plan(name, self.job, self.paths.root, resume_from=resume)
            why = f"training goes on from {Path(resume).name}"
        else:
            self._set_aside(plan)
        number = stages_of(self.job).index(name) + 1
        self.reporter.started(number, count, plan, why if done.attempts else None)
        done.state, done.started, done.why = "running", records.now(), why
        done.attempts += 1
        done.parts, done.error = parts, None
        self._working()
        self._execute(plan, done)
        self.reporter.finished(done)

    def _decide(self, name: str, *, forced: bool) -> tuple[Plan, fingerprint.Parts, str | None]:
        """The stage's plan, what decides its outcome, and why it must run (None: it need not)."""
        plan = stages.plan(name, self.job, self.paths.root)
        parts = fingerprint.of(plan, self.paths.root, self._facts_of(name))
        why = "asked for" if forced else self._why(self.record.stage(name), plan, parts)
        return plan, parts, why

    def preview(self, selection: Selection, environment: Environment | None) -> list[Preview]:
        """What :meth:`run` would do now; nothing is executed and nothing is written."""
        only_known_stages(self.job, selection.first, selection.last)
        self._environment = environment
        if environment is not None:
            self.job = replace(self.job, environment=environment.bin)
        found = []
        for name in selection.of(stages_of(self.job)):
            plan, _, why = self._decide(name, forced=selection.forces(name))
            found.append(Preview(plan, why))
        return found

    def _facts_of(self, name: str) -> dict[str, object]:
        if name in FIRST_STAGES[:3] or self._environment is None:
            return {}
        return {"release": self.job.release.name, "environment": self._environment.lock_digest}

    def _why(self, done: StageRecord, plan: Plan, parts: fingerprint.Parts) -> str | None:
        """Why the stage must run; None when a finished one still holds."""
        if done.state != "done":
            ended = "was cut off" if done.state in ("running", "interrupted") else done.state
            return f"the last try {ended}" if done.attempts else "not done yet"
        changed = fingerprint.differences(done.parts, parts)
        if changed:
            shown = ", ".join(changed[:3])
            return f"changed: {shown}" + (f" and {len(changed) - 3} more" if changed[3:] else "")
        now = fingerprint.snapshot(self.paths.root, _made(plan))
        for path, state in done.outputs.items():
            if path not in now:
                return f"{path} is missing"
            if now[path] != state:
                return f"{path} was changed"
        return None

    def _resumable(self, name: str, done: StageRecord, parts: fingerprint.Parts) -> str | None:
        """The newest checkpoint of a training that was cut off, when nothing else changed."""
        if name != "train" or done.state == "done" or not done.attempts:
            return None
        if fingerprint.differences(done.parts, parts):
            return None
        checkpoint = engine_of(self.job).newest_checkpoint(self.paths.root)
        return str(checkpoint.relative_to(self.paths.root)) if checkpoint else None

    def _set_aside(self, plan: Plan) -> None:
        """Move what an earlier try left out of the way: nothing that exists is overwritten."""
        present = [name for name in plan.outputs if (self.paths.root / name).exists()]
        if not present:
            return
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        aside = self.paths.root / "superseded" / f"{stamp}-{plan.stage}"
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{stamp}-{plan.stage}-{number}")
        for name in present:
            target = aside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.paths.root / name, target)
        where = aside.relative_to(self.paths.root)
        self.reporter.note(f"{', '.join(present)} of the earlier try moved to {where}/")

    def _execute(self, plan: Plan, done: StageRecord) -> None:
        begin = time.time()
        try:
            for file in plan.files:
                write_atomic(self.paths.root / file.path, file.text, executable=file.executable)
            facts = (
                dict(plan.task.run(self.paths.root, self.reporter.progress)) if plan.task else {}
            )
            endings = [self._command(command, plan.stage) for command in plan.commands]
            facts.update(self._verified(plan, begin, endings))
        except Interrupted:
            raise
        except RecipeError as error:
            done.error = error.what
            raise _in_stage(error, plan.stage, self._log_if_any(plan.stage)) from error
        done.facts = facts
        done.outputs = fingerprint.snapshot(self.paths.root, _made(plan))
        done.state, done.ended = "done", records.now()
        done.seconds = round(time.time() - begin, 2)
        records.save(self.record, self.paths)

    def _verified(self, plan: Plan, begin: float, endings: list[Ending]) -> dict[str, object]:
        """The facts of every artifact; the log's last lines go with one that is missing."""
        facts: dict[str, object] = {}
        base = self.paths.root / self.job.model_name
        for artifact in plan.artifacts:
            since = 0.0 if artifact.kind == "base" else begin
            try:
                facts[artifact.path] = verify(artifact, self.paths.root, since=since, base=base)
            except RecipeError as error:
                if not endings or artifact.kind == "check":
                    raise
                raise endings[0].beside(error, engine_of(self.job)) from error
        return facts

    def _log_if_any(self, stage: str) -> Path | None:
        log = self.paths.log(stage)
        return log if log.exists() else None

    def _command(self, command: Command, stage: str) -> Ending:
        environment = self._env()
        argv = execution.resolved(command.argv, self.paths.root)
        self.reporter.command(quoted(argv))
        ending = execution.run(
            argv,
            environment,
            execution.environment_of(
                environment, command, offline=self.job.rehearsal, base=os.environ
            ),
            root=self.paths.root,
            log=self.paths.log(stage),
            echo=self.reporter.output,
        )
        if not ending.came_to_its_end(command, engine_of(self.job)):
            raise ending.explained("The engine's command did not finish.", engine_of(self.job))
        return ending


def _made(plan: Plan) -> tuple[str, ...]:
    return (*plan.outputs, *(file.path for file in plan.files))


def _in_stage(error: RecipeError, stage: str, log: Path | None) -> RecipeError:
    """The same error with the stage, the log and how to go on."""
    where = "\n         ".join(part for part in (f"stage {stage}", error.where) if part)
    if log is not None:
        where += f"\n         log {log}"
    fix = error.fix or "mend the cause"
    if "again" not in fix:
        fix += "; then run the same command again: it goes on from this stage"
    return RecipeError(error.what, where=where, why=error.why, fix=fix, exit_code=error.exit_code)
