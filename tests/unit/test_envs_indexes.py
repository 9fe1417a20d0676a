"""pip's index settings reach uv, uv's own win, and no password is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.secrets import redacted
from orchestrator.envs import indexes


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "_pip_files", lambda _base: [])
    monkeypatch.setattr(indexes, "_uv_names_an_index", lambda _base: False)


def added(base: dict[str, str]) -> dict[str, str]:
    env = indexes.environ(base)
    return {name: value for name, value in env.items() if name not in base}


def test_pips_variables_in_uvs_words(tmp_path: Path) -> None:
    assert added({"PIP_INDEX_URL": "https://u:p@mirror.test/simple"}) == {
        "UV_DEFAULT_INDEX": "https://u:p@mirror.test/simple"
    }
    assert added({"PIP_EXTRA_INDEX_URL": "https://a.test/s\n  https://b.test/s"}) == {
        "UV_INDEX": "https://a.test/s https://b.test/s",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    links = f"{tmp_path} https://c.test/wheels relative"
    assert added({"PIP_FIND_LINKS": links}) == {
        "UV_FIND_LINKS": f"{tmp_path},https://c.test/wheels,{Path.cwd() / 'relative'}"
    }
    assert added({"PIP_TRUSTED_HOST": "a.test b.test:81"}) == {
        "UV_INSECURE_HOST": "a.test b.test:81"
    }
    assert added({"PIP_CERT": "/my certs/ca.pem"}) == {"SSL_CERT_FILE": "/my certs/ca.pem"}
    assert added({"PIP_DEFAULT_TIMEOUT": "180"}) == {"UV_HTTP_TIMEOUT": "180"}
    assert added({"PIP_PROXY": "http://proxy.test:8080"}) == {"ALL_PROXY": "http://proxy.test:8080"}


@pytest.mark.parametrize(
    ("own", "pip"),
    [
        ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"),
        ("UV_INDEX_URL", "PIP_INDEX_URL"),
        ("UV_INDEX", "PIP_EXTRA_INDEX_URL"),
        ("UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"),
        ("UV_FIND_LINKS", "PIP_FIND_LINKS"),
        ("UV_INSECURE_HOST", "PIP_TRUSTED_HOST"),
        ("SSL_CERT_FILE", "PIP_CERT"),
    ],
)
def test_what_uv_was_told_wins(own: str, pip: str) -> None:
    assert added({own: "theirs", pip: "pips"}) == {}


def test_the_users_index_strategy_wins() -> None:
    base = {"UV_INDEX_STRATEGY": "first-index", "PIP_EXTRA_INDEX_URL": "https://a.test"}
    assert added(base) == {"UV_INDEX": "https://a.test"}


def test_no_index_is_an_option() -> None:
    assert indexes.flags({"PIP_NO_INDEX": "true"}) == ["--no-index"]
    assert indexes.flags({"PIP_NO_INDEX": "0"}) == []
    assert indexes.flags({}) == []


def test_pips_files_in_pips_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    shared, home, own = tmp_path / "shared", tmp_path / "home", tmp_path / "own.conf"
    for folder in (shared / "pip", home / ".config" / "pip"):
        folder.mkdir(parents=True)
    (shared / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://shared.test\nextra-index-url =\n  https://x.test\n"
        "  https://y.test\ntimeout = 5\n"
    )
    (home / ".config" / "pip" / "pip.conf").write_text(
        "[install]\nindex-url = https://install.test\n[global]\nindex_url = https://home.test/%20\n"
    )
    own.write_text("[global]\ntimeout = 7\n")
    base = {"HOME": str(home), "XDG_CONFIG_DIRS": str(shared), "PIP_CONFIG_FILE": str(own)}
    found = indexes.pip_settings(base)
    assert found["index-url"] == "https://install.test"
    assert found["timeout"] == "7"
    env = indexes.environ({**base, "PIP_INDEX_URL": "https://variable.test"})
    assert env["UV_DEFAULT_INDEX"] == "https://variable.test"
    assert env["UV_INDEX"].split()[:2] == ["https://x.test", "https://y.test"]
    assert indexes.pip_settings({**base, "PIP_CONFIG_FILE": "/dev/null"}).keys() == {"config-file"}


@pytest.mark.parametrize("text", ["not = a section\n", "[global\n", "\udcff"])
def test_a_damaged_pip_file_is_passed_over(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pip.conf"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    monkeypatch.setattr(indexes, "_pip_files", lambda _base: [path])
    assert indexes.pip_settings({}) == {}


@pytest.mark.parametrize(
    ("text", "wins"),
    [
        ('index-url = "https://u.test"\n', True),
        ('[[index]]\nurl = "https://u.test"\n', True),
        ('[pip]\nextra-index-url = ["https://u.test"]\n', True),
        ('link-mode = "copy"\n# index-url = "x"\n', False),
    ],
)
def test_an_index_in_uvs_own_file_wins(
    text: str, wins: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (tmp_path / "uv.toml").write_text(text)
    base = {
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "https://pip.test",
    }
    assert ("UV_DEFAULT_INDEX" in indexes.environ(base)) is not wins


@given(st.from_regex(r"[A-Za-z0-9._%-]{1,9}(:[A-Za-z0-9._%-]{1,9})?", fullmatch=True))
def test_a_password_never_comes_through(secret: str) -> None:
    text = f"fetching https://{secret}@mirror.test/simple and http://{secret}@b.test:80/x y@z"
    assert redacted(text) == (
        "fetching https://***@mirror.test/simple and http://***@b.test:80/x y@z"
    )
