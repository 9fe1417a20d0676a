"""What goes wrong with a hub, in words: what, where, why, and the next step."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_tools.nearest import did_you_mean
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import free_bytes
from orchestrator.base.language import say
from orchestrator.base.secrets import redacted
from orchestrator.hub.remote import HUBS, Client
from orchestrator.hub.unfit import listed
from orchestrator.hub.words import WORDS, again, local

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

#: What went wrong <- names of the clients' error classes, whichever release has them. First wins.
_KINDS = (
    ("offline", {"OfflineModeIsEnabled"}),
    ("damaged", {"FileIntegrityError", "Damaged"}),
    ("access", {"GatedRepoError", "AuthenticationError", "PermissionDeniedError"}),
    ("unknown", {"RevisionNotFoundError", "RepositoryNotFoundError", "HFValidationError"}),
    ("unknown", {"NotExistError", "InvalidParameter"}),
    ("network", {"gaierror", "ConnectError", "ConnectTimeout", "ConnectTimeoutError", "SSLError"}),
    ("network", {"NewConnectionError", "ConnectionRefusedError", "ProxyError"}),
)
_CUTS = {
    "ChunkedEncodingError",
    "IncompleteRead",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
}
_NETWORK_WORDS = (
    "Connection refused", "Name or service not known", "Temporary failure in name resolution",
    "No address associated with hostname", "Network is unreachable", "No route to host",
    "Cannot connect to proxy", "certificate verify failed", "timed out",
)  # fmt: skip


def was_cut(error: BaseException) -> bool:
    """Whether the connection broke in the middle of a file."""
    return bool(_names(error) & _CUTS)


def explain(client: Client, model: Model, error: BaseException) -> RecipeError:
    """The client's error as the user's, by what stands anywhere in its chain of causes."""
    kind, detail = _kind(model, error), _refusal(error) or _first_line(error)
    facts: dict[str, object] = {}
    if kind == "unknown":
        try:
            known = client.revisions(model)
        except Exception:  # every failure here means that the id itself cannot be seen
            known = []
        if known:
            kind, asked = "revision", model.revision or HUBS[model.hub].branch
            meant = did_you_mean(asked, known)
            facts = {"asked": asked, "known": listed(known), "meant": meant and f"{meant} "}
    return _told(
        kind,
        model,
        detail,
        _failed_files(error),
        root=client.cache_root(),
        free=free_bytes(client.cache_root()),
        endpoint=redacted(client.endpoint()),
        network=network_words(error) or detail,
        **facts,
    )


def network_words(error: BaseException) -> str | None:
    """The system's own words for a failed connection, which clients bury under their own."""
    told = " ".join(str(each) for each in _chain(error))
    return next((words for words in _NETWORK_WORDS if words in told), None)


def cut_off(model: Model, files: Sequence[str], detail: str) -> RecipeError:
    return _told("cut", model, detail, files)


def not_an_id(model: Model) -> RecipeError:
    return UsageError(
        say(f"{model.id!r} is not the id of a model.", f"{model.id!r} 不是模型的 id。"),
        where="model.id",
        why=say(
            "an id on a hub is OWNER/NAME, of letters, digits, dots, dashes and underscores",
            "平台上的 id 是 OWNER/NAME，由字母、数字、点、连字符和下划线组成",
        ),
        fix=_local(model),
    )


def _local(model: Model) -> str:
    """How to give a folder; the very folder, when the id is one."""
    if Path(model.id).is_dir():
        return say(
            f"{model.id} is a folder on this machine: --set model.path={model.id}",
            f"{model.id} 是本机上的文件夹：--set model.path={model.id}",
        )
    return local()


def _told(
    kind: str, model: Model, detail: str, files: Sequence[str], **facts: object
) -> RecipeError:
    hub = HUBS[model.hub]
    named = listed(files)
    words = {
        **{"id": model.id, "hub": hub.name, "token": hub.token, "cache": hub.cache},
        **{"again": again(), "local": _local(model), "detail": detail, "files": named},
        "at": say(f" at {named}", f"（{named}）") if named else "",
    }
    what_pair, place, why_pair, fix_pair = WORDS[kind]
    texts = (say(*what_pair), place, say(*why_pair), say(*fix_pair))
    what, where, why, fix = (text.format(**words, **facts) for text in texts)
    return RecipeError(what, where=where, why=why, fix=fix)


def _kind(model: Model, error: BaseException) -> str:
    causes = list(_chain(error))
    if any(isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT) for e in causes):
        return "full"
    if _refusal(error):
        return "unwritable"
    names = _names(error)
    kind = next((kind for kind, classes in _KINDS if names & classes), "cut")
    codes = {getattr(getattr(e, "response", None), "status_code", None) for e in causes} - {None}
    if kind == "access" or (codes & {401, 403} and kind != "unknown"):
        return "refused" if os.environ.get(HUBS[model.hub].token) else "access"
    if kind == "unknown" and _failed_files(error):
        return "cut"
    return "network" if kind == "cut" and not codes and isinstance(error, ConnectionError) else kind


def _refusal(error: BaseException) -> str:
    """What this machine's own files refused, in words; empty when that is not the trouble."""
    for each in _chain(error):
        if isinstance(each, OSError) and each.filename is not None and each.strerror:
            return f"{each.strerror}: {each.filename}"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what the client says of single files."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        failed = getattr(seen, "failed_files", None)
        yield from failed.values() if isinstance(failed, dict) else ()
        seen = seen.__cause__ or seen.__context__


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for each in _chain(error) for kind in type(each).__mro__}


def _failed_files(error: BaseException) -> list[str]:
    named = (getattr(e, "failed_files", None) or getattr(e, "files", ()) for e in _chain(error))
    return next((sorted(map(str, files)) for files in named if files), [])


def _first_line(error: BaseException) -> str:
    """The first line of a client's error, without secrets."""
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return redacted(f"{type(error).__name__}: {first}" if first else type(error).__name__)
