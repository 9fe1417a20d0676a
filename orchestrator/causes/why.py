"""Why a program ended: the order in which evidence counts, and what to say of it.

1. The engine's own last exception. What is only a consequence (a rank that lost its peers, a
   launcher that counts its dead) gives way to what it followed from; when nobody knows the
   exception, it is told as it stands, and nothing is guessed beside it.
2. How the process ended, where that is known: a signal, the kernel's count of killed processes.
3. Lines near the end of the log, then signs all through it (a loss that became NaN).

"Killed" is said only where one of these shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.base.language import say
from orchestrator.causes.exceptions import Raised, last_step, raised
from orchestrator.causes.explanation import SCOPES, Explanation, Scope
from orchestrator.causes.lines import Line, lines_of

#: What a shell, a scheduler, an argument parser or a script of our own says leaves no doubt,
#: without an exception too.
_PLAIN = re.compile(
    r"^\S*: error: |^error: |[Ss]egmentation fault|^Killed$|: +\d+ Killed\b|oom[-_]kill|TIME LIMIT"
    r"|command error: |command not found$|is not base \+ adapter|exported tokenizer numbers"
)
#: Lines at a log's end in which a word counts that stands in no exception.
_TAIL = 60


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: a signal; None: unknown), and whether the
    kernel killed something for lack of memory meanwhile."""

    code: int | None = None
    out_of_memory: bool = False

    @property
    def words(self) -> str:
        """What the table's patterns read."""
        killed = ["the kernel's oom_kill count rose"] if self.out_of_memory else []
        code = [] if self.code is None else [f"ended with exit code {self.code}"]
        return "\n".join([*killed, *code])

    @property
    def is_signal(self) -> bool:
        """Whether the process was killed or crashed, so that no exception can have ended it."""
        return self.code is not None and (self.code in (-9, -11, -7, -4, 137, 139, 135, 132))


@dataclass(frozen=True)
class Cause:
    """What a log shows. ``id`` is None when the table does not know it.

    ``sure`` is false where only a line, no exception and no exit, shows it, and where the table
    itself calls the cause probable.
    """

    id: str | None
    cause: str
    fix: str
    evidence: str
    line: int | None
    sure: bool
    log: str = ""
    source: str | None = None
    traceback: tuple[str, ...] = field(default=())


def explain(
    logs: str | Mapping[str, str], table: Iterable[Explanation], ended: Ended | None = None
) -> Cause | None:
    """The cause of a failure: ``logs`` is one log, or several (of ranks) by name.

    None when nothing shows that anything went wrong. The first entry of ``table`` that fits a
    text counts, so what is more specific stands first.
    """
    named = {"": logs} if isinstance(logs, str) else logs
    return _Judge({name: lines_of(text) for name, text in named.items()}, tuple(table), ended).say()


@dataclass(frozen=True)
class _Judge:
    logs: Mapping[str, Sequence[Line]]
    table: tuple[Explanation, ...]
    ended: Ended | None

    def say(self) -> Cause | None:
        exceptions = [(name, each) for name in self.logs for each in raised(self.logs[name])]
        ending = self._ending()
        if self.ended is not None and self.ended.is_signal and ending is not None:
            return ending
        if exceptions:
            return self._of_exceptions(exceptions)
        return ending or self._near_the_end() or self._sign()

    def _of_exceptions(self, exceptions: Sequence[tuple[str, Raised]]) -> Cause:
        """The last exception that is no consequence, else the last."""
        for name, each in reversed(exceptions):
            entry = self._entry(each.text)
            if entry is None or entry.role == "cause":
                return self._of_exception(name, each)
        return self._of_exception(*exceptions[-1])

    def _of_exception(self, name: str, last: Raised) -> Cause:
        """Whose code raised it, where an entry knows that by the frames, and what it says."""
        known = self._by_message(name, last)
        for each in (last, *last.before):
            whole = "\n".join(each.traceback)
            for entry in self.table:
                if entry.scope == "traceback" and entry.match(whole):
                    first = self._cause(entry, whole, each.number, name, last, sure=True)
                    return first if known.id is None else _joined(first, known)
        return known

    def _by_message(self, name: str, last: Raised) -> Cause:
        """Its own text; for a consequence or an unknown one, then what it was raised from."""
        best = None
        for each in (last, *last.before):
            entry = self._entry(each.text, ("error", "any"))
            if entry is not None and (best is None or entry.role == "cause"):
                best = self._cause(entry, each.text, each.number, name, last, sure=each is last)
                if entry.role == "cause":
                    break
        if best is not None:
            return best
        head = last.text.splitlines()[0]
        return Cause(None, head, "", head, last.number, False, name, None, tuple(last.traceback))

    def _ending(self) -> Cause | None:
        words = self.ended.words if self.ended else ""
        entry = self._entry(words) if words else None
        return self._cause(entry, words, None, "", None, sure=True) if entry else None

    def _near_the_end(self) -> Cause | None:
        """The last line that the table knows, of those that do not call themselves harmless."""
        for name, lines in self.logs.items():
            begin = last_step(lines)
            told = [line for line in lines if line.number > begin and line.text.strip()][-_TAIL:]
            for line in reversed(told):
                entry = None if line.is_harmless else self._entry(line.text)
                if entry is not None:
                    sure = _PLAIN.search(line.text) is not None
                    return self._cause(entry, line.text, line.number, name, None, sure=sure)
        return None

    def _sign(self) -> Cause | None:
        """The last line anywhere that an entry of scope ``any`` knows."""
        for name, lines in self.logs.items():
            for line in reversed(lines):
                for entry in self.table:
                    if entry.scope == "any" and entry.match(line.bar + line.text):
                        text = line.bar + line.text
                        return self._cause(entry, text, line.number, name, None, sure=False)
        return None

    def _entry(self, text: str, scopes: Sequence[Scope] = SCOPES) -> Explanation | None:
        fit = (one for one in self.table if one.scope in scopes and one.match(text))
        return next(fit, None)

    def _cause(
        self,
        entry: Explanation,
        text: str,
        number: int | None,
        log: str,
        last: Raised | None,
        *,
        sure: bool,
    ) -> Cause:
        match = entry.match(text)
        assert match is not None  # the entry was chosen by it
        cause, fix = entry.told(match)
        before = text.count("\n", 0, match.start())
        evidence = text.splitlines()[before] if text else text
        line = None if number is None else number + before
        traceback = tuple(last.traceback) if last else ()
        certain = sure and entry.certain
        return Cause(entry.id, cause, fix, evidence, line, certain, log, entry.source, traceback)


def _joined(first: Cause, then: Cause) -> Cause:
    """Both causes of one exception, under the first one's name."""
    fix = say(f"{first.fix}; or {then.fix}", f"{first.fix}；或者{then.fix}")
    return replace(first, cause=f"{first.cause}; {then.cause}", fix=fix)
