"""What the user typed: it names the run, and every printed command gives it back."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.program import NAME, command_line
from orchestrator.base.secrets import redacted, without_secrets
from orchestrator.base.typed import misfits

_OVERRIDES = "RECIPE_SET_"
_OPTION = (
    r"(?:--(?:set|from|until|engine|name|run)[ =](?:'[^']*'|[^\s;,)`]+)"
    r"|--(?:new|only-available)\b|--rehearse(?:=(?:own|native))?\b|-p (?:'[^']*'|[^\s;,)`]+))"
)
#: Options of this program in a hint, as long as they stand for themselves: not inside a command.
_OPTIONS = re.compile(rf"(?<![\w`'=-])(?<!recipe )(?:{_OPTION})(?: {_OPTION})*")


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of one ``recipe run``, ``plan`` or ``render``, and the overrides around it."""

    recipe: str
    """A name, or the absolute path of a file."""
    sets: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    engine: str | None = None
    rehearse: bool = False
    standin: Literal["own", "native"] | None = None
    """What ``--rehearse=`` names; None: the model's own code where it is on this machine."""
    only_available: bool = False
    passthrough: tuple[str, ...] = ()
    """What came after ``--``, for the engine's train command."""
    environ: Mapping[str, str] | None = None
    """RECIPE_SET_… variables by name; None: those that are set now."""
    name: str | None = None
    """The run's own name (``--name``)."""
    run: str | None = None
    """The run directory that was addressed (``--run``)."""
    python: str | None = None
    """A Python of the user's own that holds the engine (``--python``)."""

    @property
    def overrides(self) -> dict[str, str]:
        found = os.environ if self.environ is None else self.environ
        return {name: found[name] for name in sorted(found) if name.startswith(_OVERRIDES)}

    def identity(self) -> dict[str, Any]:
        """What makes it this run and no other, as JSON values. Another value is another run.

        It is stored, so that secrets in it are hidden.
        """
        words = {
            "recipe": self.recipe,
            "sets": list(self.sets),
            "params": list(self.params),
            "engine": self.engine,
            "rehearse": self.rehearse,
            "only_available": self.only_available,
            "passthrough": list(self.passthrough),
            "environ": self.overrides,
        }
        if self.standin is not None:  # it came later: older runs are found by their words still
            words["standin"] = self.standin
        hidden: dict[str, Any] = without_secrets(words)
        return hidden

    def within(self, root: Path) -> Request:
        """The request that goes on in the run ``root``: with other values too, where it has a name
        that is taken now."""
        return replace(self, name=None, run=str(root)) if self.name is not None else self

    @staticmethod
    def of(identity: Mapping[str, Any], **more: Any) -> Request:
        """The request that :meth:`identity` was made from; unknown keys are left out.

        TypeError for values of another type.
        """
        known = {field.name for field in fields(Request)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in {**identity, **more}.items()
            if key in known
        }
        if wrong := misfits(Request, values):
            listed = f"request.{', request.'.join(wrong)}"
            raise TypeError(say(f"values of a wrong type: {listed}", f"类型不对的值：{listed}"))
        return Request(**values)

    @property
    def _mode(self) -> str:
        return f"--rehearse={self.standin}" if self.standin else "--rehearse"

    def _in_mode(self, word: str = "--rehearse") -> Request:
        """The rehearsal with the model that ``--rehearse=…`` names; without one it is the same."""
        standin: Any = word.partition("=")[2] or self.standin
        return replace(self, standin=standin)

    def line(self, *more: str, verb: str = "run", anywhere: bool = False) -> str:
        """The command as it can be pasted; ``more`` are added to its options.

        ``anywhere``: for another machine, without this one's places.
        """
        flags = {self._mode: self.rehearse, "--only-available": self.only_available}
        words = [verb, _near(self.recipe), *(flag for flag, is_set in flags.items() if is_set)]
        values = {"--engine": self.engine, "--python": self.python}
        values.update({"--name": self.name, "--run": self.run})
        words += [word for key, value in values.items() if value for word in (key, value)]
        words += [word for text in self.sets for word in ("--set", text)]
        words += [word for text in self.params for word in ("-p", text)]
        words += more
        if self.passthrough:
            words += ["--", *self.passthrough]
        if anywhere:
            own = [f"{name}={shlex.quote(value)}" for name, value in self.overrides.items()]
            return redacted(" ".join([*own, NAME, *map(shlex.quote, words)]))
        return redacted(command_line(words, more=self.overrides))

    @contextlib.contextmanager
    def completing(self, verb: str = "run", *more: str) -> Iterator[None]:
        """Errors inside this block name the whole command that is their next step.

        Who raises an error knows the option that helps (`--set a.b=v`), and here is known what was
        typed: ``verb`` and ``more`` are the command's own words.
        """
        try:
            yield
        except RecipeError as error:
            if error.retry:
                step = " ".join(map(shlex.quote, error.retry))
                error.fix = f"{error.fix}: {step}" if error.fix else step
                error.retry = ()
            error.fix = error.fix and self.completed(error.fix, verb, *more)
            raise

    def completed(self, text: str, verb: str = "run", *more: str) -> str:
        """``text`` with every bare run of options as a command that can be pasted."""

        def command(match: re.Match[str]) -> str:
            words = shlex.split(match[0])
            mode = [word for word in words if word.partition("=")[0] == "--rehearse"]
            meant = self._in_mode(*mode[-1:]) if self.rehearse else self
            new = [word for word in words if word not in mode or not self.rehearse]
            starts_stage = verb in ("run", "plan") or not {"--from", "--until"} & set(new)
            set_anew = {word.partition("=")[0] for word in new}
            sets = tuple(one for one in self.sets if one.partition("=")[0] not in set_anew)
            is_other = meant != self or {"--new", "--name", "--run", *mode} & set(new)
            name, run = (None, None) if is_other else (self.name, self.run)
            request = replace(meant, sets=sets, name=name, run=run)
            return request.line(*more, *new, verb=verb if starts_stage else "run")

        return "\n".join(_OPTIONS.sub(command, line) for line in text.split("\n"))


def _near(recipe: str) -> str:
    """A recipe's path as seen from here, when it lies below this folder."""
    if not Path(recipe).is_absolute():
        return recipe
    path = os.path.relpath(recipe)
    return recipe if path.startswith(os.pardir) else path


def words_of(identity: Mapping[str, Any]) -> Sequence[str]:
    """The overrides of a run, short, for a list of runs."""
    request = Request.of(identity)
    engine = [f"--engine {request.engine}"] if request.engine else []
    own = [f"{name}={value}" for name, value in request.overrides.items()]
    return [*request.params, *request.sets, *engine, *own, *request.passthrough]
