"""Models from both hubs, through their real clients, against the stand-in on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_client import ROOT, Client, environment
from tests.support.hub_server import COMMIT, StandIn, standing_in
from tests.support.models import model_files, safetensors

HUBS = ("modelscope", "huggingface")
SHARD = "model-00001-of-00002.safetensors"
OTHER = "model-00002-of-00002.safetensors"
FILLER = 300_000
TOKEN = {"modelscope": "MODELSCOPE_API_TOKEN", "huggingface": "HF_TOKEN"}
each_hub = pytest.mark.parametrize("hub", HUBS)

Start = Callable[..., Client]


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with standing_in() as running:
        yield running


@pytest.fixture
def stand_in(server: StandIn) -> StandIn:
    """The stand-in with one whole model, ``o/m``, and nothing else."""
    for each in (server.repos, server.faults, server.sizes, server.private, server.pages):
        each.clear()
    server.asked.clear()
    server.add("o/m", model_files(filler=FILLER))
    return server


@pytest.fixture
def start(stand_in: StandIn, tmp_path: Path) -> Iterator[Start]:
    """Start a process in which the clients see only the stand-in and empty caches."""
    started: list[Client] = []

    def new(**settings: str) -> Client:
        started.append(Client(environment(stand_in.url, tmp_path, **settings)))
        return started[-1]

    yield new
    for client in started:
        client.close()


def shards_asked(stand_in: StandIn) -> list[tuple[str, int]]:
    return [(name, each.start) for name in (SHARD, OTHER) for each in stand_in.bodies(name)]


@each_hub
def test_the_needed_files_come_once_and_silently(hub: str, stand_in: StandIn, start: Start) -> None:
    extra = {"pytorch_model.bin": b"x" * 99, "onnx/model.onnx": b"y", "README.md": b"#"}
    stand_in.repos["o/m"] |= extra
    client = start()
    found = client.call("fetch", hub=hub, id="o/m")
    assert sorted(found["files"]) == sorted(model_files(filler=FILLER))
    assert Path(found["path"], SHARD).read_bytes() == stand_in.repos["o/m"][SHARD]
    assert found["revision"] == (COMMIT if hub == "huggingface" else "master")
    total = sum(map(len, model_files(filler=FILLER).values()))
    assert found["bytes"] == total
    assert found["progress"][-1][:2] == [total, total]
    steps = [done for done, _, _ in found["progress"]]
    assert 0 < steps[0] <= max(steps) == total
    assert not any(stand_in.bodies(name) for name in extra)

    stand_in.asked.clear()
    again = client.call("fetch", hub=hub, id="o/m")
    assert again["path"] == found["path"]
    assert client.close() == ""
    fresh = start(HF_HUB_OFFLINE="1")
    for what in ("fetch", "local"):
        assert fresh.call(what, hub=hub, id="o/m")["path"] == found["path"]
    assert stand_in.asked == []


@each_hub
def test_a_copy_made_by_the_client_itself_is_used(
    hub: str, stand_in: StandIn, start: Start, tmp_path: Path
) -> None:
    found = start().call("fetch", hub=hub, id="o/m")
    for receipt in (tmp_path / "recipe").rglob("*.json"):
        receipt.unlink()
    stand_in.asked.clear()
    assert start().call("local", hub=hub, id="o/m")["path"] == found["path"]
    assert stand_in.asked == []


@each_hub
def test_another_revision_is_another_model(hub: str, stand_in: StandIn, start: Start) -> None:
    client = start()
    client.call("fetch", hub=hub, id="o/m")
    assert client.call("local", hub=hub, id="o/m", revision="v1.0.3") == {"path": None}
    assert client.call("fetch", hub=hub, id="o/m", revision="v1.0.3")["path"]


@each_hub
def test_a_cut_connection_goes_on(hub: str, stand_in: StandIn, start: Start) -> None:
    stand_in.fail(SHARD, "cut", value=100_000)
    found = start().call("fetch", hub=hub, id="o/m")
    assert Path(found["path"], SHARD).read_bytes() == stand_in.repos["o/m"][SHARD]
    bodies = stand_in.bodies(SHARD)
    assert len(bodies) == 2
    if hub == "modelscope":  # the other client writes in steps of 10 MB, so nothing was kept yet
        assert bodies[1].start == 100_000


@each_hub
def test_a_killed_download_goes_on_in_the_next_run(
    hub: str, stand_in: StandIn, start: Start
) -> None:
    stand_in.repos["o/m"][OTHER] = safetensors(["layers.1.weight"], 2_000_000)
    stand_in.fail(OTHER, "slow", times=1)
    client = start()
    client.send("fetch", hub=hub, id="o/m")
    deadline = time.monotonic() + 30
    while not stand_in.bodies(OTHER) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    client.process.send_signal(signal.SIGKILL)
    client.process.wait(timeout=10)

    again = start()
    assert again.call("local", hub=hub, id="o/m") == {"path": None}
    stand_in.asked.clear()
    found = again.call("fetch", hub=hub, id="o/m")
    assert Path(found["path"], OTHER).read_bytes() == stand_in.repos["o/m"][OTHER]
    asked = shards_asked(stand_in)
    assert (SHARD, 0) not in asked, "a file that was whole came again"
    if hub == "modelscope":
        assert [start > 0 for name, start in asked if name == OTHER] == [True]


@each_hub
def test_a_corrupted_file_is_fetched_again(hub: str, stand_in: StandIn, start: Start) -> None:
    stand_in.fail(SHARD, "corrupt")
    found = start().call("fetch", hub=hub, id="o/m")
    assert Path(found["path"], SHARD).read_bytes() == stand_in.repos["o/m"][SHARD]
    assert shards_asked(stand_in) == [(SHARD, 0), (SHARD, 0), (OTHER, 0)]


@each_hub
def test_a_file_that_stays_corrupted_is_named_and_removed(
    hub: str, stand_in: StandIn, start: Start, tmp_path: Path
) -> None:
    stand_in.fail(SHARD, "corrupt", times=99)
    client = start()
    error = client.call("fetch", hub=hub, id="o/m")
    assert error["what"] == f"o/m: {SHARD} arrived damaged."
    assert "try the other hub" in error["fix"]
    assert list(tmp_path.rglob(SHARD)) == []
    assert client.call("local", hub=hub, id="o/m") == {"path": None}
    stand_in.faults.clear()
    stand_in.asked.clear()
    assert client.call("fetch", hub=hub, id="o/m")["path"]
    assert shards_asked(stand_in) == [(SHARD, 0)]


@each_hub
def test_a_repository_whose_own_shard_is_short(hub: str, stand_in: StandIn, start: Start) -> None:
    stand_in.repos["o/m"][SHARD] = stand_in.repos["o/m"][SHARD][:-9]
    client = start()
    for _ in range(2):  # an unfit copy is not taken for a whole one the second time either
        error = client.call("fetch", hub=hub, id="o/m")
        assert "weights are not complete" in error["what"]
        assert SHARD in error["why"]


@each_hub
def test_too_little_disk_is_said_before_anything_comes(
    hub: str, stand_in: StandIn, start: Start
) -> None:
    stand_in.sizes[SHARD] = 10**15
    error = start().call("fetch", hub=hub, id="o/m")
    assert error["what"] == "Not enough disk space for o/m."
    assert "1,000,000.00 GB are still to be downloaded" in error["why"]
    assert "are free" in error["why"]
    assert shards_asked(stand_in) == []


@each_hub
def test_unknown_names(hub: str, stand_in: StandIn, start: Start) -> None:
    client = start()
    for name in ("o/nothing", "no slash", "../../etc"):
        error = client.call("fetch", hub=hub, id=name)
        assert f"has no model {name}." in error["what"]
        assert "--set model.path=FOLDER" in error["fix"]
    error = client.call("fetch", hub=hub, id="o/m", revision="v1.0.4")
    assert "has no revision v1.0.4" in error["what"]
    assert "did you mean v1.0.3?" in error["fix"]


@each_hub
def test_a_private_model_asks_for_the_right_token(
    hub: str, stand_in: StandIn, start: Start, tmp_path: Path
) -> None:
    stand_in.private["o/m"] = "let-me-in-5319"
    client = start()
    error = client.call("fetch", hub=hub, id="o/m")
    assert "does not let you download" in error["what"]
    assert TOKEN[hub] in error["fix"]
    wrong = client.call("fetch", hub=hub, id="o/m", env={TOKEN[hub]: "wrong-7741"})
    assert "was not accepted" in wrong["why"]
    assert "wrong-7741" not in wrong["text"]
    right = {TOKEN[hub]: "let-me-in-5319"}
    assert client.call("fetch", hub=hub, id="o/m", env=right)["path"]
    kept = [each.read_text() for each in (tmp_path / "recipe").rglob("*.json")]
    assert kept
    assert not any("let-me-in" in text for text in kept)


@each_hub
def test_what_cannot_be_trained_is_refused_before_the_download(
    hub: str, stand_in: StandIn, start: Start
) -> None:
    stand_in.add("o/adapter", {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"})
    stand_in.add("o/gguf", {"config.json": b"{}", "x.gguf": b"GGUF"})
    stand_in.add("o/empty", {})
    client = start()
    assert "is an adapter" in client.call("fetch", hub=hub, id="o/adapter")["what"]
    assert "no weights" in client.call("fetch", hub=hub, id="o/gguf")["what"]
    assert client.call("fetch", hub=hub, id="o/empty")["what"]
    assert not [
        each for each in stand_in.asked if "FilePath" in each.query or "resolve" in each.path
    ]


@each_hub
def test_no_server(hub: str, stand_in: StandIn, start: Start) -> None:
    nowhere = "http://127.0.0.1:9"
    client = start(MODELSCOPE_ENDPOINT=nowhere, HF_ENDPOINT=nowhere)
    error = client.call("fetch", hub=hub, id="o/m")
    assert "no connection" in error["what"]
    assert error["why"] == "Connection refused"
    assert "--set model.path=FOLDER" in error["fix"]


def test_offline_mode_without_a_copy(stand_in: StandIn, start: Start) -> None:
    error = start(HF_HUB_OFFLINE="1").call("fetch", hub="huggingface", id="o/m")
    assert "HF_HUB_OFFLINE" in error["text"]
    assert stand_in.asked == []


@each_hub
def test_a_server_that_fails(hub: str, stand_in: StandIn, start: Start) -> None:
    stand_in.fail(SHARD, "status", times=99, value=404)
    error = start().call("fetch", hub=hub, id="o/m")
    assert "broke off" in error["what"]
    assert "goes on" in error["fix"]


CANCEL = """
import sys, threading
from orchestrator.errors import Interrupted
from orchestrator.hub import fetch_model
from orchestrator.recipe.schema import Model
cancel = threading.Event()
try:
    fetch_model(Model(id="o/m", hub=sys.argv[1], template="t"), cancel=cancel,
                progress=lambda done, total, name: done > 1000 and cancel.set())
except Interrupted as error:
    sys.exit(error.exit_code)
"""


@each_hub
def test_cancel_ends_a_download_soon(hub: str, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.repos["o/m"][OTHER] = safetensors(["layers.1.weight"], 30_000_000)
    stand_in.fail(OTHER, "slow", times=9)  # about 90 seconds if nobody stopped it
    env = environment(stand_in.url, tmp_path)
    argv = [sys.executable, "-c", CANCEL, hub]
    done = subprocess.run(argv, env=env, cwd=ROOT, timeout=30, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


@each_hub
def test_ctrl_c_ends_a_download_soon(hub: str, stand_in: StandIn, start: Start) -> None:
    stand_in.repos["o/m"][OTHER] = safetensors(["layers.1.weight"], 30_000_000)
    stand_in.fail(OTHER, "slow", times=9)
    client = start()
    client.send("fetch", hub=hub, id="o/m")
    deadline = time.monotonic() + 30
    while not stand_in.bodies(OTHER) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    began = time.monotonic()
    os.kill(client.process.pid, signal.SIGINT)
    client.process.wait(timeout=20)
    assert time.monotonic() - began < 15


def test_importing_the_package_is_cheap() -> None:
    heavy = ("modelscope", "huggingface_hub", "requests", "tqdm", "pydantic", "urllib.request")
    code = f"import sys, orchestrator.hub; print([m for m in {heavy} if m in sys.modules])"
    argv = [sys.executable, "-c", code]
    assert subprocess.run(argv, cwd=ROOT, capture_output=True, text=True).stdout == "[]\n"


def test_modelscope_domain_points_the_client_too(
    stand_in: StandIn, start: Start, tmp_path: Path
) -> None:
    env: dict[str, Any] = environment(stand_in.url, tmp_path, MODELSCOPE_DOMAIN=stand_in.url)
    del env["MODELSCOPE_ENDPOINT"]
    client = Client(env)
    assert client.call("fetch", id="o/m")["path"]
    assert client.close() == ""
