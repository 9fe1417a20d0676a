"""The one error that a user is meant to see, and its exit codes.

Three outcomes end a command (the shape is pre-commit's): a :class:`RecipeError` is the user's to
put right and prints four plain lines; an interrupt exits 130; anything else is a bug of this
project.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.base.language import say
from orchestrator.base.text import printable

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class RecipeError(Exception):
    """Something the user can put right: what happened, where, why, and the next step.

    ``where`` names a file:line, a row, a key or a stage. ``retry`` are words that, after the
    command that was typed, are the next step; whoever knows that command spells it out.
    """

    exit_code = EXIT_FAILED

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        retry: Sequence[str] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix
        self.retry = tuple(retry)

    def __str__(self) -> str:
        labelled = (
            (say("where", "位置"), self.where),
            (say("why", "原因"), self.why),
            (say("next step", "下一步"), self.fix),
        )
        lines = [self.what, *(f"  {label}: {text}" for label, text in labelled if text)]
        return printable("\n".join(lines))


class UsageError(RecipeError):
    """A usage error (exit code 2): an unknown name, a bad key, a bad value."""

    exit_code = EXIT_USAGE


class Interrupted(RecipeError):
    """The user pressed Ctrl-C, or the run was told to stop (exit code 130)."""

    exit_code = EXIT_INTERRUPTED

    def __init__(self, what: str | None = None, *, fix: str | None = None) -> None:
        super().__init__(what or say("Interrupted.", "已中断。"), fix=fix)
