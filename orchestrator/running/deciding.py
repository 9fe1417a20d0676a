"""Which stages must run, and why: the one place that decides, for a run and for its preview."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.plan import Plan
from orchestrator.engines.job import Job
from orchestrator.planning import fingerprint, stages
from orchestrator.planning.fingerprint import Parts
from orchestrator.planning.job import only_known_stages
from orchestrator.planning.job import stages as stages_of
from orchestrator.running import takeover
from orchestrator.running.record import RunRecord, StageRecord
from orchestrator.verifying.content import changed, digest, of_path, snapshot, without_comments


@dataclass(frozen=True)
class Selection:
    """Which stages are wanted: ``first`` and ``last`` by name, ``force`` even when done."""

    first: str | None = None
    last: str | None = None
    force: bool = False

    def of(self, job: Job) -> tuple[str, ...]:
        """The names of the wanted stages; UsageError for unknown ones, or when there are none."""
        only_known_stages(job, self.first, self.last)
        names = stages_of(job)
        begin = names.index(self.first) if self.first else 0
        end = names.index(self.last) + 1 if self.last else len(names)
        if begin >= end:
            raise UsageError(
                say(
                    f"Nothing lies between --from {self.first} and --until {self.last}.",
                    f"--from {self.first} 与 --until {self.last} 之间没有任何阶段。",
                ),
                fix=say(
                    f"the stages in order: {', '.join(names)}", f"各阶段依次为：{', '.join(names)}"
                ),
            )
        return names[begin:end]

    def check(self, job: Job, record: RunRecord) -> None:
        """UsageError when a stage before ``first`` was never finished in this run."""
        for name in stages_of(job)[: stages_of(job).index(self.first) if self.first else 0]:
            if record.stage(name).state != "done":
                raise UsageError(
                    say(
                        f"This run cannot start at {self.first}: {name} is not done yet.",
                        f"这次运行不能从 {self.first} 开始：{name} 尚未完成。",
                    ),
                    fix=say("run the stages before it too", "请把它之前的阶段也运行一遍"),
                    retry=("--from", name),
                )

    def forces(self, name: str) -> bool:
        return self.force or name == self.first


@dataclass(frozen=True)
class Decision:
    """One stage: its plan, what decides its outcome, and why it must run (None: it need not)."""

    plan: Plan
    parts: Parts
    why: str | None
    certain: bool = True
    """False: it runs only if an earlier stage makes something else than before."""
    moves: tuple[str, ...] = ()
    """What is there of an earlier try, and would be moved to superseded/."""
    source: Path | None = None
    """The run whose finished stage would be taken over instead."""


def decide(
    name: str,
    job: Job,
    root: Path,
    record: RunRecord,
    *,
    environment: str | None,
    forced: bool,
    digest_of: Callable[[Path], str] = of_path,
) -> Decision:
    """What stage ``name`` would do with what lies in ``root`` now; ``environment``: its digest."""
    plan = stages.plan(name, job, root)
    facts: dict[str, object] = {}
    if plan.commands and environment is not None:
        facts = {"release": job.release.name, "environment": environment}
    parts = fingerprint.of(plan, root, facts, digest_of=digest_of)
    why = say("asked for", "按要求重跑") if forced else _why(record.stage(name), plan, parts, root)
    moves = tuple(made for made in plan.outputs if (root / made).exists()) if why else ()
    return Decision(plan, parts, why, moves=moves)


def _why(done: StageRecord, plan: Plan, parts: Parts, root: Path) -> str | None:
    """Why the stage must run; None when a finished one still holds."""
    if done.state != "done":
        if not done.attempts:
            return say("not done yet", "尚未完成")
        if done.state in ("running", "interrupted"):
            return say("the last try was cut off", "上次运行被中断")
        return say(f"the last try {done.state}", "上次运行失败")
    differing = fingerprint.differences(done.parts, parts)
    if differing:
        shown, more = ", ".join(differing[:3]), len(differing[3:])
        rest = say(f" and {more} more", f" 等，另有 {more} 项") if more else ""
        return say(f"changed: {shown}{rest}", f"有改动：{shown}{rest}")
    return changed(done.outputs, snapshot(root, made_by(plan), done.outputs))


def made_by(plan: Plan) -> tuple[str, ...]:
    """Every path that the stage makes."""
    return (*plan.outputs, *(file.path for file in plan.files))


def preview(
    job: Job,
    root: Path,
    record: RunRecord,
    selection: Selection,
    *,
    environment: str | None,
    others: takeover.Runs = (),
) -> list[Decision]:
    """What a run would do now, a change carried downstream; nothing is written.

    ``others`` are the runs whose finished stages it could take over.
    """
    wanted = selection.of(job)
    selection.check(job, record)
    others = list(others)
    coming = _Coming(root)
    found = []
    for name in wanted:
        forced = selection.forces(name)
        decision = decide(
            name,
            job,
            root,
            record,
            environment=environment,
            forced=forced,
            digest_of=coming.digest_of,
        )
        decision = _carried(decision, coming.remade, root)
        if decision.why is not None and decision.certain and not forced:
            match = takeover.find(decision.plan, decision.parts, others)
            decision = replace(decision, source=match[0] if match else None)
        coming.add(decision)
        found.append(decision)
    return found


class _Coming:
    """What will lie in the run directory once the stages before have been done."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.remade: dict[str, str] = {}
        """Path -> the stage that makes it again; its content is not known yet."""
        self._places: dict[str, Path] = {}
        self._texts: dict[str, str] = {}

    def add(self, decision: Decision) -> None:
        plan = decision.plan
        if decision.source is not None:
            self._places.update({_plain(made): decision.source for made in plan.outputs})
        elif decision.why is not None:
            self.remade.update(dict.fromkeys(_really_made(plan, self.root), plan.stage))
            for file in plan.files:  # their text is known already
                self._texts[file.path] = digest(without_comments(file.path, file.text).encode())
                self.remade.pop(file.path, None)

    def digest_of(self, path: Path) -> str:
        name = _plain(os.path.relpath(path, self.root))
        if name in self._texts:
            return self._texts[name]
        for made, source in self._places.items():
            if f"{name}/".startswith(f"{made}/"):
                return of_path(source / name)
        return of_path(path)


def _carried(decision: Decision, remade: dict[str, str], root: Path) -> Decision:
    """The decision again, knowing what the stages before it would make anew."""
    if decision.why is not None:
        return decision
    for given in map(_plain, decision.plan.inputs):
        for made, maker in remade.items():
            if f"{given}/".startswith(f"{made}/") or f"{made}/".startswith(f"{given}/"):
                moves = tuple(one for one in decision.plan.outputs if (root / one).exists())
                why = say(f"{maker} makes {made} again", f"{maker} 会重新生成 {made}")
                return replace(decision, why=why, certain=False, moves=moves)
    return decision


def _really_made(plan: Plan, root: Path) -> list[str]:
    """What a stage that runs would change: the text of a rendered file is known already."""
    texts = {
        file.path: digest(without_comments(file.path, file.text).encode()) for file in plan.files
    }
    rendered = [path for path, text in texts.items() if of_path(root / path) != text]
    return [*map(_plain, plan.outputs), *rendered]


def _plain(name: str) -> str:
    return os.path.normpath(name)
