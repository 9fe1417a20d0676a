"""Is an environment whole? Only importing the engine's tools, in its own Python, tells."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.envs.locks import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.envs.environment import Environment
    from orchestrator.envs.worklog import WorkLog

_PROBE = Path(__file__).with_name("probe.py")
_SECONDS = 900.0
_TOLD = re.compile(r"recipe: (.*)")


@dataclass(frozen=True)
class Health:
    """What an environment's Python says of itself (``probe.py`` writes it).

    ``imports`` are dicts of module and seconds, or module, error and trace. ``devices`` has a dict
    for torch, bitsandbytes and deepspeed when they were asked for. ``ended`` is the last line of a
    Python that ended before its report did. ``others`` are modules that the release lacks and that
    are there all the same. ``folders`` are its package folders.
    """

    python: str = ""
    distributions: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    imports: list[dict[str, Any]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: str | None = None

    @property
    def versions(self) -> dict[str, str]:
        """Distribution -> version."""
        pairs = (line.split("==", 1) for line in self.distributions)
        return {normalise(name): version for name, version in pairs}


def probe(environment: Environment, log: WorkLog, *, devices: bool = False) -> Health:
    """Import every tool of the release in its Python; :class:`RecipeError` if that cannot start.

    With ``devices`` torch, bitsandbytes and DeepSpeed are tried as well.
    """
    modules = environment.release.imports
    with tempfile.TemporaryDirectory(prefix="recipe-probe-") as place:
        result = Path(place) / "result.json"
        source = _PROBE.read_text(encoding="utf-8")
        # -I: nothing of the caller's (PYTHONPATH, the current folder) can hide a missing module.
        argv = [str(environment.python), "-I", "-c", source, str(result), *modules]
        argv += [f"--path={folder}" for folder in environment.imports_from]
        argv += ["--devices"] * devices
        argv += [f"--other={module}" for module in environment.release.others]
        try:
            env = environment.environ(os.environ)
            _, lines = log.run(argv, env=env, shown=_TOLD, timeout=_SECONDS)
        except OSError as error:
            raise RecipeError(
                say(
                    f"The Python of {environment.release.name} cannot be run.",
                    f"{environment.release.name} 的 Python 无法运行。",
                ),
                where=str(environment.python),
                why=error.strerror or str(error),
                fix=environment.rebuild,
            ) from error
        try:
            report = Health(**json.loads(result.read_bytes()))
        except (OSError, ValueError):
            report = Health()
    if len(report.imports) == len(modules) and len(report.devices) == 3 * devices:
        return report
    return replace(
        report, ended=next(filter(None, reversed(lines)), say("without a word", "没有任何输出"))
    )


def require(environment: Environment, log: WorkLog) -> Health:
    """The health of an environment whose tools all import, and whose command is there.

    :class:`RecipeError` with the import error in its own words, and the versions behind it.
    """
    health = probe(environment, log)
    name, managed = environment.release.name, environment.managed
    if other := another(environment, health):
        raise UsageError(
            say(f"That Python does not hold {name}.", f"该 Python 中的不是 {name}。"),
            where=str(environment.python),
            why=other,
            fix=say(
                f"let recipe build an environment of its own: recipe env install {name}",
                f"让 recipe 构建自己的环境：recipe env install {name}",
            ),
        )
    faults = [why for tool in health.imports if (why := fault(tool, health))]
    if health.ended is not None:
        faults.append(
            say(
                f"its Python ended in the middle: {health.ended}",
                f"它的 Python 中途退出：{health.ended}",
            )
        )
    if faults:
        clean = say(
            "empty uv's cache, then install again: python -m uv cache clean && ",
            "清空 uv 的缓存，然后重新安装：python -m uv cache clean && ",
        )
        raise RecipeError(
            say(f"The tools of {name} cannot be imported.", f"{name} 的工具无法导入。"),
            where=f"{environment.python} (log: {log.path})",
            why="\n       ".join(faults),
            fix=f"{clean}recipe env install {name}" if managed else environment.rebuild,
        )
    environment.which(environment.release.command)
    environment.which("python")  # the engines' commands start a bare python
    return health


def another(environment: Environment, health: Health) -> str | None:
    """What the environment really holds, when that is another program than the release.

    A checkout says whatever number stands in it: its modules tell what it is.
    """
    for module in health.others:
        program, version = environment.release.others[module], environment.release.version
        return say(
            f"it holds {program}: it has the module {module}, which {version} lacks",
            f"其中是 {program}：它有模块 {module}，而 {version} 没有",
        )
    return None


def fault(tool: Mapping[str, Any], health: Health) -> str | None:
    """The import error of a tool and the packages that do not fit; None when it imported."""
    if "error" not in tool:
        return None
    words = [f"import {tool['module']}: {tool['error']}"]
    text = f"{tool['error']}\n{tool.get('trace')}"
    pair = next((pair for pair in _PAIRS if re.search(pair[0], text)), None)
    if pair is not None:
        absent = say("is missing", "缺失")
        versions = (f"{name} {health.versions.get(name, absent)}" for name in pair[1].split())
        here, (english, chinese) = ", ".join(versions), pair[2]
        words.append(say(f"{english} (here: {here})", f"{chinese}（此处：{here}）"))
    elif missing := re.search(r"No module named '([^']+)'", tool["error"]):
        words.append(
            say(f"the package of {missing[1]} is not installed", f"没有安装提供 {missing[1]} 的包")
        )
    return "; ".join(words)


#: what the error says -> the packages that do not fit each other, and in words
_PAIRS: tuple[tuple[str, str, tuple[str, str]], ...] = (
    (
        r"cannot import name 'packaging' from 'pkg_resources'|No module named 'pkg_resources'",
        "setuptools mmengine",
        (
            "setuptools 70 and newer lack what the engine imports: setuptools below 70 fits",
            "setuptools 70 及以上缺少引擎要导入的内容：请用低于 70 的 setuptools",
        ),
    ),
    (
        r"triton\.ops|compiled without GPU support|cadam32bit_grad_fp32|libbitsandbytes",
        "bitsandbytes triton torch",
        (
            "this bitsandbytes does not fit this triton or torch",
            "该 bitsandbytes 与此 triton 或 torch 不匹配",
        ),
    ),
    (
        r"_ARRAY_API|numpy\.core\.multiarray|numpy\.dtype size changed|compiled using NumPy 1",
        "numpy pyarrow",
        (
            "a package built for NumPy 1 meets NumPy 2: numpy below 2 fits",
            "为 NumPy 1 构建的包遇到了 NumPy 2：请用低于 2 的 numpy",
        ),
    ),
    (
        r"torchvision",
        "torch torchvision",
        ("this torchvision was built for another torch", "该 torchvision 是为另一个 torch 构建的"),
    ),
    (
        r"different CUDA versions|libtorchaudio",
        "torch torchaudio",
        ("this torchaudio was built for another torch", "该 torchaudio 是为另一个 torch 构建的"),
    ),
    (
        r"undefined symbol|GLIBC|libcu\w+\.so|libnv\w+\.so|libcudnn",
        "torch",
        (
            "torch's own libraries do not fit each other or this system",
            "torch 自带的库彼此不匹配，或与此系统不匹配",
        ),
    ),
    (
        r"StaticCache|DynamicCache|cannot import name '\w+' from 'transformers",
        "transformers peft accelerate",
        (
            "this transformers is not the one that the engine or peft was written for",
            "引擎或 peft 不是为该版本的 transformers 编写的",
        ),
    ),
    (
        r"is_bf16_supported",
        "torch",
        ("the engine asks a GPU question where there is no GPU", "引擎在没有 GPU 的地方查询 GPU"),
    ),
)
