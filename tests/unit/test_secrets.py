"""What is hidden in what is shown and stored, and what is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.secrets import is_secret_name, redacted, without_secrets
from orchestrator.cli import cli
from orchestrator.planning import pack, stages
from orchestrator.planning.job import build
from orchestrator.recipe.load import load

SECRET = "s3cr3t-Value-8841"


@pytest.mark.parametrize(
    "name",
    [
        "hf_hub_token", "ms_hub_token", "token", "HF_TOKEN", "hubToken", "swanlab_api_key",
        "WANDB_API_KEY", "--api-key", "password", "db.password", "aws_secret_access_key",
        "X-Amz-Signature", "X-Amz-Security-Token", "OSSAccessKeyId", "sig", "client_secret",
        "db_pwd",
        "Authorization", "apikey", "private_key", "engine_options.swanlab_api_key",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "pad_token", "eos_token", "bos_token", "image_token", "max_new_tokens", "tokenizer", "key",
        "add_special_tokens", "num_tokens", "primary_key", "signal", "tokens_per_second", "author",
        "monkey", "design", "keys", "start_token", "passes", "data.sources.0.path", "",
        "PWD", "OLDPWD",
    ],
)  # fmt: skip
def test_names_that_are_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://me:{SECRET}@host/a.json", "https://***@host/a.json"),
        (f"https://{SECRET}@host:8443/a?x=1", "https://***@host:8443/a?x=1"),
        (f"https://h/a?raw=true&token={SECRET}#x", "https://h/a?raw=true&token=***#x"),
        (f"https://h/a?k={SECRET}", "https://h/a?k=***"),
        ("https://h/a?name=rows.json&page=2", "https://h/a?name=rows.json&page=2"),
        ("https://h/uc?id=1aB2cD3eF4gH5iJ6kL7", "https://h/uc?id=1aB2cD3eF4gH5iJ6kL7"),
        (f"train --cfg-options a.api_key={SECRET}", "train --cfg-options a.api_key=***"),
        (
            f"train --cfg-options 'a.b.token={SECRET}' c=1",
            "train --cfg-options 'a.b.token=***' c=1",
        ),
        (f"--opts x=y,password={SECRET}", "--opts x=y,password=***"),
        (f"run --hf_hub_token={SECRET} --epochs 3", "run --hf_hub_token=*** --epochs 3"),
        (f"run --hf_hub_token '{SECRET}' -v", "run --hf_hub_token '***' -v"),
        (f"swanlab_api_key: {SECRET}\nlr: 1", "swanlab_api_key: ***\nlr: 1"),
        (f'{{"api_key": "{SECRET}", "n": 1}}', '{"api_key": "***", "n": 1}'),
        (f"export HF_TOKEN={SECRET}", "export HF_TOKEN=***"),
        (f"Authorization: Bearer {SECRET}", "Authorization: ***"),
        ("login as hf_abcdefghijklmnopqrstuv now", "login as *** now"),
        ("pad_token: <pad>", "pad_token: <pad>"),
        ("api_key: null", "api_key: null"),
        ("a=1;where=/models/chat-7b/v1.0.3", "a=1;where=/models/chat-7b/v1.0.3"),
        ('HF_TOKEN="${HF_TOKEN:-}" recipe run', 'HF_TOKEN="${HF_TOKEN:-}" recipe run'),
        ("--hf_hub_token $HF_TOKEN --epochs 3", "--hf_hub_token $HF_TOKEN --epochs 3"),
        ("train --use_auth_token --epochs 3", "train --use_auth_token --epochs 3"),
        ("put it into api_key=<yours>", "put it into api_key=<yours>"),
        ("the token of a private model", "the token of a private model"),
    ],
)
def test_a_text(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(st.text("abcXYZ0189", min_size=8, max_size=30))
def test_a_secret_never_survives_where_it_has_a_name(secret: str) -> None:
    for text in (
        f"https://u:{quote(secret)}@h/p",
        f"https://h/p?x=1&api_key={secret}",
        f"--my-token {secret}",
        f"password={secret}",
        json.dumps({"ms_hub_token": secret}),
    ):
        assert secret not in redacted(text)
        assert redacted(redacted(text)) == redacted(text)


@given(st.text(st.characters(exclude_characters="=:-"), max_size=60))
def test_a_text_without_names_and_addresses_is_left_alone(text: str) -> None:
    assert redacted(text) == text


def test_the_value_of_a_secret_variable_is_hidden_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TEAM_TOKEN", SECRET)
    assert redacted(f"401 for {SECRET}") == "401 for ***"


def test_a_place_in_a_variable_is_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PWD", "OLDPWD", "SSH_AUTH_SOCK", "MY_CREDENTIALS"):
        monkeypatch.setenv(name, str(tmp_path))
    assert redacted(f"python {tmp_path}/check.py") == f"python {tmp_path}/check.py"


def test_data_is_searched_through_and_keeps_its_form() -> None:
    value = {
        "model": {"id": "o/m", "hf_hub_token": SECRET, "ms_hub_token": None, "token": ""},
        "argv": ["train", "--hf_hub_token", SECRET, f"--api_key={SECRET}", "--epochs", "3"],
        "switch": ["train", "--use_auth_token", "--epochs", "$TOKEN"],
        "api_keys": {"api_key": [SECRET, SECRET], "password": 771_993, "use_token": True},
        "urls": [f"https://u:{SECRET}@h/a"],
        "pad_token": "<pad>",
        "rows": 3,
    }
    assert without_secrets(value) == {
        "model": {"id": "o/m", "hf_hub_token": "***", "ms_hub_token": None, "token": ""},
        "argv": ["train", "--hf_hub_token", "***", "--api_key=***", "--epochs", "3"],
        "switch": ["train", "--use_auth_token", "--epochs", "$TOKEN"],
        "api_keys": {"api_key": ["***", "***"], "password": "***", "use_token": True},
        "urls": ["https://***@h/a"],
        "pad_token": "<pad>",
        "rows": 3,
    }
    assert json.dumps(value).count(SECRET) == 6


def test_a_secret_address_reaches_no_file_of_a_pack_or_a_run(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "title: t\nengine: llamafactory@0.9.5\nmodel: {id: o/m, template: qwen}\n"
        "train: {method: lora}\ndata:\n  sources:\n    - path: rows.json\n"
        f"      url: https://me:{SECRET}@h/rows.json?access_token={SECRET}x&name=rows.json\n",
        encoding="utf-8",
    )
    job = build(load(str(recipe), environ={}), must_find_rows=False)
    names = pack.write(str(recipe), tmp_path / "pack")
    texts = [(tmp_path / "pack" / name).read_text(encoding="utf-8") for name in names]
    texts += [file.text for file in stages.plan("render", job, tmp_path).files]
    assert any("https://***@h/rows.json?access_token=***&name=rows.json" in text for text in texts)
    assert not [text for text in texts if SECRET in text]
    for more in ([], ["--json"]):
        shown = CliRunner().invoke(cli, ["show", str(recipe), *more])
        assert shown.exit_code == 0
        assert "***@h/rows.json" in shown.output
        assert SECRET not in shown.output


def test_the_current_folder_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/home/me/project")
    monkeypatch.setenv("OLDPWD", "/home/me/other")
    text = "python /home/me/project/check.py /home/me/other/rows.json"
    assert redacted(text) == text
    monkeypatch.setenv("MY_PWD", "hunter22")
    assert redacted("x hunter22 y") == "x *** y"
