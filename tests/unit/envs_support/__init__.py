"""A toy engine for tests of environments: its lock, its wheel, and a uv that can fail or be slow.

``FakeUv`` is a real program on disk that stands where uv does: it makes a real virtual
environment, unpacks the toy engine into it, and writes down every call.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orchestrator.envs.release import Release

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
#: The toy engine's locks: each test begins with :func:`use_locks`; child processes share them.
LOCKS = Path(os.environ.get("TOY_LOCKS") or tempfile.mkdtemp(prefix="toy-locks-"))
if "TOY_LOCKS" not in os.environ:
    atexit.register(shutil.rmtree, LOCKS, ignore_errors=True)
TOY = Release(
    engine="toyengine",
    version="1.0",
    python=PYTHON,
    lock=LOCKS / "toyengine-1.0.txt",
    imports=("toyengine.train", "toyengine.chat"),
    command="toyengine",
)
REPOSITORY = Path(__file__).resolve().parents[3]

_FAKE_UV = """\
#!{python} -S
import json, os, sys, time
from pathlib import Path
here = Path(__file__).parent
orders = json.loads((here / "orders.json").read_text())
words = sys.argv[1:]
with open(here / "calls.jsonl", "a") as file:
    print(json.dumps([words, dict(os.environ)]), file=file)
verb = "venv" if words[0] == "venv" else "install"
order = orders.get(verb, {{}})
for line in order.get("says", []):
    print(line, flush=True)
if verb == "venv":
    root = Path(words[-1])
    (root / "bin").mkdir(parents=True)
    (root / "pyvenv.cfg").write_text(
        "home = {home}\\ninclude-system-site-packages = false\\n"
        "version_info = " + order.get("version", "{version}") + "\\n")
    (root / "bin" / "python").symlink_to("{python}")
else:
    site = Path(words[words.index("--python") + 1]).parents[1]
    site = site / "lib" / "python{short}" / "site-packages"
    (site / "toyengine").mkdir(parents=True)
    (here / "started").write_text(str(os.getpid()))
    give_up = time.monotonic() + 120  # a test that failed must not leave this behind
    while order.get("waits") and (here / "wait").exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    for name, text in orders["modules"].items():
        (site / "toyengine" / (name + ".py")).write_text(text)
    info = site / ("toyengine-" + orders["version"] + ".dist-info")
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\\nName: toyengine\\nVersion: " + orders["version"] + "\\n")
    command = site.parents[2] / "bin" / "toyengine"
    command.write_text("#!/bin/sh\\nexec python -m toyengine.train\\n")
    command.chmod(0o755)
sys.exit(order.get("exits", 0))
"""


class FakeUv:
    """``orders`` say how each step goes: exits, says, version, waits (until :meth:`go`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.program = folder / "uv"
        self.program.write_text(
            _FAKE_UV.format(
                python=sys.executable,
                home=Path(sys.executable).resolve().parent,
                version=sys.version.split()[0],
                short=PYTHON,
            )
        )
        self.program.chmod(0o755)
        self.orders: dict[str, Any] = {}
        self.order()

    def order(self, **changes: Any) -> None:
        (self.folder / "wait").write_text("")
        modules = {"__init__": "", "train": "print('trained')", "chat": ""}
        self.orders = {"modules": modules, "version": "1.0", **changes}
        (self.folder / "orders.json").write_text(json.dumps(self.orders))

    def go(self) -> None:
        """Let the step that waits go on."""
        (self.folder / "wait").unlink(missing_ok=True)

    @property
    def started(self) -> Path:
        """Appears once the installation is half way."""
        return self.folder / "started"

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(words, env) for words, env in map(json.loads, lines)]

    def verbs(self) -> list[str]:
        return [" ".join(words[:2]) if words[0] == "pip" else words[0] for words, _ in self.calls()]


def write_lock(text: str = "toyengine==1.0\n") -> None:
    TOY.lock.write_text(text, encoding="utf-8")


def clear_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "RECIPE_", "SSL_CERT")):
            monkeypatch.delenv(name)


def use_locks() -> None:
    """The toy engine's lock as it is at the start of a test, and nothing beside it."""
    shutil.rmtree(LOCKS, ignore_errors=True)
    LOCKS.mkdir()
    write_lock()


def script(body: str) -> list[str]:
    """A child process's command; it has TOY and ensure, and uses this process's locks."""
    head = f"""
        import os, signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under a shell's "&"
        os.environ["TOY_LOCKS"] = {str(LOCKS)!r}
        from pathlib import Path
        sys.path[:0] = [{str(REPOSITORY)!r}, {str(REPOSITORY / "tests" / "unit")!r}]
        from envs_support import TOY
        from orchestrator.envs.install import ensure
    """
    return [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(body)]


def put_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A wheel, its RECORD true; ``files`` may hold NAME-VERSION.dist-info/entry_points.txt."""
    info = f"{name}-{version}.dist-info"
    whole = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = "".join(f"{path},{_hash(text)},{len(text.encode())}\n" for path, text in whole.items())
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in {**whole, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(member, text)
    return path


def put_engine_wheel(folder: Path) -> Path:
    """The toy engine as a wheel, with its console command."""
    return put_wheel(
        folder,
        "toyengine",
        "1.0",
        {
            "toyengine/__init__.py": "",
            "toyengine/train.py": "def main():\n    print('trained')\n",
            "toyengine/chat.py": "",
            "toyengine-1.0.dist-info/entry_points.txt": "[console_scripts]\n"
            "toyengine = toyengine.train:main\n",
        },
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
