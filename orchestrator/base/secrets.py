"""Passwords and tokens: what is one, and how a text is shown or stored without them.

The place of a secret is the environment. Where one stands in an address, an option or a message
all the same, it is used as it is and shown as ``***``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    {
        "apikey", "auth", "authorization", "cookie", "credential", "credentials", "passphrase",
        "passwd", "password", "secret", "secrets", "sig", "signature",
    }
)  # fmt: skip
_KEYS_BEFORE = frozenset({"access", "account", "api", "auth", "license", "private", "storage"})
#: Words that make of ``token`` a mark in a text, as in ``pad_token``, and no secret.
_MARKS = frozenset(
    {
        "assistant", "audio", "begin", "boa", "boi", "bos", "bot", "cls", "end", "eoa", "eoi",
        "eos", "eot", "extra", "first", "image", "img", "last", "mask", "new", "next", "pad",
        "per", "placeholder", "prev", "sep", "special", "start", "stop", "system", "think",
        "tool", "unk", "user", "video",
    }
)  # fmt: skip
#: Names of a query whose long values are public: what is fetched, not who fetches it.
_PUBLIC = frozenset({"export", "file", "file_id", "filename", "id", "name", "path", "ref", "rev"})
_NO_VALUES = ("", "null", "None", "none", "true", "false", "True", "False")
_SHORTEST = 6  # characters of a variable's value; a shorter one would blacken half a text

_USER = re.compile(r"(?<=://)[^/@\s'\"]+@")
_QUERY = re.compile(r"(?<=[?&])(?P<key>[\w.%\[\]-]+)=(?P<value>[^&;#\s'\"]+)")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}")
_KNOWN = re.compile(
    r"\b(hf_[A-Za-z0-9]{16,}|sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}"
    r"|ms-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|AKIA[0-9A-Z]{16})"
)
#: ``--name value``, ``--name=value``, ``name=value``, ``name: value``, ``"name": "value"``.
_ASSIGNED = re.compile(
    r"(?P<head>(?P<dash>--?)?\b(?P<key>[A-Za-z][\w.-]*)[\"']?)"
    r"(?P<mark>\s*[=:]\s*|(?(dash)\s+(?!-)|(?!)))"
    r"(?P<value>(?:Bearer|Basic)\s+\S+|\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&'\")\]}]+)"
)


def is_secret_name(key: str) -> bool:
    """Whether a value of this name is a secret: ``*_api_key``, ``hf_hub_token``, ``password`` …

    ``pad_token`` and ``max_new_tokens`` are not.
    """
    words = [word.lower() for word in _WORD.findall(key.rpartition(".")[2])]
    if _SECRET_WORDS & set(words) or "accesskey" in "".join(words):
        return True
    before = set(words[:-1])
    if words[-1:] == ["pwd"]:
        return bool(before)  # PWD alone is the shell's word for the current folder
    if words[-1:] == ["key"]:
        return bool(before & _KEYS_BEFORE)
    return words[-1:] == ["token"] and not before & _MARKS


def redacted(text: str) -> str:
    """The text without the secrets that can be told in it; everything else stays as it is.

    Hidden are user and password of an address, values of its query that are named as secrets or
    look like one, values assigned to a secret's name, known forms of tokens, and the values of
    this process's own secret variables (HF_TOKEN …).
    """
    for name, value in os.environ.items():
        is_long = len(value) >= _SHORTEST
        # SSH_AUTH_SOCK and the like name a place, not a secret.
        if is_long and value in text and is_secret_name(name) and not os.path.lexists(value):
            text = text.replace(value, HIDDEN)
    text = _USER.sub(f"{HIDDEN}@", text)
    text = _QUERY.sub(_query, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _ASSIGNED.sub(_assigned, text)
    return _KNOWN.sub(HIDDEN, text)


def without_secrets(value: Any) -> Any:
    """JSON data with the secrets in its texts, and under names of secrets, hidden.

    A list of words is also read as a command: the word after ``--hf_hub_token`` is hidden.
    """
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: _under(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [
            HIDDEN if _hides_next(before, inner) else without_secrets(inner)
            for before, inner in zip(["", *value], value, strict=False)
        ]
    return value


def _under(key: str, value: Any) -> Any:
    if is_secret_name(key):
        if isinstance(value, list | tuple):
            return [_under(key, inner) for inner in value]
        if _is_value(value):
            return HIDDEN
    return without_secrets(value)


def _is_value(value: object) -> bool:
    """Whether there is something to hide: no switch, no ``$VARIABLE``, no place to fill in."""
    if isinstance(value, str):
        return value not in _NO_VALUES and not value.startswith((HIDDEN, "$", "<"))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hides_next(word: object, following: object) -> bool:
    """Whether ``word`` is an option whose value is the secret that follows."""
    if not (isinstance(word, str) and isinstance(following, str)):
        return False
    is_option = re.fullmatch(r"--?[\w.-]+", word) is not None and is_secret_name(word)
    return is_option and not following.startswith("-") and _is_value(following)


def _query(match: re.Match[str]) -> str:
    opaque = len(match["value"]) >= 16 and re.search(r"\d", match["value"])
    hides = (opaque and match["key"].lower() not in _PUBLIC) or is_secret_name(match["key"])
    return f"{match['key']}={HIDDEN}" if hides else match[0]


def _assigned(match: re.Match[str]) -> str:
    value = match["value"].strip("\"'")
    if not is_secret_name(match["key"]):
        # The value may be an assignment itself: `--cfg-options a.api_key=…`.
        return match["head"] + match["mark"] + _ASSIGNED.sub(_assigned, match["value"])
    if not _is_value(value):
        return match[0]
    quote = match["value"][0] if match["value"][0] in "\"'" else ""
    return f"{match['head']}{match['mark']}{quote}{HIDDEN}{quote}"
