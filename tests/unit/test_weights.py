"""Weight files: what is in them, and every way in which they can be cut off or damaged."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.tensor import DamagedWeights, Tensor, is_not_finite, is_zero
from orchestrator.base.torch_files import check_bytes
from orchestrator.base.weights import tensors
from tests.support.weight_files import Raw, filled, old_torch, safetensors, torch_zip

TWO = {"a.weight": filled((2, 3)), "b.weight": filled((4,), 0, "F16")}


def write(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def read_all(path: Path) -> None:
    """Everything that a check of a weight file does with it."""
    if path.suffix != ".safetensors":
        check_bytes(path)
    for tensor in tensors(path).values():
        is_zero(tensor)
        is_not_finite(tensor)


def damage(path: Path) -> str | None:
    """The message of the one error that is allowed; None when the file is whole."""
    try:
        read_all(path)
    except DamagedWeights as error:
        return str(error)
    return None


BODIES = {"model.safetensors": safetensors, "iter_8.pth": torch_zip, "old.bin": old_torch}


@pytest.mark.parametrize("name", BODIES)
def test_names_types_shapes_and_bytes(tmp_path: Path, name: str) -> None:
    found = tensors(write(tmp_path, name, BODIES[name](TWO)))
    assert {key: (one.dtype, one.shape, one.nbytes) for key, one in found.items()} == {
        "a.weight": ("F32", (2, 3), 24),
        "b.weight": ("F16", (4,), 8),
    }
    assert b"".join(found["a.weight"].chunks(5)) == TWO["a.weight"].data
    assert not is_zero(found["a.weight"])
    assert is_zero(found["b.weight"])


@pytest.mark.parametrize("under", ["state_dict", "module", None])
def test_a_checkpoints_weights_are_found_where_the_engine_puts_them(
    tmp_path: Path, under: str | None
) -> None:
    assert list(tensors(write(tmp_path, "a.pt", torch_zip(TWO, under=under)))) == list(TWO)


def test_what_is_beside_the_weights_is_not_counted(tmp_path: Path) -> None:
    body = torch_zip(TWO, meta={"iter": 8}, message_hub=Path("x"), optimizer=[1, 2, {3: 4}])
    assert list(tensors(write(tmp_path, "a.pth", body))) == list(TWO)


class _Harm:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> object:
        return (Path.touch, (self.target,))


def test_a_pickle_runs_no_foreign_code(tmp_path: Path) -> None:
    target = tmp_path / "harmed"
    path = tmp_path / "bad.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"state_dict": {"x": _Harm(target)}}))
    assert tensors(path) == {}
    assert not target.exists()
    with zipfile.ZipFile(path) as archive, archive.open("archive/data.pkl") as stream:
        pickle.load(stream)  # the same bytes do harm when they are believed
    assert target.exists()


@pytest.mark.parametrize("name", BODIES)
def test_every_cut_is_found(tmp_path: Path, name: str) -> None:
    body = BODIES[name](TWO)
    for length in range(len(body)):
        with pytest.raises(DamagedWeights):
            read_all(write(tmp_path, name, body[:length]))


@given(data=st.data(), byte=st.integers(0, 255))
@pytest.mark.parametrize("name", BODIES)
def test_a_changed_byte_is_damage_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject, byte: int
) -> None:
    body = bytearray(BODIES[name](TWO))
    body[data.draw(st.integers(0, len(body) - 1))] = byte
    path = write(tmp_path_factory.mktemp("w"), name, bytes(body))
    assert damage(path) != ""


@given(body=st.binary(max_size=300))
def test_any_bytes_at_all(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    folder = tmp_path_factory.mktemp("w")
    for name in ("a.safetensors", "a.bin"):
        with pytest.raises(DamagedWeights):
            tensors(write(folder, name, body[:7] if name.endswith("rs") else body))


header_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=6,
)


@given(header=header_values | st.dictionaries(st.text(max_size=3), st.fixed_dictionaries({
    "dtype": header_values, "shape": header_values, "data_offsets": header_values,
})))  # fmt: skip
def test_any_header_of_a_safetensors_file(
    tmp_path_factory: pytest.TempPathFactory, header: object
) -> None:
    text = json.dumps(header).encode()
    body = struct.pack("<Q", len(text)) + text + bytes(16)
    assert damage(write(tmp_path_factory.mktemp("w"), "a.safetensors", body)) != ""


@pytest.mark.parametrize(
    ("dtype", "whole", "broken"),
    [
        ("F32", struct.pack("<2f", 1.5, -2), struct.pack("<2f", 1.5, float("nan"))),
        ("F16", struct.pack("<2e", 1.5, -2), struct.pack("<2e", 1.5, float("inf"))),
        ("F64", struct.pack("<2d", 1.5, -2), struct.pack("<2d", 1.5, float("-inf"))),
        ("BF16", b"\xc0\x3f\x00\xc0", b"\xc0\x3f\x80\x7f"),
        ("I64", struct.pack("<2q", 1, -1), None),
    ],
)
def test_nan_and_infinity(tmp_path: Path, dtype: str, whole: bytes, broken: bytes | None) -> None:
    def first(data: bytes) -> Tensor:
        path = write(tmp_path, "a.safetensors", safetensors({"x": Raw(dtype, (2,), data)}))
        return tensors(path)["x"]

    assert not is_not_finite(first(whole))
    if broken is not None:
        assert is_not_finite(first(broken))


def test_bytes_missing_from_a_zip(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pth", torch_zip(TWO))
    with zipfile.ZipFile(path) as archive:
        kept = {n: archive.read(n) for n in archive.namelist() if not n.endswith("data/1")}
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in kept.items():
            archive.writestr(name, body)
    with pytest.raises(DamagedWeights, match=r"the bytes of b\.weight are missing"):
        tensors(path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "it is empty"),
        (bytes(500), "begins with zero bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>404 Not Found</html>" * 9, "a text of a web site, not weights"),
        (b'{"error": "Access to model x is restricted."}', "a text of a web site, not weights"),
        (torch_zip(TWO)[:-30], "it was cut off while it was written, copied or downloaded"),
        (old_torch(TWO)[:-3], "or more, it has"),
        (old_torch(TWO)[:60], "ends inside its list of tensors"),
        (pickle.dumps([1]), "a Python pickle that torch did not write"),
        (b"anything else" * 9, "torch has not written it"),
    ],
)
def test_a_damaged_bin_is_told_in_words(tmp_path: Path, body: bytes, words: str) -> None:
    told = damage(write(tmp_path, "pytorch_model.bin", body))
    assert told is not None
    assert words in told


def test_a_large_tensor_is_looked_at_in_pieces(tmp_path: Path) -> None:
    """NaN all over it is seen, a single one in the middle need not be; zero means all of it."""
    body = bytearray(filled((3, 1 << 20), 0).data)
    path = write(tmp_path, "a.safetensors", safetensors({"x": Raw("F32", (3, 1 << 20), body)}))
    big = tensors(path)["x"]
    assert sum(map(len, big.samples())) < big.nbytes / 20
    assert is_zero(big)
    body[5_000_001] = 1
    write(tmp_path, "a.safetensors", safetensors({"x": Raw("F32", (3, 1 << 20), body)}))
    assert not is_zero(big)
    nan = Raw("F32", (3, 1 << 20), b"\x00\x00\xc0\x7f" * (3 << 20))
    write(tmp_path, "a.safetensors", safetensors({"x": nan}))
    assert is_not_finite(big)
