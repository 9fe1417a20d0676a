"""What goes wrong with a hub, in words: what, where, why, and the next step."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from orchestrator.recipe.schema import Model

_SHOWN = 8
AGAIN = "run the same command again: it goes on from what is already there"
LOCAL = "with a copy on this machine: --set model.path=FOLDER"


def nearest(path: Path) -> Path:
    """The nearest folder that exists."""
    return next(each for each in (path, *path.absolute().parents) if each.is_dir())


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


def unknown_model(model: Model, hub: str, token: str) -> RecipeError:
    return RecipeError(
        f"{hub} has no model {model.id}.",
        where="model.id",
        why="there is no such id, or it is private and hidden from you",
        fix=f"check the spelling (OWNER/NAME); for a private model set {token}; {_local(model)}",
    )


def unknown_revision(model: Model, hub: str, asked: str, known: Sequence[str]) -> RecipeError:
    near = difflib.get_close_matches(asked, known, n=3, cutoff=0.4)
    if known:
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        why = f"it has {', '.join(known[:_SHOWN])}{more}"
    else:
        why = "the hub does not say which ones there are"
    fix = f"did you mean {' or '.join(near)}? " if near else ""
    return RecipeError(
        f"{model.id} on {hub} has no revision {asked}.",
        where="model.revision",
        why=why,
        fix=f"{fix}--set model.revision=NAME",
    )


def no_access(model: Model, hub: str, token: str, given: bool, detail: str) -> RecipeError:
    if given:
        why = f"the token in {token} was not accepted for it ({detail})"
        fix = f"ask for access on the model's page, then check that {token} is the right token"
    else:
        why = f"it is private or gated and no token was given ({detail})"
        fix = f"ask for access on the model's page and put your token into {token}"
    return RecipeError(
        f"{hub} does not let you download {model.id}.", where="model.id", why=why, fix=fix
    )


def no_network(model: Model, hub: str, endpoint: str, detail: str) -> RecipeError:
    return RecipeError(
        f"{model.id} cannot be downloaded: no connection to {hub}.",
        where=endpoint,
        why=detail,
        fix=f"check the network and proxy settings; {LOCAL}",
    )


def offline(model: Model, variable: str) -> RecipeError:
    return RecipeError(
        f"{model.id} is not complete on this machine and downloading is turned off.",
        where=f"{variable} in the environment",
        why="there is no whole copy of this revision in the cache",
        fix=f"unset {variable} once to download it; {LOCAL}",
    )


def full_disk(model: Model, root: Path) -> RecipeError:
    free = shutil.disk_usage(nearest(root)).free
    return RecipeError(
        f"The disk became full while {model.id} was downloaded.",
        where=str(root),
        why=f"{free:,} bytes are free now",
        fix=f"free some space and {AGAIN}",
    )


def unwritable(model: Model, root: Path, variable: str, detail: str) -> RecipeError:
    return RecipeError(
        f"{model.id} cannot be stored in the cache.",
        where=str(root),
        why=detail,
        fix=f"mend that folder, or let {variable} name another one",
    )


def corrupted(model: Model, hub: str, files: Sequence[str], detail: str) -> RecipeError:
    return RecipeError(
        f"{model.id}: {', '.join(files[:_SHOWN])} arrived damaged.",
        where=hub,
        why=f"the content does not match the hub's own checksum or size, twice ({detail}); "
        "the damaged copy was removed",
        fix=f"{AGAIN}; if it stays so, the hub's copy is bad: try the other hub (model.hub), or "
        f"{LOCAL}",
    )


def cut_off(model: Model, hub: str, files: Sequence[str], detail: str) -> RecipeError:
    names = f" at {', '.join(files[:_SHOWN])}" if files else ""
    return RecipeError(
        f"The download of {model.id} broke off{names}.", where=hub, why=detail, fix=AGAIN
    )
