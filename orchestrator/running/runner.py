"""A run: walk the stages, skip what is done, execute the rest, verify, and record every step."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from orchestrator import __version__
from orchestrator.base.errors import Interrupted, RecipeError
from orchestrator.base.files import write_atomic
from orchestrator.base.language import say
from orchestrator.base.layout import RunPaths
from orchestrator.base.plan import Command, Plan
from orchestrator.base.process import quoted, termination_interrupts
from orchestrator.base.secrets import redacted, without_secrets
from orchestrator.engines.job import Job
from orchestrator.engines.registry import engine_of
from orchestrator.envs.environment import Environment
from orchestrator.planning import fingerprint, stages
from orchestrator.planning.job import stages as stages_of
from orchestrator.planning.job import with_environment
from orchestrator.running import aside, execution, leftover, takeover, telling
from orchestrator.running import peak as peaks
from orchestrator.running import record as records
from orchestrator.running.deciding import Decision, Selection, decide, made_by
from orchestrator.running.execution import Ending
from orchestrator.running.record import RunRecord, StageRecord
from orchestrator.running.warm import Warm
from orchestrator.verifying.artifacts import verify
from orchestrator.verifying.content import snapshot, stamps


class Reporter(Protocol):
    """Where a run says what it does; the command line prints, a test collects."""

    def progress(self, done: int, total: int, what: str, /) -> None: ...
    def skipped(self, stage: str, seconds: float | None) -> None: ...
    def started(self, number: int, count: int, plan: Plan, why: str | None) -> None: ...
    def command(self, line: str) -> None: ...
    def output(self, chunk: bytes) -> None: ...
    def finished(self, record: StageRecord) -> None: ...
    def note(self, text: str) -> None: ...


class Runner:
    """One walk over one run directory. ``run`` raises :class:`RecipeError` for a failed stage.

    ``others`` are earlier runs of the recipe, newest first, whose finished stages may be taken
    over; ``request`` is stored in the record of a run that begins. Without ``warm`` every command
    of a rehearsal imports the engine anew.
    """

    def __init__(
        self,
        job: Job,
        root: Path,
        reporter: Reporter,
        environment: Callable[[], Environment],
        *,
        request: dict[str, object] | None = None,
        estimate: dict[str, object] | None = None,
        python: str | None = None,
        others: Callable[[], takeover.Runs] = list,
        warm: bool = True,
    ) -> None:
        self.job = job
        self.paths = RunPaths(root)
        self.reporter = reporter
        self.record = records.begun(job, request, estimate)
        self._python = python
        self._make_environment = environment
        self._environment: Environment | None = None
        self._others = others
        self._warm = Warm(job, self.paths, self.reporter.note) if warm else None

    def run(self, selection: Selection) -> RunRecord:
        """Every wanted stage in order; those that are done and unchanged are skipped.

        All stages are planned before the first one runs: what cannot be planned fails at once.
        """
        wanted = selection.of(self.job)
        for name in stages_of(self.job):
            plan = stages.plan(name, self.job, self.paths.root)
            if self._warm is not None:
                self._warm.learn(plan.commands)
        with (
            records.claimed(self.paths),
            termination_interrupts(),
            contextlib.closing(self._warm) if self._warm else contextlib.nullcontext(),
        ):
            self.record = records.opened(self.paths, self.record)
            selection.check(self.job, self.record)
            if leftover.end(self.paths.root):
                self.reporter.note(telling.ended_what_was_left())
            try:
                for name in wanted:
                    self._stage(name, forced=selection.forces(name))
            except KeyboardInterrupt:
                self._close("interrupted")
                raise Interrupted(fix=telling.how_to_go_on()) from None
            except BaseException as error:
                # What went wrong is worth more than that its record could not be written.
                with contextlib.suppress(RecipeError):
                    self._close("interrupted" if isinstance(error, Interrupted) else "failed")
                raise
            complete = all(self.record.stage(n).state == "done" for n in stages_of(self.job))
            current = not records.stale(self.record, self.paths.root)
            self._close("done" if complete and current else "waiting")
        return self.record

    # -------------------------------------------------------------- the record

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
        records.save(self.record, self.paths)

    def _env(self) -> Environment:
        if self._environment is None:
            self._environment = self._make_environment()
            self.record.python = self._python or self.record.python  # it holds the engine
            self.job = with_environment(self.job, self._environment)
        return self._environment

    # -------------------------------------------------------------- one stage

    def _stage(self, name: str, *, forced: bool) -> None:
        done = self.record.stage(name)
        begin = time.monotonic()
        try:
            decision = self._decided(name, forced=forced)
            if decision.why is None:
                self.reporter.skipped(name, done.seconds)
                return
            if not forced and self._taken_over(decision, done):
                return
            self._execute(self._begun(decision, done, forced=forced), done, decision)
        except Interrupted:
            raise
        except RecipeError as error:
            done.state, done.error, done.ended = "failed", error.what, records.now()
            done.failure = {**done.failure, **telling.as_kept(error)}
            log = self.paths.log(name)
            telling.add_stage(error, name, log if log.exists() else None)
            raise
        done.state, done.ended, done.error, done.failure = "done", records.now(), None, {}
        done.seconds = round(time.monotonic() - begin, 2)
        records.save(self.record, self.paths)
        self.reporter.finished(done)

    def _decided(self, name: str, *, forced: bool) -> Decision:
        if stages.plan(name, self.job, self.paths.root).environment:
            self._env()  # commands.sh names it, and every command runs in it
        digest = self._environment.lock_digest if self._environment else None
        return decide(
            name, self.job, self.paths.root, self.record, environment=digest, forced=forced
        )

    def _begun(self, decision: Decision, done: StageRecord, *, forced: bool) -> Plan:
        """The stage's plan as it will be executed, told and recorded."""
        plan, why = decision.plan, decision.why
        resume = None if forced else self._resumable(plan, done, decision.parts)
        if resume:
            job = replace(self.job, resume_from=resume)
            plan = stages.plan(plan.stage, job, self.paths.root)
            why = telling.goes_on_from(Path(resume))
        else:
            self._set_aside(decision)
        names = stages_of(self.job)
        number = names.index(plan.stage) + 1
        self.reporter.started(number, len(names), plan, why if done.attempts else None)
        self._mark(done, decision, why)
        return plan

    def _mark(self, done: StageRecord, decision: Decision, why: str | None) -> None:
        done.state, done.started, done.why = "running", records.now(), why
        done.attempts += 1
        done.parts, done.inputs, done.error = decision.parts, list(decision.plan.inputs), None
        done.failure = {}
        self._working()

    def _taken_over(self, decision: Decision, done: StageRecord) -> bool:
        """Whether another run's finished stage could be used instead of running this one."""
        found = takeover.find(decision.plan, decision.parts, self._others())
        if found is None:
            return False
        source, stage = found
        self._set_aside(decision)
        self._mark(done, decision, takeover.told(source))
        takeover.take(stage, source, self.paths.root)
        done.facts, done.seconds = stage.facts, stage.seconds
        done.outputs = snapshot(self.paths.root, made_by(decision.plan), {})
        done.state, done.ended = "done", records.now()
        records.save(self.record, self.paths)
        name = decision.plan.stage
        english = f"{name}: the same as in {source}, taken over from there"
        self.reporter.note(say(english, f"{name}：与 {source} 相同，已从那里取用"))
        return True

    def _resumable(self, plan: Plan, done: StageRecord, parts: fingerprint.Parts) -> str | None:
        """The newest checkpoint of a stage that was cut off, when nothing else changed."""
        if not plan.resumes or done.state == "done" or not done.attempts:
            return None
        if fingerprint.differences(done.parts, parts):
            return None
        checkpoint = engine_of(self.job).newest_checkpoint(self.paths.root)
        return str(checkpoint.relative_to(self.paths.root)) if checkpoint else None

    def _set_aside(self, decision: Decision) -> None:
        """Move what an earlier try left out of the way: nothing that exists is overwritten."""
        if not decision.moves:
            return
        where = aside.move(self.paths.root, decision.plan.stage, decision.moves)
        moved = ", ".join(decision.moves)
        english = f"{moved} of the earlier try moved to {where}/"
        self.reporter.note(say(english, f"先前的 {moved} 已移到 {where}/"))

    def _execute(self, plan: Plan, done: StageRecord, decision: Decision) -> None:
        root = self.paths.root
        before = {artifact.path: stamps(root / artifact.path) for artifact in plan.artifacts}
        for file in plan.files:
            write_atomic(root / file.path, file.text, executable=file.executable)
        facts: dict[str, Any] = {}
        if plan.task:
            facts.update(plan.task.run(root, self.reporter.progress))
        with peaks.watched(self.job) if plan.commands else contextlib.nullcontext() as peak:
            endings = [self._command(command, plan.stage) for command in plan.commands]
        facts.update(self._verified(plan, before, endings))
        if peak is not None:
            facts.update(peaks.keep(peak, self.job, plan.stage))
        told = zip(plan.commands, endings, strict=True)
        warned = [text for command, end in told if not command.by_hand for text in end.warnings]
        if warned:
            facts["warnings"] = [*facts.get("warnings", ()), *warned]
        done.facts = without_secrets(facts)
        done.outputs = snapshot(root, made_by(decision.plan), {})

    def _verified(
        self, plan: Plan, before: dict[str, dict[str, tuple[int, ...]]], endings: list[Ending]
    ) -> dict[str, dict[str, object]]:
        """The facts of every artifact; the log's last lines go with one that is missing."""
        facts: dict[str, dict[str, object]] = {}
        base = self.paths.root / self.job.model_name
        for artifact in plan.artifacts:
            try:
                # One folder may be the proof of two things: a training, and an adapter.
                known = facts.setdefault(artifact.path, {})
                known.update(
                    verify(artifact, self.paths.root, before=before[artifact.path], base=base)
                )
            except RecipeError as error:
                if not endings or artifact.proof.tells_cause:
                    raise
                raise endings[0].with_log(error, engine_of(self.job)) from error
        return facts

    def _command(self, command: Command, stage: str) -> Ending:
        environment = self._env()
        engine = engine_of(self.job)
        start = None
        if self._warm is not None:
            command, start = self._warm.variables(command), self._warm.starter(environment)
        argv = execution.resolved(command.argv, self.paths.root)
        self.reporter.command(redacted(quoted(argv)))
        ending = execution.run(
            argv,
            environment,
            execution.environment_of(
                environment, command, offline=self.job.rehearsal, base=os.environ
            ),
            root=self.paths.root,
            log=self.paths.log(stage),
            echo=self.reporter.output,
            start=start,
        )
        ended: records.Failure = {"code": ending.code, "out_of_memory": ending.out_of_memory}
        self.record.stage(stage).failure = ended
        if not ending.succeeded(command, engine):
            what = say("The engine's command did not finish.", "引擎的命令没有完成。")
            raise ending.explained(what, engine)
        return ending
