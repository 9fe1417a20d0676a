"""The real xtuner@0.2.0, installed from its lock: killed half way, built again, and used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.engines.registry import release
from orchestrator.envs import diagnosis, install, inventory, locks
from orchestrator.envs.environment import Environment
from orchestrator.envs.release import Release
from tests.support.engine_runs import SECONDS, engine_slot, variables, words_of
from tests.support.waiting import until


@pytest.fixture(scope="module")
def xtuner() -> Release:
    return release("xtuner@0.2.0")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of its own, without the settings that point the release elsewhere."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RECIPE_PYTHON")]:
            patch.delenv(name)
        patch.setenv("RECIPE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def built(xtuner: Release, cache: Path) -> tuple[Environment, list[str]]:
    """Built by `recipe env install`, killed once its packages begin to land, then by ensure."""
    with engine_slot():
        words = words_of("env", "install", xtuner.name)
        with subprocess.Popen(words, env=variables(), stderr=subprocess.DEVNULL) as builder:
            landed = "envs/xtuner-0.2.0-*/lib/python3.11/site-packages/tor*"
            until(
                lambda: any(cache.glob(landed)) or builder.poll() is not None,
                what="the first package",
                seconds=SECONDS,
                every=0.005,
            )
            assert builder.poll() is None, "the installation ended before it was cut off"
            builder.send_signal(signal.SIGKILL)
        assert inventory.find(xtuner) is None
        [folder] = inventory.installed([xtuner])  # its uv may live on for a moment
        assert folder.status in ("being built", "unfinished")
        said: list[str] = []
        return install.ensure(xtuner, progress=said.append), said


def test_killed_half_way_it_is_cleared_and_built_again(
    xtuner: Release, built: tuple[Environment, list[str]]
) -> None:
    environment, said = built
    assert "clearing xtuner@0.2.0, which was left half built" in said
    assert inventory.find(xtuner) == environment
    assert [one.status for one in inventory.installed([xtuner])] == ["ready"]


def test_it_holds_exactly_what_the_lock_pins(
    xtuner: Release, built: tuple[Environment, list[str]]
) -> None:
    source = (
        "import json, sys\nfrom importlib import metadata as m\n"
        "json.dump({d.metadata['Name']: d.version for d in m.distributions()}, sys.stdout)"
    )
    argv = [str(built[0].python), "-I", "-c", source]
    found = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    assert {locks.normalise(name): version for name, version in found.items()} == (
        locks.load(xtuner).pins()
    )


_TOKENIZER = """\
from transformers import PreTrainedTokenizer
class Mine(PreTrainedTokenizer):
    def __init__(self, **options):
        raise AttributeError("can't set attribute 'eos_token'")
"""


def test_a_tokenizers_true_fault_is_told(
    built: tuple[Environment, list[str]], tmp_path: Path
) -> None:
    """Without protobuf, transformers 4.48 says "requires the protobuf library" of any fault."""
    (tmp_path / "mine.py").write_text(_TOKENIZER)
    config = {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    load = "import sys, transformers as t\nt.AutoTokenizer.from_pretrained(sys.argv[1], "
    argv = [str(built[0].python), "-c", f"{load}trust_remote_code=True)", str(tmp_path)]
    env = {**variables(), "HF_MODULES_CACHE": str(tmp_path / "modules")}
    with engine_slot():
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert done.stderr.endswith("AttributeError: can't set attribute 'eos_token'\n")


def test_its_commands_start_its_own_python(built: tuple[Environment, list[str]]) -> None:
    """XTuner's command runs a bare python; torchrun's first line holds the environment's path."""
    environment, _ = built
    env = environment.environ({**variables(), "PYTHONPATH": "/nowhere", "PATH": "/usr/bin:/bin"})
    bare = ["python", "-c", "import sys; print(sys.prefix)"]
    done = subprocess.run(bare, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(environment.root)
    for program, words in (("xtuner", "list-cfg"), ("torchrun", "--help")):
        with engine_slot():
            argv = [environment.which(program), words]
            done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        assert ("internlm_chat_7b_qlora_oasst1_e3" in done.stdout) is (program == "xtuner")


def test_the_doctor_finds_nothing_broken(
    xtuner: Release, built: tuple[Environment, list[str]]
) -> None:
    with engine_slot():
        findings = diagnosis.doctor(xtuner)
    assert [one for one in findings if one.level == "broken"] == []
    words = "\n".join(one.what for one in findings)
    for tool in xtuner.imports:
        assert f"import {tool} (" in words
    assert "DeepSpeed 0.16.2: imports" in words
