"""Image files are judged by their headers and ends: kind, colours, cut off or whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_tools.containers.images import image_fault
from tests.support.pictures import bmp, jpeg, png, webp

WHOLE = {
    "png": png(),
    "jpeg": jpeg(),
    "a jpeg with a thumbnail": jpeg(thumbnail=True),
    "webp": webp(),
    "extended webp": webp(0),
    "bmp": bmp(),
    "a jpeg with bytes after its end": jpeg() + b"more",
}
OTHER = {
    "grey": png(0),
    "a palette": png(3),
    "grey with transparency": png(4),
    "RGBA": png(6),
    "CMYK": jpeg(4),
    "8 bits a pixel": bmp(8),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_rgb_picture_is_taken(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(WHOLE[kind])
    assert image_fault(tmp_path / "a") is None


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if "after" not in kind])
def test_a_picture_that_is_cut_off_anywhere_is_refused(kind: str, tmp_path: Path) -> None:
    whole = WHOLE[kind]
    for length in range(len(whole)):
        (tmp_path / "a").write_bytes(whole[:length])
        assert image_fault(tmp_path / "a") is not None, f"{length} of {len(whole)} bytes"
    (tmp_path / "a").write_bytes(whole[: len(whole) - 2])
    assert "cut off" in str(image_fault(tmp_path / "a"))


@pytest.mark.parametrize("colours", OTHER)
def test_other_colours_are_named(colours: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(OTHER[colours])
    assert f"not RGB but {colours}" in str(image_fault(tmp_path / "a")).replace("but of", "but")


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>not found</html>")
    assert "no image" in str(image_fault(tmp_path / "a.jpg"))
    assert "no such file" in str(image_fault(tmp_path / "b.jpg"))
    assert "RGBA" in str(
        (tmp_path / "c.webp").write_bytes(webp(0x10)) and image_fault(tmp_path / "c.webp")
    )


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", png()[:16], webp()[:12], b"BM"]))
def test_any_bytes_give_a_word_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, head: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(head + body)
    found = image_fault(path)
    assert found is None or found.strip()
