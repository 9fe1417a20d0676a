"""Source checkouts: git repositories at one commit, for engines that are no package."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.base.process import capture
from orchestrator.base.secrets import redacted
from orchestrator.envs.release import setting

if TYPE_CHECKING:
    from orchestrator.envs.environment import Environment
    from orchestrator.envs.release import Checkout, Release
    from orchestrator.envs.worklog import WorkLog

#: What would send git to another repository than the one it is asked about.
_SCRUBBED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE")


def folder(root: Path) -> Path:
    """Where the checkouts of the environment at ``root`` lie."""
    return root / "src"


def place(release: Release, checkout: Checkout) -> str:
    """Where it is cloned from: the setting's address or folder, else the checkout's own."""
    own = os.environ.get(setting_of(release, checkout))
    path = Path(own or checkout.url).expanduser()
    return str(path.absolute()) if path.exists() else own or checkout.url


def setting_of(release: Release, checkout: Checkout) -> str:
    """RECIPE_SOURCE_CHATGLM3_9ACC547; a release with several checkouts adds their names."""
    return setting("SOURCE", release, *([checkout.name] if len(release.checkouts) > 1 else []))


def clone(release: Release, root: Path, log: WorkLog) -> None:
    """Check out what the release names under ``root``; :class:`RecipeError` when it cannot."""
    for checkout in release.checkouts:
        target, origin = folder(root) / checkout.name, place(release, checkout)
        log.tell(
            say(
                f"fetching {checkout.name} at {checkout.commit[:7]} from {redacted(origin)}",
                f"正在从 {redacted(origin)} 获取 {checkout.name} 的 {checkout.commit[:7]}",
            )
        )
        code, changed = _git("-C", origin, "status", "--porcelain", "-uno")
        if not code and changed:  # no folder, or one without files of its own: git says an error
            log.tell(
                say(
                    f"{origin} has changes without a commit: they are not used",
                    f"{origin} 有未提交的改动：不会使用它们",
                )
            )
        _fetch(release, checkout, origin, target, log)
        fault = fault_of(target, checkout)
        if fault:
            raise RecipeError(
                say(
                    f"The source of {release.name} does not fit the release.",
                    f"{release.name} 的源码与该版本不符。",
                ),
                where=redacted(origin),
                why=fault,
                fix=say(
                    f"name a complete copy of {checkout.url} in {setting_of(release, checkout)}",
                    f"请在 {setting_of(release, checkout)} 中写 {checkout.url} 的完整副本",
                ),
            )


def _fetch(release: Release, checkout: Checkout, origin: str, target: Path, log: WorkLog) -> None:
    """The one commit alone where the other side allows that, else everything it has.

    Of a checkout that names its folders git fetches the files of these folders only: a mirror may
    lack others, and pictures of a README are no part of an engine.
    """
    target.mkdir(parents=True, exist_ok=True)
    few = ["--filter=blob:none"] if checkout.folders else []

    def git(*words: str) -> tuple[int, str]:
        # On the command line, so that an address with a password is not stored in the checkout.
        return _git("-C", str(target), *_remote(origin), *words, log=log)

    git("init", "--quiet")
    code, output = git("fetch", "--depth=1", "--no-tags", *few, "origin", checkout.commit)
    if code and not re.search(_UNREACHABLE, output, re.I):
        code, output = git(
            "fetch", "--tags", "--no-filter", "origin", "+refs/*:refs/remotes/origin/*"
        )
    if few:
        git("sparse-checkout", "set", "--cone", *checkout.folders)  # an old git takes all of it
    if not code:
        code, output = git("checkout", "--quiet", "--detach", checkout.commit)
    if code:
        raise _failure(release, checkout, origin, output, log)


def _remote(origin: str) -> list[str]:
    """git's words that call the place ``origin``; a repository on this disk may give parts."""
    words = ["-c", f"remote.origin.url={origin}"]
    if Path(origin.removeprefix("file://")).is_dir():
        words += ["-c", "remote.origin.uploadpack=git -c uploadpack.allowFilter=true upload-pack"]
    return words


def _git(*words: str, log: WorkLog | None = None) -> tuple[int, str]:
    """git's exit code and what it said."""
    env = {name: value for name, value in os.environ.items() if name not in _SCRUBBED}
    env = {"GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "60"} | env
    env |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}  # fail in place of asking; words we know
    try:
        if log is not None:
            code, lines = log.run(["git", *words], env=env)
            return code, "\n".join(lines)
        done = capture(["git", *words], env=env)
        return done.code, (done.output + done.errors).strip()
    except OSError as error:
        raise UsageError(
            say(
                "The program git, which fetches an engine's source, cannot be started.",
                "用来获取引擎源码的程序 git 无法启动。",
            ),
            why=error.strerror,
            fix=say("install git with the system's package manager", "请用系统的包管理器安装 git"),
        ) from error


def _failure(
    release: Release, checkout: Checkout, origin: str, output: str, log: WorkLog
) -> RecipeError:
    cause = next(
        (say(*words) for pattern, words in _CAUSES if re.search(pattern, output, re.I)), None
    )
    own = setting_of(release, checkout)
    last = [line for line in output.splitlines() if re.match(r"(fatal|error):", line)]
    return RecipeError(
        say(
            f"{checkout.name}, the source of {release.name}, could not be fetched.",
            f"{release.name} 的源码 {checkout.name} 无法获取。",
        ),
        where=f"{redacted(origin)} (log: {log.path})",
        why="\n       ".join(filter(None, [cause, *last[-3:]])),
        fix=say(
            f"name a mirror or a local clone in {own}; where there is a network: "
            f"git clone {checkout.url} FOLDER && export {own}=FOLDER",
            f"请在 {own} 中写镜像或本地克隆；在有网络的地方运行：git clone {checkout.url} FOLDER "
            f"&& export {own}=FOLDER",
        ),
    )


def faults(environment: Environment) -> list[str]:
    """What is wrong with the environment's checkouts, in words; nothing where it has none."""
    pairs = ((environment.checkout(one.name), one) for one in environment.release.checkouts)
    return [fault for path, one in pairs if (fault := fault_of(path, one))]


def require(environment: Environment) -> Environment:
    """The environment, unless its checkouts were changed; nothing of such changes is removed."""
    wrong = faults(environment)
    if not wrong:
        return environment
    raise RecipeError(
        say(
            f"The source of {environment.release.name} was changed after it was checked out.",
            f"{environment.release.name} 的源码在检出后被改动过。",
        ),
        where=str(environment.sources),
        why="; ".join(wrong),
        fix=say(
            "keep what you changed elsewhere, then remove the environment and install it again: "
            f"recipe env remove {environment.release.name} -y",
            "先把改动保存到别处，再删除环境并重新安装：recipe env remove "
            f"{environment.release.name} -y",
        ),
    )


def fault_of(path: Path, checkout: Checkout) -> str | None:
    """Another commit, changed files, or a missing folder; None when all is as released."""
    if not (path / ".git").is_dir():
        return say(f"{checkout.name} is not checked out", f"{checkout.name} 没有检出")
    # A shared cache may belong to somebody else, and be read-only.
    git = ("--no-optional-locks", "-c", "safe.directory=*", "-C", str(path))
    code, commit = _git(*git, "rev-parse", "HEAD")
    if code or commit != checkout.commit:
        return say(
            f"{checkout.name} is at {commit}, not at {checkout.commit}",
            f"{checkout.name} 位于 {commit}，而不是 {checkout.commit}",
        )
    changed = _git(*git, "status", "--porcelain", "--untracked-files=no")[1]
    if changed:
        return say(
            f"files of {checkout.name} were changed: {' '.join(changed.split()[1::2][:5])}",
            f"{checkout.name} 的文件被改动过：{' '.join(changed.split()[1::2][:5])}",
        )
    missing = [name for name in checkout.folders if not (path / name).is_dir()]
    return (
        say(
            f"{checkout.name} has no folder {missing[0]}",
            f"{checkout.name} 中没有文件夹 {missing[0]}",
        )
        if missing
        else None
    )


_UNREACHABLE = r"resolve|connect|unable to access|timed? ?out|network|proxy|remote end"
_CAUSES = (
    (
        r"not our ref|not a tree|unable to read tree|did not match",
        ("it does not hold that commit", "其中没有该提交"),
    ),
    (
        r"not appear to be a git repository|not a git repository|no such file|does not exist",
        (
            "there is no git repository (a downloaded archive does not tell its commit)",
            "那里没有 git 仓库（下载的压缩包无法说明它是哪个提交）",
        ),
    ),
    (r"username|authentication|permission|denied|dubious", ("it may not be read", "没有读取权限")),
    (_UNREACHABLE, ("it cannot be reached", "无法连接")),
)
