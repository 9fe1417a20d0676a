"""Addresses that cannot be fetched, and files from them that cannot be stored, in words."""

from __future__ import annotations

import errno
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.language import say
from orchestrator.base.secrets import HIDDEN, redacted
from orchestrator.hub.words import again


def must_be_web(url: str) -> None:
    try:
        parts = urlsplit(url)
        why = "" if parts.hostname else say("it names no host", "其中没有主机名")
        if parts.scheme not in ("http", "https"):
            why = say(
                f"only http and https are followed, not {parts.scheme or 'nothing'}",
                f"只支持 http 和 https，而不是 {parts.scheme or '空'}",
            )
    except ValueError as error:
        why = str(error)
    if why:
        raise RecipeError(
            say("This address cannot be fetched.", "无法下载该地址。"),
            where=redacted(url),
            why=why,
            fix=say(
                "give an http(s) address, or fetch the file yourself and give its path",
                "请写 http(s) 地址，或自己下载文件并写出其路径",
            ),
        )
    if HIDDEN in url:
        raise UsageError(
            say("This address has lost its password or token.", "该地址中的密码或令牌已丢失。"),
            where=url,
            why=say(
                f"secrets are stored as {HIDDEN}, so a stored recipe does not hold them",
                f"密钥保存为 {HIDDEN}，因此保存的配方中没有密钥",
            ),
            fix=say(
                "give the whole address again: --set data.sources.0.url=URL",
                "请重新写出完整地址：--set data.sources.0.url=URL",
            ),
        )


def refused_here(url: str, final: Path, error: OSError) -> RecipeError:
    """This machine's own disk said no."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    space = say(
        f"free some space in {final.parent} and {again()}",
        f"在 {final.parent} 清理出空间，然后{again()}",
    )
    own = say(
        "make that folder writable, or set RECIPE_CACHE to a folder of your own",
        "让该文件夹可写，或让 RECIPE_CACHE 指向你自己的文件夹",
    )
    return RecipeError(
        say(f"{final.name} cannot be stored", f"{final.name} 无法保存")
        + (say(": the disk is full.", "：磁盘已满。") if full else say(".", "。")),
        where=redacted(url),
        why=f"{error.strerror or error}: {error.filename or final}",
        fix=space if full else own,
    )


def fetch_it_yourself() -> str:
    return say(
        "fetch it yourself and give its path in the recipe", "自己下载它，并在配方中写出其路径"
    )
