"""The pasted download command, run through the hubs' own command lines."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.hub.commands import download_command
from orchestrator.hub.folder import check_folder
from orchestrator.recipe.schema import Model
from tests.support.hub_client import environment
from tests.support.hub_server import StandIn, standing_in
from tests.support.models import model_files

RUN = """
import sys
from importlib.metadata import entry_points
name = sys.argv[0] = sys.argv.pop(1)
(entry,) = {each.value: each for each in entry_points(group="console_scripts", name=name)}.values()
sys.exit(entry.load()())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with standing_in() as running:
        heavy = {"onnx/model.onnx": b"x", "x.gguf": b"y", "tf_model.h5": b"z"}
        running.add("o/m.5", {**model_files(), **heavy})
        yield running


@pytest.mark.parametrize("hub", ["modelscope", "huggingface"])
def test_the_real_command_accepts_it(hub: str, server: StandIn, tmp_path: Path) -> None:
    into = tmp_path / "a folder"
    model = Model(id="o/m.5", hub=hub, revision="v1.0.3", template="t")
    command = download_command(model, str(into))
    assert shlex.split(shlex.join(command)) == list(command)
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command],
        env=environment(server.url, tmp_path),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert set(model_files()) == set(check_folder(into).files)
    asked = [each.query.get("Revision", each.path) for each in server.asked]
    assert any("v1.0.3" in each for each in asked)


def test_no_revision_and_no_hub() -> None:
    model = Model(id="o/m", template="t")
    assert download_command(model, "base")[:6] == (
        *("modelscope", "download", "--model", "o/m"),
        *("--local_dir", "base"),
    )
    assert download_command(Model(id="o/m", path="/here", template="t"), "base") == ()
    assert download_command(Model(id="/here", hub="local", template="t"), "base") == ()
