"""Models from both hubs, through their real clients, against the stand-in on loopback."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_client import ROOT, Client, environment
from tests.support.hub_server import COMMIT, StandIn, standing_in
from tests.support.models import model_files, safetensors, write

pytestmark = pytest.mark.client
SHARD = "model-00001-of-00002.safetensors"
OTHER = "model-00002-of-00002.safetensors"
FILLER = 300_000
NUMBERS = itertools.count()


@dataclass
class Case:
    """One hub with one whole model that no other test uses."""

    hub: str
    id: str
    server: StandIn
    client: Client
    home: Path

    def fetch(self, client: Client | None = None, **fields: Any) -> dict[str, Any]:
        return (client or self.client).call("fetch", **{"hub": self.hub, "id": self.id, **fields})

    def known(self, client: Client | None = None, **fields: Any) -> dict[str, Any]:
        return (client or self.client).call("known", hub=self.hub, id=self.id, **fields)

    @property
    def files(self) -> dict[str, bytes]:
        return self.server.repos[self.id]

    @property
    def token(self) -> str:
        return {"modelscope": "MODELSCOPE_API_TOKEN", "huggingface": "HF_TOKEN"}[self.hub]

    @property
    def shards_asked(self) -> list[tuple[str, int]]:
        """Each request for a shard's content, with its first byte."""
        return [(n, each.start) for n in (SHARD, OTHER) for each in self.server.bodies(n)]

    def receipts(self) -> list[Path]:
        return list((self.home / "recipe").rglob(f"{self.id.replace('/', '-')}-*.json"))

    def slow_shard(self, size: int) -> None:
        """Make the second shard take size / 0.3 MB seconds, however often it is asked for."""
        self.files[OTHER] = safetensors(["layers.1.weight"], size)
        self.server.fail(OTHER, "slow", times=99)

    def wait_for_body(self) -> None:
        """Until the second shard is on its way."""
        deadline = time.monotonic() + 120
        while not self.server.bodies(OTHER):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.5)


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with standing_in() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def shared(server: StandIn, home: Path) -> Iterator[Client]:
    """One process for many tests, because the clients are slow to import."""
    client = Client(environment(server.url, home))
    yield client
    assert client.close() == "", "the clients wrote to standard error"


@pytest.fixture(params=["modelscope", "huggingface"])
def case(request: pytest.FixtureRequest, server: StandIn, shared: Client, home: Path) -> Case:
    for each in (server.faults, server.sizes, server.private):
        each.clear()
    server.asked.clear()
    name = f"o/m{next(NUMBERS)}"
    server.add(name, model_files(filler=FILLER))
    return Case(request.param, name, server, shared, home)


@pytest.fixture
def start(server: StandIn, home: Path) -> Iterator[Callable[..., Client]]:
    """Start a fresh process, with settings of its own."""
    started: list[Client] = []

    def new(**settings: str) -> Client:
        started.append(Client(environment(server.url, home, **settings)))
        return started[-1]

    yield new
    for client in started:
        client.close()


Start = Callable[..., Client]
#: What happens before or after a client is asked is the same for both.
one_hub = pytest.mark.parametrize("case", ["modelscope"], indirect=True)


def test_the_needed_files_come_once(case: Case, start: Start) -> None:
    wanted = dict(case.files)
    extra = {"pytorch_model.bin": b"x" * 99, "onnx/model.onnx": b"y", "README.md": b"#"}
    case.files.update(extra)
    found = case.fetch()
    assert sorted(found["files"]) == sorted(wanted)
    assert Path(found["path"], SHARD).read_bytes() == wanted[SHARD]
    assert found["revision"] == (COMMIT if case.hub == "huggingface" else "master")
    total = sum(map(len, wanted.values()))
    assert found["bytes"] == total
    assert found["progress"][-1] == [total, total, case.id]
    assert all(0 <= done <= total for done, _, _ in found["progress"])
    assert not any(case.server.bodies(name) for name in extra)

    case.server.asked.clear()
    assert case.fetch()["path"] == found["path"]
    fresh = start(HF_HUB_OFFLINE="1")
    assert case.fetch(fresh)["path"] == found["path"]
    assert case.known(fresh)["path"] == found["path"]
    assert case.server.asked == []


def test_a_copy_that_the_client_made_itself_is_used(case: Case) -> None:
    found = case.fetch()
    for receipt in case.receipts():
        receipt.unlink()
    case.server.asked.clear()
    assert case.known() == {"path": None}
    assert case.fetch()["path"] == found["path"]
    assert case.known()["path"] == found["path"], "it was not noted"
    assert case.server.asked == []


def test_another_revision_is_another_model(case: Case) -> None:
    case.fetch()
    assert case.known(revision="v1.0.3") == {"path": None}
    assert case.fetch(revision="v1.0.3")["path"]


def test_a_file_that_was_removed_comes_again_alone(case: Case) -> None:
    found = case.fetch()
    Path(found["path"], SHARD).resolve().unlink()
    assert case.known() == {"path": None}
    case.server.asked.clear()
    assert case.fetch()["path"] == found["path"]
    assert case.shards_asked == [(SHARD, 0)]


def test_a_cut_connection_goes_on(case: Case) -> None:
    case.server.fail(SHARD, "cut", value=100_000)
    found = case.fetch()
    assert Path(found["path"], SHARD).read_bytes() == case.files[SHARD]
    # huggingface_hub writes in steps of 10 MB, so it had kept nothing yet.
    again = 100_000 if case.hub == "modelscope" else 0
    assert case.shards_asked == [(SHARD, 0), (SHARD, again), (OTHER, 0)]


def test_a_killed_download_goes_on_in_the_next_run(case: Case, start: Start) -> None:
    case.slow_shard(2_000_000)
    client = start()
    client.send("fetch", hub=case.hub, id=case.id)
    case.wait_for_body()
    client.process.send_signal(signal.SIGKILL)
    client.process.wait(timeout=120)

    assert case.known() == {"path": None}
    case.server.wait_until_gone(OTHER)
    case.server.asked.clear()
    case.server.faults.clear()
    found = case.fetch()
    assert Path(found["path"], OTHER).read_bytes() == case.files[OTHER]
    assert [name for name, _ in case.shards_asked] == [OTHER], "a whole file came again"
    if case.hub == "modelscope":
        assert case.shards_asked[0][1] > 0


def test_a_corrupted_file_is_fetched_again(case: Case) -> None:
    case.server.fail(SHARD, "corrupt")
    found = case.fetch()
    assert Path(found["path"], SHARD).read_bytes() == case.files[SHARD]
    assert case.shards_asked == [(SHARD, 0), (SHARD, 0), (OTHER, 0)]


def test_a_file_that_stays_corrupted_is_named_and_removed(case: Case) -> None:
    case.server.fail(SHARD, "corrupt", times=99)
    error = case.fetch()
    assert error["what"] == f"{case.id}: {SHARD} arrived damaged."
    assert "try the other hub" in error["fix"]
    kept = [each for each in case.home.rglob(f"*{SHARD}*") if case.id[2:] in str(each)]
    assert kept == []
    assert case.known() == {"path": None}
    case.server.faults.clear()
    case.server.asked.clear()
    assert case.fetch()["path"]
    assert case.shards_asked == [(SHARD, 0)]


SMALL = ["config.json", "modeling_x.py", "tokenizer.model", "tokenizer_config.json"]


def test_config_code_and_tokenizer_come_without_the_weights(case: Case, start: Start) -> None:
    """What a rehearsal on the model's own code needs; a run then brings the weights beside them."""
    case.files["README.md"] = b"#"
    assert case.client.call("cached", hub=case.hub, id=case.id) == {"path": None}
    found = case.fetch(weights=False)
    assert found["files"] == SMALL
    assert found["bytes"] == sum(len(case.files[name]) for name in SMALL)
    assert case.shards_asked == []
    asked = len(case.server.asked)
    assert case.fetch(weights=False)["path"] == found["path"]
    assert case.client.call("cached", hub=case.hub, id=case.id)["files"] == SMALL
    assert len(case.server.asked) == asked
    # No receipt of this tool's own: the client's cache knows it, as after any other program.
    for receipt in case.receipts():
        receipt.unlink()
    assert case.client.call("cached", hub=case.hub, id=case.id)["files"] == SMALL
    assert len(case.server.asked) == asked
    # A folder without weights is no model for a run.
    assert case.known() == {"path": None}
    assert SHARD in case.fetch()["files"]
    assert case.known()["path"] == found["path"]


@one_hub
def test_a_repository_whose_own_shard_is_short(case: Case) -> None:
    case.files[SHARD] = case.files[SHARD][:-9]
    for _ in range(2):  # an unfit copy is not taken for a whole one the second time either
        error = case.fetch()
        assert "weights are not complete" in error["what"]
        assert SHARD in error["why"]


@one_hub
def test_too_little_disk_is_said_before_anything_comes(case: Case) -> None:
    case.server.sizes[SHARD] = 10**15
    error = case.fetch()
    assert error["what"] == f"Not enough disk space for {case.id}."
    assert "1,000,000.00 GB are still to be downloaded" in error["why"]
    assert "GB are free" in error["why"]
    assert case.shards_asked == []


def test_unknown_names(case: Case) -> None:
    for name in ("o/nothing", "noslash"):
        error = case.fetch(id=name)
        assert f"has no model {name}." in error["what"]
        assert "--set model.path=FOLDER" in error["fix"]
    error = case.fetch(revision="v1.0.4")
    assert "has no revision v1.0.4" in error["what"]
    assert "did you mean v1.0.3?" in error["fix"]


@one_hub
@pytest.mark.parametrize("name", ["../etc", "o/..", "a b/c", "/abs", "a/b/c", "o/m?x=1", "o\\m"])
def test_what_is_not_an_id(case: Case, name: str) -> None:
    error = case.fetch(id=name)
    assert "is not the id of a model" in error["what"]
    assert error["code"] == 2
    assert case.server.asked == []


@one_hub
def test_a_folder_given_as_an_id(case: Case) -> None:
    assert f"--set model.path={case.home}" in case.fetch(id=str(case.home))["fix"]


def test_a_private_model_asks_for_the_right_token(case: Case) -> None:
    case.server.private[case.id] = "let-me-in-5319"
    error = case.fetch()
    assert "does not let you download" in error["what"]
    assert case.token in error["fix"]
    wrong = case.fetch(env={case.token: "wrong-7741"})
    assert "was not accepted" in wrong["why"]
    assert "wrong-7741" not in wrong["text"]
    assert case.fetch(env={case.token: "let-me-in-5319"})["path"]
    kept = [each.read_text() for each in case.receipts()]
    assert len(kept) == 1
    assert "let-me-in" not in kept[0]


@one_hub
def test_what_cannot_be_trained_is_refused_before_the_download(case: Case) -> None:
    adapter = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"}
    case.server.add("o/adapter", adapter)
    case.server.add("o/gguf", {"config.json": b"{}", "x.gguf": b"GGUF"})
    case.server.add("o/empty", {})
    assert "is an adapter" in case.fetch(id="o/adapter")["what"]
    assert "no weights" in case.fetch(id="o/gguf")["what"]
    assert "no config.json" in case.fetch(id="o/empty")["why"]
    assert not any(case.server.bodies(name) for name in (*adapter, "config.json", "x.gguf"))


def test_a_file_that_the_server_does_not_give(case: Case) -> None:
    case.server.fail(SHARD, "status", times=99, value=404)
    error = case.fetch()
    assert "broke off" in error["what"]
    assert "goes on" in error["fix"]


def test_a_cache_that_cannot_be_written(case: Case, start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    inside = str(tmp_path / "file")
    error = case.fetch(start(MODELSCOPE_CACHE=inside, HF_HOME=inside))
    assert "cannot be stored in the cache" in error["what"]
    assert inside in error["why"]


@pytest.mark.parametrize("case", ["modelscope"], indirect=True)
@pytest.mark.parametrize(
    "layout", ["models/o/internlm2___5", "hub/models/o/internlm2___5", "hub/o/internlm2.5"]
)
def test_the_cache_of_older_releases_is_used(
    case: Case, start: Start, tmp_path: Path, layout: str
) -> None:
    files = {**model_files(), ".mv": b"Revision:v1.0.3,CreatedAt:1698000000"}
    folder = write(tmp_path / layout, files)
    client = start(MODELSCOPE_CACHE=str(tmp_path))
    named = {"id": "o/internlm2.5"}
    found = client.call("fetch", **named, revision="v1.0.3")
    assert (found["path"], found["revision"]) == (str(folder), "v1.0.3")
    assert case.server.asked == []
    assert "has no model" in client.call("fetch", **named, revision="v2.0.0")["what"]


def test_no_server(case: Case, start: Start) -> None:
    nowhere = "http://127.0.0.1:9"
    error = case.fetch(start(MODELSCOPE_ENDPOINT=nowhere, HF_ENDPOINT=nowhere))
    assert "no connection" in error["what"]
    assert error["why"] == "Connection refused"
    assert "--set model.path=FOLDER" in error["fix"]


@pytest.mark.parametrize("case", ["huggingface"], indirect=True)
def test_offline_mode_without_a_copy(case: Case, start: Start) -> None:
    error = case.fetch(start(HF_HUB_OFFLINE="1"))
    assert "HF_HUB_OFFLINE" in error["text"]
    assert case.server.asked == []


@pytest.mark.parametrize("case", ["modelscope"], indirect=True)
def test_the_older_name_of_the_endpoint(case: Case, tmp_path: Path) -> None:
    env = environment(case.server.url, tmp_path, MODELSCOPE_DOMAIN=case.server.url)
    del env["MODELSCOPE_ENDPOINT"]
    client = Client(env)
    assert case.fetch(client)["path"]
    assert client.close() == ""


FETCH = """
import sys
from orchestrator.base.process import termination_interrupts
from orchestrator.hub.fetch import fetch_model
from orchestrator.recipe.schema import Model
with termination_interrupts():
    fetch_model(Model(id=sys.argv[2], hub=sys.argv[1], template="t"))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_download_is_stopped_at_once(case: Case, how: signal.Signals) -> None:
    case.slow_shard(20_000_000)  # about a minute if nobody stopped it
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, case.hub, case.id],
        env=environment(case.server.url, case.home),
        stderr=subprocess.PIPE,
        text=True,
    )
    case.wait_for_body()
    process.send_signal(how)
    _, errors = process.communicate(timeout=240)
    if how != signal.SIGKILL:
        assert errors.endswith("KeyboardInterrupt\n")
    case.server.wait_until_gone(OTHER)
    case.server.asked.clear()
    time.sleep(0.5)
    assert case.server.asked == [], "the download went on"


def test_two_runs_bring_a_model_once(case: Case, start: Start) -> None:
    case.slow_shard(500_000)
    first, second = start(), start()
    first.send("fetch", hub=case.hub, id=case.id)
    case.wait_for_body()
    second.send("fetch", hub=case.hub, id=case.id)
    one, other = first.answer(), second.answer()
    assert one["path"] == other["path"]
    assert sorted(case.shards_asked) == [(SHARD, 0), (OTHER, 0)]
    waited = [what for _, _, what in other["progress"]]
    assert any(f"process {first.process.pid} on host" in what for what in waited)


@one_hub
def test_files_of_the_current_folder_are_not_imported(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue", "requests", "modelscope", "huggingface_hub"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    client = Client(environment(case.server.url, case.home))
    assert case.fetch(client)["path"]
    client.close()


def test_importing_the_package_is_cheap() -> None:
    heavy = ("modelscope", "huggingface_hub", "requests", "tqdm", "pydantic", "urllib.request")
    code = (
        "import sys, orchestrator.hub.fetch, orchestrator.hub.commands\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
