"""What every verb does alike with words that it does not know: a usage error with a next step."""

from __future__ import annotations

from typing import Any

import click

from data_tools.nearest import nearest
from orchestrator.base.errors import UsageError
from orchestrator.base.language import is_chinese, say
from orchestrator.base.text import quoted


class Spoken(click.Context):
    """Writes the help page in the reader's language."""

    @property
    def verb(self) -> str:
        """The words after ``recipe``."""
        if self.parent is None:
            return ""
        above = self.parent.verb if isinstance(self.parent, Spoken) else ""
        return f"{above} {self.info_name}".strip()

    def make_formatter(self) -> click.HelpFormatter:
        if not is_chinese():
            return super().make_formatter()
        from orchestrator.cli.help_pages import ChinesePage

        return ChinesePage(self.verb, self.terminal_width, self.max_content_width)


class Verbs(click.Group):
    """A group of verbs that says which one was probably meant; its help pages are spoken."""

    context_class = Spoken

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.context_class = Spoken
        super().add_command(cmd, name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not is_chinese() or not isinstance(ctx, Spoken):
            super().format_commands(ctx, formatter)
            return
        from orchestrator.cli.help_pages import first_line

        rows = [(name, first_line(f"{ctx.verb} {name}", "")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, *rest = args
        known = self.list_commands(ctx)
        if name in known or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        meant = nearest(name, known, cutoff=0.5)
        whole = " ".join([ctx.command_path, meant, *map(quoted, rest)])
        everything = f"{ctx.command_path} -h"
        raise UsageError(
            say(f"There is no verb {name!r}.", f"没有 {name!r} 这个命令。"),
            fix=say(f"did you mean: {whole}", f"您是指：{whole}")
            if meant
            else say(f"`{everything}` lists the verbs", f"`{everything}` 列出所有命令"),
        )


class MayStandAlone(click.Option):
    """``--option`` or ``--option=VALUE``, in a :class:`Command`; ``alone`` is the value of the
    former."""

    def __init__(self, *args: Any, alone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alone = alone


class Command(click.Command):
    """A verb whose options may be a :class:`MayStandAlone`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [self._with_value(word) for word in args])

    def _with_value(self, word: str) -> str:
        """An option that may stand alone, as ``--option=VALUE``: click would take the next word."""
        for param in self.params:
            if isinstance(param, MayStandAlone) and word in param.opts:
                return f"{word}={param.alone}"
        return word


class PassesOn(Command):
    """A verb that hands the words after ``--``, and only those, to the engine.

    They are the keyword ``engine_arguments``: a tuple of text.
    """

    allow_extra_args = True  # to say more about them than click does

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        own, passed = args[:cut], args[cut + 1 :]
        typed = args[:cut]  # click takes words out of the list
        extra = super().parse_args(ctx, own)
        ctx.params["engine_arguments"] = tuple(passed)
        if extra and not ctx.resilient_parsing:
            raise self._too_many(ctx, typed, extra, passed)
        return []

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- ENGINE_ARGUMENTS...]"]

    def _too_many(
        self, ctx: click.Context, typed: list[str], extra: list[str], passed: list[str]
    ) -> UsageError:
        words = ", ".join(map(repr, extra))
        meant = self._meant(extra[0]) or ["--", extra[0]]
        for word in reversed(extra):
            typed.reverse()
            typed.remove(word)
            typed.reverse()
        whole = [*typed, *meant, *extra[1:], *passed]
        line = " ".join([ctx.command_path, *map(quoted, whole)])
        return UsageError(
            say(f"{ctx.command_path} takes no more words: {words}", f"多余的参数：{words}"),
            why=say("words for the engine stand after --", "传给引擎的参数须写在 -- 之后"),
            fix=say(f"did you mean: {line}", f"您是指：{line}"),
        )

    def _meant(self, word: str) -> list[str]:
        """The option that the word may be: ``rehearse``, ``name=Ann``, ``train.epochs=1``."""
        options = [name for param in self.params for name in param.opts]
        key, equals, _ = word.partition("=")
        option = "--set" if "." in key else "-p"
        if equals and option in options:
            return [option, word]
        near = nearest(f"--{word}", options, cutoff=0.8)
        return [near] if near else []
