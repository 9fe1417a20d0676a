"""What is said of a download that failed, in both languages: what, where, why and the next step."""

from __future__ import annotations

from orchestrator.base.language import say

Pair = tuple[str, str]


def again() -> str:
    return say(
        "run the same command again: it goes on from what is already there",
        "再次运行同一命令：会从已下载的部分继续",
    )


def local() -> str:
    return say(
        "with a copy on this machine: --set model.path=FOLDER",
        "若本机已有副本：--set model.path=FOLDER",
    )


_DETAIL = ("{detail}", "{detail}")
_NOT_ALLOWED = ("{hub} does not let you download {id}.", "{hub} 不允许你下载 {id}。")
#: kind -> what, where, why, next step; English and Chinese, but a place is one text.
WORDS: dict[str, tuple[Pair, str, Pair, Pair]] = {
    "full": (
        ("The disk became full while {id} was downloaded.", "下载 {id} 时磁盘已满。"),
        "{root}",
        ("{free:,} bytes are free now", "现在可用 {free:,} 字节"),
        ("free some space and {again}", "清理出空间，然后{again}"),
    ),
    "unwritable": (
        ("{id} cannot be stored in the cache.", "{id} 无法存入缓存。"),
        "{root}",
        _DETAIL,
        (
            "make that folder writable, or let {cache} name another one",
            "让该文件夹可写，或让 {cache} 指向另一个文件夹",
        ),
    ),
    "offline": (
        (
            "{id} is not complete on this machine and downloading is turned off.",
            "本机上的 {id} 不完整，而下载已关闭。",
        ),
        "HF_HUB_OFFLINE in the environment",
        (
            "there is no whole copy of this revision in the cache",
            "缓存中没有这个版本（revision）的完整副本",
        ),
        (
            "unset HF_HUB_OFFLINE once to download it; {local}",
            "下载时请取消 HF_HUB_OFFLINE（unset）；{local}",
        ),
    ),
    "damaged": (
        ("{id}: {files} arrived damaged.", "{id}：下载的 {files} 已损坏。"),
        "{hub}",
        (
            "the content does not match the hub's own checksum or size, twice ({detail}); the "
            "damaged copy was removed",
            "内容两次都与该平台给出的校验和或大小不符（{detail}）；已删除损坏的副本",
        ),
        (
            "{again}; if it stays so, the hub's copy is bad: try the other hub (model.hub), or "
            "{local}",
            "{again}；若仍如此，说明该平台上的文件已损坏：换另一个平台（model.hub），或{local}",
        ),
    ),
    "refused": (
        _NOT_ALLOWED,
        "model.id",
        (
            "the token in {token} was not accepted for it ({detail})",
            "{token} 中的令牌没有该模型的权限（{detail}）",
        ),
        (
            "ask for access on the model's page, then check that {token} is the right token",
            "在模型页面申请权限，然后检查 {token} 中的令牌是否正确",
        ),
    ),
    "access": (
        _NOT_ALLOWED,
        "model.id",
        (
            "it is private or gated and no token was given ({detail})",
            "它是私有的或需要申请权限，而没有给出令牌（{detail}）",
        ),
        (
            "ask for access on the model's page and put your token into {token}",
            "在模型页面申请权限，并把令牌放入 {token}",
        ),
    ),
    "unknown": (
        ("{hub} has no model {id}.", "{hub} 上没有模型 {id}。"),
        "model.id",
        (
            "there is no such id, or it is private and hidden from you",
            "没有这个 id，或它是私有的，你看不到",
        ),
        (
            "check the spelling (OWNER/NAME); for a private model set {token}; {local}",
            "检查拼写（OWNER/NAME）；私有模型请设置 {token}；{local}",
        ),
    ),
    "revision": (
        ("{id} on {hub} has no revision {asked}.", "{hub} 上的 {id} 没有版本 {asked}。"),
        "model.revision",
        ("it has {known}", "它有 {known}"),
        ("{meant}--set model.revision=NAME", "{meant}--set model.revision=NAME"),
    ),
    "network": (
        (
            "{id} cannot be downloaded: no connection to {hub}.",
            "{id} 无法下载：连接不上 {hub}。",
        ),
        "{endpoint}",
        ("{network}", "{network}"),
        ("check the network and proxy settings; {local}", "检查网络和代理设置；{local}"),
    ),
    "cut": (
        ("The download of {id} broke off{at}.", "{id} 的下载中断了{at}。"),
        "{hub}",
        _DETAIL,
        ("{again}", "{again}"),
    ),
}
