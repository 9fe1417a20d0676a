"""What goes wrong with a hub, in words: what, where, why, and the next step."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.files import free_bytes
from orchestrator.base.nearest import did_you_mean
from orchestrator.base.secrets import redacted
from orchestrator.hub.remote import Client, Hub

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

SHOWN = 8
AGAIN = "run the same command again: it goes on from what is already there"
LOCAL = "with a copy on this machine: --set model.path=FOLDER"

#: What went wrong <- names of the clients' error classes, whichever release has them. First wins.
_KINDS = (
    ("offline", {"OfflineModeIsEnabled"}),
    ("damaged", {"FileIntegrityError", "Damaged"}),
    ("access", {"GatedRepoError", "AuthenticationError", "PermissionDeniedError"}),
    ("revision", {"RevisionNotFoundError"}),
    ("id", {"RepositoryNotFoundError", "HFValidationError", "NotExistError", "InvalidParameter"}),
    (
        "network",
        {"gaierror", "ConnectError", "ConnectTimeout", "NewConnectionError", "ProxyError"}
        | {"ConnectionRefusedError", "ConnectTimeoutError", "SSLError"},
    ),
)
_CUTS = frozenset(
    {"ChunkedEncodingError", "IncompleteRead", "ReadError", "ReadTimeout", "RemoteProtocolError"}
)
_NETWORK_WORDS = (
    "Connection refused",
    "Name or service not known",
    "Temporary failure in name resolution",
    "No address associated with hostname",
    "Network is unreachable",
    "No route to host",
    "Cannot connect to proxy",
    "certificate verify failed",
    "timed out",
)


def was_cut(error: BaseException) -> bool:
    """Whether the connection broke in the middle of a file."""
    return bool(_names(error) & _CUTS)


def explain(hub: Hub, client: Client, model: Model, error: BaseException) -> RecipeError:
    """The client's error as the user's, by what stands anywhere in its chain of causes."""
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT):
            return _full_disk(model, client.cache_root())
    for each in _chain(error):
        if isinstance(each, OSError) and each.filename is not None and each.strerror:
            return _unwritable(model, hub, client.cache_root(), each)
    files = _failed_files(error)
    names = _names(error)
    kind = next((kind for kind, classes in _KINDS if names & classes), "cut")
    codes = {getattr(getattr(e, "response", None), "status_code", None) for e in _chain(error)}
    if kind != "id" and codes & {401, 403}:
        kind = "access"
    detail = _first_line(error)
    if kind == "damaged":
        return _damaged(model, hub, files, detail)
    if kind == "access":
        return _no_access(model, hub, detail)
    if kind == "offline":
        return _offline(model)
    if kind in ("id", "revision") and not files:
        return _unknown(model, hub, client)
    if kind == "network" or (not codes - {None} and isinstance(error, ConnectionError)):
        return no_network(model, hub, client.endpoint(), error)
    return cut_off(model, hub, files, detail)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what the client says of single files."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        failed = getattr(seen, "failed_files", None)
        if isinstance(failed, dict):
            yield from failed.values()
        seen = seen.__cause__ or seen.__context__


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for each in _chain(error) for kind in type(each).__mro__}


def _failed_files(error: BaseException) -> list[str]:
    for each in _chain(error):
        named = getattr(each, "failed_files", None) or getattr(each, "files", None)
        if named:
            return sorted(map(str, named))
    return []


def _first_line(error: BaseException) -> str:
    """The first line of a client's error, without secrets."""
    failed = getattr(error, "failed_files", None) or {}
    error = next(iter(failed.values()), error) if isinstance(failed, dict) else error
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return redacted(f"{type(error).__name__}: {first}" if first else type(error).__name__)


def not_an_id(model: Model) -> RecipeError:
    return UsageError(
        f"{model.id!r} is not the id of a model.",
        where="model.id",
        why="an id on a hub is OWNER/NAME, of letters, digits, dots, dashes and underscores",
        fix=_local(model),
    )


def _local(model: Model) -> str:
    """How to give a folder; the very folder, when the id is one."""
    if Path(model.id).is_dir():
        return f"{model.id} is a folder on this machine: --set model.path={model.id}"
    return LOCAL


def _unknown(model: Model, hub: Hub, client: Client) -> RecipeError:
    """Which of the two is unknown: the revision, or the id itself."""
    try:
        known = client.revisions(model)
    except Exception:  # every failure here means that the id itself cannot be seen
        return RecipeError(
            f"{hub.name} has no model {model.id}.",
            where="model.id",
            why="there is no such id, or it is private and hidden from you",
            fix=f"check the spelling (OWNER/NAME); for a private model set {hub.token}; "
            f"{_local(model)}",
        )
    asked = model.revision or hub.branch
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return RecipeError(
        f"{model.id} on {hub.name} has no revision {asked}.",
        where="model.revision",
        why=f"it has {', '.join(known[:SHOWN])}{more}",
        fix=f"{did_you_mean(asked, known)} --set model.revision=NAME".strip(),
    )


def _no_access(model: Model, hub: Hub, detail: str) -> RecipeError:
    import os

    ask = "ask for access on the model's page"
    if os.environ.get(hub.token):
        why = f"the token in {hub.token} was not accepted for it ({detail})"
        fix = f"{ask}, then check that {hub.token} is the right token"
    else:
        why = f"it is private or gated and no token was given ({detail})"
        fix = f"{ask} and put your token into {hub.token}"
    what = f"{hub.name} does not let you download {model.id}."
    return RecipeError(what, where="model.id", why=why, fix=fix)


def no_network(model: Model, hub: Hub, endpoint: str, error: BaseException) -> RecipeError:
    """The system's own words for a failed connection, which clients bury under their own."""
    told = " ".join(str(each) for each in _chain(error))
    why = next((words for words in _NETWORK_WORDS if words in told), None) or _first_line(error)
    return RecipeError(
        f"{model.id} cannot be downloaded: no connection to {hub.name}.",
        where=redacted(endpoint),
        why=why,
        fix=f"check the network and proxy settings; {LOCAL}",
    )


def _offline(model: Model) -> RecipeError:
    return RecipeError(
        f"{model.id} is not complete on this machine and downloading is turned off.",
        where="HF_HUB_OFFLINE in the environment",
        why="there is no whole copy of this revision in the cache",
        fix=f"unset HF_HUB_OFFLINE once to download it; {LOCAL}",
    )


def _full_disk(model: Model, root: Path) -> RecipeError:
    return RecipeError(
        f"The disk became full while {model.id} was downloaded.",
        where=str(root),
        why=f"{free_bytes(root):,} bytes are free now",
        fix=f"free some space and {AGAIN}",
    )


def _unwritable(model: Model, hub: Hub, root: Path, error: OSError) -> RecipeError:
    return RecipeError(
        f"{model.id} cannot be stored in the cache.",
        where=str(root),
        why=f"{error.strerror}: {error.filename}",
        fix=f"make that folder writable, or let {hub.cache} name another one",
    )


def _damaged(model: Model, hub: Hub, files: list[str], detail: str) -> RecipeError:
    return RecipeError(
        f"{model.id}: {', '.join(files[:SHOWN])} arrived damaged.",
        where=hub.name,
        why=f"the content does not match the hub's own checksum or size, twice ({detail}); "
        "the damaged copy was removed",
        fix=f"{AGAIN}; if it stays so, the hub's copy is bad: try the other hub (model.hub), or "
        f"{LOCAL}",
    )


def cut_off(model: Model, hub: Hub, files: list[str], detail: str) -> RecipeError:
    names = f" at {', '.join(files[:SHOWN])}" if files else ""
    what = f"The download of {model.id} broke off{names}."
    return RecipeError(what, where=hub.name, why=detail, fix=AGAIN)
