"""Which folders pass for a model, and what is said about those that do not."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import RecipeError
from orchestrator.hub.fetch import known_model
from orchestrator.hub.folder import check_folder, whole_weights
from orchestrator.recipe.schema import Model
from tests.support.models import model_files, safetensors, torch_zip, write
from tests.support.weight_files import filled, old_torch

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1999\n"
SHARD = "model-00001-of-00002.safetensors"


def refusal(folder: Path) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        check_folder(folder)
    assert caught.value.where
    assert caught.value.why
    assert caught.value.fix
    return caught.value


def test_a_whole_folder_is_described(tmp_path: Path) -> None:
    files = model_files()
    found = check_folder(write(tmp_path / "internlm2.5-chat", files))
    assert set(found.files) == set(files)
    assert found.bytes == sum(map(len, files.values()))
    assert found.path == tmp_path / "internlm2.5-chat"


def test_a_single_file_of_either_format_is_enough(tmp_path: Path) -> None:
    small = {"config.json": b"{}", "tokenizer.json": b"{}"}
    check_folder(write(tmp_path / "a", {**small, "model.safetensors": safetensors(["w"])}))
    check_folder(write(tmp_path / "b", {**small, "pytorch_model.bin": torch_zip()}))
    check_folder(
        write(tmp_path / "c", {**small, "pytorch_model.bin": old_torch({"w": filled((2,))})})
    )


def test_missing_and_short_shards_are_all_named(tmp_path: Path) -> None:
    files = model_files(shards=3)
    del files["model-00002-of-00003.safetensors"]
    files["model-00003-of-00003.safetensors"] = files["model-00003-of-00003.safetensors"][:-7]
    error = refusal(write(tmp_path, files))
    assert "2 of 3 files" in error.what
    assert "model-00002-of-00003.safetensors: missing" in (error.why or "")
    assert "model-00003-of-00003.safetensors" in (error.why or "")
    assert "model-00001" not in (error.why or "")


def test_an_interrupted_download_is_recognised(tmp_path: Path) -> None:
    files = model_files()
    files[f"{SHARD}.incomplete"] = files.pop(SHARD)[:50]
    assert "interrupted" in (refusal(write(tmp_path, files)).why or "")


def test_shards_of_another_release_are_noticed(tmp_path: Path) -> None:
    files = {**model_files(), SHARD: safetensors(["something.else"])}
    assert "layers.0.weight" in (refusal(write(tmp_path, files)).why or "")


@pytest.mark.parametrize("name", ["config.json", SHARD, "tokenizer.model", "tokenizer_config.json"])
def test_a_git_lfs_pointer_is_not_taken_for_the_file(tmp_path: Path, name: str) -> None:
    error = refusal(write(tmp_path, {**model_files(), name: POINTER}))
    assert name in (error.why or "")
    assert "git lfs pull" in (error.fix or "")


def test_an_adapter_is_not_a_model(tmp_path: Path) -> None:
    config = json.dumps({"base_model_name_or_path": "owner/base-7b"}).encode()
    adapter = {"adapter_config.json": config, "adapter_model.safetensors": safetensors(["w"])}
    error = refusal(write(tmp_path, adapter))
    assert "adapter" in error.what
    assert "owner/base-7b" in (error.why or "")


@pytest.mark.parametrize("inner", ["inner", "snapshots/0123abc"])
def test_the_folder_above_the_model_points_down(tmp_path: Path, inner: str) -> None:
    write(tmp_path / inner, model_files())
    assert str(tmp_path / inner) in (refusal(tmp_path).fix or "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config.json": None}, "no config.json"),
        ({"config.json": b"{"}, "config.json cannot be read"),
        ({"config.json": b"[]"}, "config.json is not a JSON object"),
        ({"model.safetensors.index.json": None}, "no model.safetensors.index.json"),
        ({"model.safetensors.index.json": b"{}"}, "not an index of shards"),
        ({"modeling_x.py": None}, "own code is missing"),
        ({"tokenizer.model": None}, "no tokenizer"),
        ({SHARD: b""}, "not complete"),
        ({SHARD: b"<html>not found</html>"}, "not complete"),
    ],
)
def test_other_gaps(tmp_path: Path, change: dict[str, bytes | None], words: str) -> None:
    files = {k: v for k, v in {**model_files(), **change}.items() if v is not None}
    assert words in refusal(write(tmp_path, files)).what


def test_config_without_weights(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "x.gguf": b"GGUF"}
    error = refusal(write(tmp_path, files))
    assert "no weights" in error.what
    assert "x.gguf" in (error.why or "")


def test_no_folder_an_empty_folder_a_file(tmp_path: Path) -> None:
    assert "not there" in refusal(tmp_path / "nowhere").what
    assert "empty" in (refusal(tmp_path).why or "")
    (tmp_path / "model.safetensors").write_bytes(safetensors(["w"]))
    assert str(tmp_path) in (refusal(tmp_path / "model.safetensors").fix or "")


@pytest.mark.parametrize("name", ["config.json", SHARD, "tokenizer.model"])
def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, really = write(tmp_path, model_files()), Path.open

    def guarded(path: Path, *args: Any, **more: Any) -> Any:
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *args, **more)

    monkeypatch.setattr(Path, "open", guarded)
    error = refusal(folder)
    assert f"Permission denied: {folder / name}" in (error.why or "")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "model.safetensors/below"])
def test_a_path_that_no_disk_takes(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    refusal(tmp_path / name)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = write(tmp_path, model_files())
    for name in (SHARD, "tokenizer.model"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
    assert f"{SHARD}: missing" in (refusal(folder).why or "")


def test_a_cut_torch_file_is_noticed(tmp_path: Path) -> None:
    small = {"config.json": b"{}", "tokenizer.json": b"{}"}
    write(tmp_path, {**small, "pytorch_model.bin": torch_zip()[:-30]})
    assert "cut off" in (refusal(tmp_path).why or "")


def test_code_of_another_repository_need_not_be_here(tmp_path: Path) -> None:
    config = {"auto_map": {"AutoModel": "owner/code--modeling_y.Model", "AutoConfig": None}}
    check_folder(write(tmp_path, {**model_files(), "config.json": json.dumps(config).encode()}))


def test_a_given_folder_is_used_or_refused_but_never_ignored(tmp_path: Path) -> None:
    whole, broken = write(tmp_path / "whole", model_files()), tmp_path / "broken"
    for fields in ({"id": "o/m", "path": str(whole)}, {"id": str(whole), "hub": "local"}):
        found = known_model(Model(template="t", **fields))
        assert found is not None
        assert (found.path, found.id) == (whole, fields["id"])
    with pytest.raises(RecipeError):
        known_model(Model(template="t", id="o/m", path=str(broken)))


@given(st.data())
def test_every_cut_of_a_safetensors_file_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    body = safetensors(data.draw(st.lists(st.text(min_size=1), min_size=1, unique=True)))
    folder = tmp_path_factory.mktemp("cut")
    path = folder / "model.safetensors"
    path.write_bytes(body)
    assert set(whole_weights(folder)) == {"model.safetensors"}
    path.write_bytes(body[: data.draw(st.integers(0, len(body) - 1))])
    with pytest.raises(RecipeError, match="not complete"):
        whole_weights(folder)


@given(st.sampled_from(sorted(model_files())), st.binary(max_size=300))
def test_any_content_gives_a_plain_error_or_a_model(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    folder = write(tmp_path_factory.mktemp("any"), {**model_files(), name: content})
    with contextlib.suppress(RecipeError):  # anything else that is raised fails the test
        assert name in check_folder(folder).files
