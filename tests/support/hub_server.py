"""A stand-in for the two hubs on 127.0.0.1, speaking what their real clients ask.

What it answers was read from the clients (modelscope-hub 0.5, huggingface_hub 2.4) and from the
requests that they send. Faults are injected by file name: a connection that is cut in the middle
of a body, a body with wrong bytes, a status, a slow body.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_CHUNK = 16_384


@dataclass
class Fault:
    """What happens to the next ``times`` bodies of a file."""

    kind: str  # cut | corrupt | status | slow | whole (a range is not honoured) | huge
    times: int
    value: int = 0


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def start(self) -> int:
        """First byte that was asked for."""
        value = self.headers.get("range", "bytes=0-").removeprefix("bytes=")
        return int(value.partition("-")[0])


@dataclass
class StandIn:
    """Repositories by id, the faults to inject, and every request that came."""

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    locked: dict[str, tuple[str, str]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    sending: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, model: str, files: dict[str, bytes], *revisions: str) -> None:
        self.repos[model] = files
        self.revisions[model] = revisions or ("master", "main", "v1.0.3")

    def fail(self, file: str, kind: str, times: int = 1, value: int = 0) -> None:
        self.faults.setdefault(file, []).append(Fault(kind, times, value))

    def bodies(self, file: str) -> list[Asked]:
        """The requests for the content of one file, in order."""
        wanted = [each for each in self.asked if each.method == "GET"]
        return [each for each in wanted if file_of(each) == file]

    def wait_until_gone(self, file: str, seconds: float = 120) -> None:
        """Until nobody is reading the file any more: its reader has gone."""
        deadline = time.monotonic() + seconds
        while self.sending.count(file):
            assert time.monotonic() < deadline, f"{file} is still being read"
            time.sleep(0.02)

    def next_fault(self, file: str) -> Fault | None:
        for fault in self.faults.get(file, []):
            if fault.times > 0:
                fault.times -= 1
                return fault
        return None


def file_of(asked: Asked) -> str | None:
    """The file whose content a request is for, on either hub."""
    if "FilePath" in asked.query:
        return asked.query["FilePath"]
    if "/resolve/" in asked.path:
        return asked.path.partition("/resolve/")[2].partition("/")[2]
    return asked.path.lstrip("/") if not asked.path.startswith("/api/") else None


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the requests are recorded."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {k.lower(): v for k, v in self.headers.items()}
        asked = Asked(self.command, unquote(parts.path), query, headers)
        self.server.hub.asked.append(asked)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if asked.path.startswith("/api/v1/models/"):
                self._modelscope(asked)
            elif asked.path.startswith("/api/models/"):
                self._huggingface(asked)
            elif "/resolve/" in asked.path:
                self._resolve(asked)
            else:
                self._page(asked)

    # ModelScope: /api/v1/models/OWNER/NAME[/repo/files | /repo | /revisions]
    def _modelscope(self, asked: Asked) -> None:
        parts = asked.path.removeprefix("/api/v1/models/").split("/")
        model, what = "/".join(parts[:2]), "/".join(parts[2:])
        files = self.server.hub.repos.get(model)
        if files is None:
            return self._json(404, {"Code": 10010205001, "Message": "record not found"})
        if self._locked(model, asked):
            return self._json(403, {"Code": 10010103001, "Message": "no permission"})
        known = self.server.hub.revisions[model]
        if what == "revisions":
            return self._json(200, {"Data": _revision_map(known)})
        if asked.query.get("Revision", "master") not in known:
            return self._json(404, {"Code": 10010205002, "Message": "git ref not found"})
        if what == "repo/files":
            return self._json(200, {"Code": 200, "Success": True, "Data": self._files(files)})
        if what == "repo" and asked.query.get("FilePath") in files:
            return self._body(asked, asked.query["FilePath"], files, {})
        return self._json(404, {"Code": 10010205003, "Message": "no such file"})

    def _files(self, files: dict[str, bytes]) -> dict[str, Any]:
        entries = [
            {
                "Name": name.rpartition("/")[2],
                "Path": name,
                "Type": "blob",
                "Size": self.server.hub.sizes.get(name, len(body)),
                "Sha256": sha256(body),
                "Revision": COMMIT,
                "CommittedDate": 1_700_000_000,
                "IsLFS": name.endswith((".safetensors", ".bin")),
            }
            for name, body in files.items()
        ]
        folders = sorted({n.rpartition("/")[0] for n in files if "/" in n})
        trees = [{"Name": each, "Path": each, "Type": "tree", "Size": 0} for each in folders]
        return {"Files": trees + entries}

    # Hugging Face: /api/models/ID[/revision/REV | /tree/REV | /refs], /ID/resolve/REV/FILE
    def _huggingface(self, asked: Asked) -> None:
        parts = asked.path.removeprefix("/api/models/").split("/")
        model, rest = "/".join(parts[:2]), parts[2:]
        files = self.server.hub.repos.get(model)
        if files is None:
            return self._hf_error(401, "RepoNotFound", "Repository Not Found")
        if rest[:1] == ["refs"]:
            return self._json(200, _refs(self.server.hub.revisions[model]))
        if rest and rest[1] not in (*self.server.hub.revisions[model], COMMIT):
            return self._hf_error(404, "RevisionNotFound", "Revision not found")
        entries = [self._hf_entry(name, body) for name, body in files.items()]
        if rest[:1] == ["tree"]:
            return self._json(200, [{"type": "file", "oid": "0" * 40, **e} for e in entries])
        siblings = [{"rfilename": e["path"], "blobId": "0" * 40, **e} for e in entries]
        return self._json(200, {"id": model, "sha": COMMIT, "siblings": siblings})

    def _hf_entry(self, name: str, body: bytes) -> dict[str, Any]:
        size = self.server.hub.sizes.get(name, len(body))
        entry: dict[str, Any] = {"path": name, "size": size}
        if name.endswith((".safetensors", ".bin")):
            digest = sha256(body)
            entry["lfs"] = {"size": size, "sha256": digest, "oid": digest, "pointerSize": 130}
        return entry

    def _resolve(self, asked: Asked) -> None:
        model, _, rest = asked.path.lstrip("/").partition("/resolve/")
        name = rest.partition("/")[2]
        files = self.server.hub.repos.get(model, {})
        if self._locked(model, asked):
            return self._hf_error(403 if self._token(asked) else 401, "GatedRepo", "gated")
        if name not in files:
            return self._hf_error(404, "EntryNotFound", "Entry not found")
        return self._body(asked, name, files, {"X-Repo-Commit": COMMIT})

    def _page(self, asked: Asked) -> None:
        name = asked.path.lstrip("/")
        if name in self.server.hub.redirects:
            return self._send(302, b"", {"Location": self.server.hub.redirects[name]})
        if name not in self.server.hub.pages:
            return self._json(404, {"message": "not found"})
        if name in self.server.hub.locked:
            wanted = ":".join(self.server.hub.locked[name]).encode()
            given = asked.headers.get("authorization", "")
            if given != f"Basic {base64.b64encode(wanted).decode()}":
                return self._json(401, {"message": "who are you?"})
        kind = "text/html" if name.endswith(".html") else "application/octet-stream"
        return self._body(asked, name, self.server.hub.pages, {"Content-Type": kind})

    def _token(self, asked: Asked) -> str:
        return asked.headers.get("authorization", "").removeprefix("Bearer ")

    def _locked(self, model: str, asked: Asked) -> bool:
        token = self.server.hub.private.get(model)
        return token is not None and self._token(asked) != token

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _hf_error(self, status: int, code: str, text: str) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": text}
        self._send(status, json.dumps({"error": text}).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(
        self, asked: Asked, name: str, files: dict[str, bytes], headers: dict[str, str]
    ) -> None:
        """A file, whole or from the byte that was asked for, with the next fault applied."""
        body = files[name]
        headers = {"ETag": f'"{sha256(body)}"', "Accept-Ranges": "bytes", **headers}
        fault = None if asked.method == "HEAD" else self.server.hub.next_fault(name)
        if fault is not None and fault.kind == "status":
            return self._json(fault.value, {"message": "injected"})
        ranged = "range" in asked.headers and not (fault and fault.kind == "whole")
        start, status = (asked.start, 206) if ranged else (0, 200)
        if status == 206:
            if start >= len(body):
                return self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = body[start:]
        if fault is not None and fault.kind == "corrupt":
            part = part[:-1] + bytes([part[-1] ^ 0xFF])
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        length = fault.value if fault is not None and fault.kind == "huge" else len(part)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if asked.method == "GET":
            self.server.hub.sending.append(name)
            try:
                self._write(part, fault)
            finally:
                self.server.hub.sending.remove(name)
        return None

    def _write(self, part: bytes, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "cut":
            self.wfile.write(part[: fault.value])
            self.wfile.flush()
            self.close_connection = True
            return
        for offset in range(0, len(part), _CHUNK):
            self.wfile.write(part[offset : offset + _CHUNK])
            self.wfile.flush()
            if fault is not None and fault.kind == "slow":
                time.sleep(0.05)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that went away is what some tests are about; anything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _revision_map(known: tuple[str, ...]) -> dict[str, Any]:
    tags = [{"Revision": name} for name in known if name.startswith("v")]
    branches = [{"Revision": name} for name in known if not name.startswith("v")]
    return {"RevisionMap": {"Tags": tags, "Branches": branches}}


def _refs(known: tuple[str, ...]) -> dict[str, Any]:
    def ref(kind: str, name: str) -> dict[str, str]:
        return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": COMMIT}

    return {
        "tags": [ref("tags", name) for name in known if name.startswith("v")],
        "branches": [ref("heads", name) for name in known if not name.startswith("v")],
        "converts": [],
    }


@contextlib.contextmanager
def standing_in() -> Iterator[StandIn]:
    """A running stand-in on a free port of 127.0.0.1."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = StandIn(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
