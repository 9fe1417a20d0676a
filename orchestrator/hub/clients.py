"""Using the two hubs' own clients quietly: no bars, no log lines, no secret in a message."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import warnings
from collections.abc import Iterator, Mapping

_SECRETS = ("MODELSCOPE_API_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_LOGGERS = ("modelscope", "modelscope_hub", "huggingface_hub")
_TURNED_OFF: Mapping[str, str] = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the clients' own output; this program reports the progress and the errors.

    tqdm reads TQDM_DISABLE once, when it is first imported, so the first client import must happen
    inside. The environment is put back, for the programs that are started later.
    """
    before = {name: os.environ.get(name) for name in _TURNED_OFF}
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    os.environ.update({name: value for name, value in _TURNED_OFF.items() if before[name] is None})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _mute(dict.fromkeys(_LOGGERS, logging.CRITICAL + 1))
            yield
    finally:
        _mute(levels)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


def _mute(levels: Mapping[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def said(error: BaseException) -> str:
    """The first line of a client's error, without secrets and signed addresses."""
    first = (str(error).strip().splitlines() or [""])[0][:300]
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    for name in _SECRETS:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, "***")
    return text


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def is_full_disk(error: BaseException) -> bool:
    codes = (errno.ENOSPC, errno.EDQUOT)
    return any(isinstance(each, OSError) and each.errno in codes for each in chain(error))
