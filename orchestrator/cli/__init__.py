"""The command line. Each verb's module is imported only when that verb is called."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import TYPE_CHECKING

import click

from orchestrator import __version__
from orchestrator.base.errors import EXIT_FAILED, EXIT_INTERRUPTED, RecipeError
from orchestrator.base.language import say
from orchestrator.base.program import pasteable
from orchestrator.cli.groups import Spoken, Verbs
from orchestrator.cli.output import colour, echo

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: verb -> (module, attribute, a line for the help page in English and in Chinese). The help page
#: imports none of them.
VERBS: dict[str, tuple[str, str, str, str]] = {
    "list": (
        "orchestrator.cli.recipes",
        "list_",
        "List the recipes that can be run.",
        "列出可以运行的配方。",
    ),
    "show": (
        "orchestrator.cli.recipes",
        "show",
        "Print a recipe and where each value came from.",
        "显示配方以及每个值的来源。",
    ),
    "new": (
        "orchestrator.cli.recipes",
        "new",
        "Start a recipe of your own from another one.",
        "由另一个配方开始写自己的配方。",
    ),
    "validate": (
        "orchestrator.cli.recipes",
        "validate",
        "Report every fault of recipe files.",
        "报告配方文件的每一处错误。",
    ),
    "schema": (
        "orchestrator.cli.recipes",
        "schema",
        "Print the JSON Schema of a recipe.",
        "输出配方的 JSON Schema。",
    ),
    "fit": (
        "orchestrator.cli.fit",
        "fit",
        "Estimate a recipe's memory; what to change to fit.",
        "估算配方所需的显存，以及如何改动才放得下。",
    ),
    "check": (
        "orchestrator.cli.preflight",
        "check",
        "Find what would stop a run, before it.",
        "在运行之前找出会阻止它的问题。",
    ),
    "peek": (
        "orchestrator.cli.peek",
        "peek",
        "Show what the engine will see of rows and prompts.",
        "显示引擎实际看到的数据行和提示词。",
    ),
    "doctor": (
        "orchestrator.cli.preflight",
        "doctor",
        "Look at this machine and its engines.",
        "检查这台机器及其引擎。",
    ),
    "plan": (
        "orchestrator.cli.runs",
        "plan",
        "Print what a run would do, and do nothing.",
        "显示运行会做什么，不执行。",
    ),
    "run": (
        "orchestrator.cli.runs",
        "run",
        "Run a recipe from data to merged model.",
        "运行配方：从数据到合并后的模型。",
    ),
    "render": (
        "orchestrator.cli.runs",
        "render",
        "Write a homework pack that needs no `recipe`.",
        "写出不需要 `recipe` 的作业包。",
    ),
    "status": (
        "orchestrator.cli.status",
        "status",
        "Show runs, their stages and how they ended.",
        "显示各次运行、其阶段及结果。",
    ),
    "logs": (
        "orchestrator.cli.status",
        "logs",
        "Print a stage's log; -f follows it.",
        "显示某个阶段的日志；-f 持续跟踪。",
    ),
    "why": (
        "orchestrator.cli.why",
        "why",
        "Say why a run failed, or what any log means.",
        "说明运行为何失败，或任何日志的含义。",
    ),
    "compare": (
        "orchestrator.cli.compare",
        "compare",
        "Did it learn? Before and after, asked.",
        "学到了吗？训练前后，同样提问。",
    ),
    "report": (
        "orchestrator.cli.report",
        "report",
        "Write the page of a run, or verify one.",
        "写出运行的报告，或核对报告。",
    ),
    "chat": (
        "orchestrator.cli.chat",
        "chat",
        "Talk to the model that a run made.",
        "和运行得到的模型对话。",
    ),
    "serve": (
        "orchestrator.cli.serve",
        "serve",
        "Serve that model as an OpenAI-compatible API.",
        "以 OpenAI 兼容的 API 提供该模型。",
    ),
    "clean": (
        "orchestrator.cli.clean",
        "clean",
        "Remove earlier tries, older runs and caches.",
        "清理先前的尝试、较早的运行和缓存。",
    ),
    "dataset": (
        "orchestrator.cli.dataset",
        "dataset",
        "Register rows in a dataset_info.json.",
        "把数据登记到 dataset_info.json。",
    ),
    "env": (
        "orchestrator.cli.env",
        "env",
        "Install, list, check and remove engine releases.",
        "安装、列出、检查和删除引擎版本。",
    ),
    "data": (
        "data_tools.cli",
        "data",
        "Convert, split, clean, merge and look at data.",
        "转换、划分、清洗、合并和查看数据。",
    ),
    "completion": (
        "orchestrator.cli.completion",
        "completion",
        "Print shell completion code.",
        "输出 shell 补全代码。",
    ),
}


class LazyGroup(Verbs):
    """A group that imports a verb's module when the verb is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module, attribute, *_ = VERBS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if name != "data":  # that command line stands alone as well, and speaks English
            command.context_class = Spoken
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs, without importing any of them, and the options of `recipe` itself."""
        from click.shell_completion import CompletionItem

        verbs = [
            CompletionItem(name, help=line)
            for name, line in _lines()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(_lines())


def _lines() -> list[tuple[str, str]]:
    """Every verb, and what it does."""
    return [(name, say(english, chinese)) for name, (_, _, english, chinese) in VERBS.items()]


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="recipe")
def cli() -> None:
    """Turn a fine-tuning tutorial into a run that works: recipe run medqa-qlora --rehearse"""


def main() -> None:
    """Entry point: a user's error prints four plain lines, an interrupt exits 130, a bug is one."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What this terminal's encoding lacks is spelled out, as Python does on standard error.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # click returns the code of ctx.exit() here instead of ending the process with it.
        code = cli.main(standalone_mode=False, prog_name="recipe", color=colour())
        if isinstance(code, int) and code:
            sys.exit(code)
    except RecipeError as error:
        error.fix = error.fix and pasteable(error.fix)
        _print_error(str(error))
        sys.exit(error.exit_code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        _print_error(say("Interrupted.", "已中断。"))
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _print_error(say("Interrupted.", "已中断。"))
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) went away: not a failure, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        # The disk, a permission, a folder where a file should be: the user's to put right.
        _print_error(str(_of_the_system(error)))
        sys.exit(EXIT_FAILED)
    except Exception as error:
        _report_bug(error)
        sys.exit(EXIT_FAILED)


def _of_the_system(error: OSError) -> RecipeError:
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    return RecipeError(
        say("The system refused.", "系统拒绝了该操作。"),
        where=place,
        why=error.strerror or str(error),
        fix=say(
            "check that place, its permissions and the free space", "请检查该位置、权限和剩余空间"
        ),
    )


def _report_bug(error: Exception) -> None:
    """What is no user's error: one line, and the whole story in a file to send along."""
    import tempfile
    import traceback

    story = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="recipe-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as stream:
        stream.write(f"recipe {__version__}, Python {sys.version}\n{story}")
    kind = f"{type(error).__name__}: {error}"
    what = say(f"This is a fault of recipe itself: {kind}", f"这是 recipe 自身的错误：{kind}")
    fix = "please report it with that file; results so far are untouched"
    next_step = say(fix, "请附上该文件报告此问题；已有的结果不受影响")
    _print_error(
        f"{what}\n"
        f"  {say('where', '位置')}: {stream.name}\n"
        f"  {say('next step', '下一步')}: {next_step}"
    )


def _print_error(text: str) -> None:
    first, *rest = text.splitlines() or [""]
    echo(f"{say('error', '错误')}: {first}", fg="red", err=True)
    for line in rest:
        echo(line, err=True)
