"""Small model folders, as bytes: whole ones to start from, which a test then damages."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

_TENSOR = 64


def safetensors(names: list[str], filler: int = 0) -> bytes:
    """A valid safetensors file of zeros; ``filler`` adds that many bytes as one more tensor."""
    sizes = dict.fromkeys(names, _TENSOR) | ({"filler": filler} if filler else {})
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, size in sizes.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(offset)


def torch_zip() -> bytes:
    """The outer shape of a file saved by PyTorch since 1.6: a zip with data.pkl."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(_TENSOR))
    return buffer.getvalue()


def model_files(shards: int = 2, filler: int = 0) -> dict[str, bytes]:
    """A whole model with an index and ``shards`` shards, remote code and a tokenizer."""
    names = [f"model-{n:05}-of-{shards:05}.safetensors" for n in range(1, shards + 1)]
    weight_map = {f"layers.{n}.weight": name for n, name in enumerate(names)}
    files = {
        "config.json": json.dumps({"auto_map": {"AutoModel": "modeling_x.Model"}}).encode(),
        "modeling_x.py": b"class Model: ...\n",
        "tokenizer.model": b"a vocabulary",
        "tokenizer_config.json": b"{}",
        "model.safetensors.index.json": json.dumps({"weight_map": weight_map}).encode(),
    }
    for tensor, name in weight_map.items():
        files[name] = safetensors([tensor], filler)
    return files


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder
