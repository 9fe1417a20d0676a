"""Text encodings: UTF-8, UTF-16 and GB18030 are recognised when it is sure; others are asked for.

Almost any bytes decode as GB18030, Big5, Shift-JIS and EUC text included, into rare characters.
So it must also read like Chinese: the commonest characters make up half of any Chinese text and
(measured on the messages of a large program in 17 languages) below a quarter of anything else.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from data_tools.errors import UsageFault
from data_tools.language import say

HEAD = 1 << 16
COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年"
    "过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心"
    "她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间"
    "由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给"
    "世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变"
    "四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社"
    "便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北"
    "边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运答案您请谢吗呢吧医病药疗吃快"
    "這個們來為國說時會對於後過發裡裏種學現當沒動還進樣開從無與長機關點業將兩間問應戰頭體見話產"
    "給門東聲員論處義幾認條氣題爾變總電數報結務場計資許統區隊決應該張萬術領確傳師觀讓識帶導爭運"
    "經麼實軍請選擇醫藥療謝嗎"
)
"""Some 500 of the commonest characters in simplified and traditional Chinese texts."""
SHARE = 0.4  # of the wide characters must be common
ENOUGH = 6  # common characters


def encoding_named(name: str, where: str) -> str:
    """Python's own name of a text encoding. Raises UsageFault when there is none."""
    try:
        "a".encode(name)
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError) as error:
        known = "for example utf-8, gb18030, big5, shift_jis, euc_jp, euc_kr, cp1252"
        raise UsageFault(f"There is no encoding {name!r}", where, fix=known) from error


def find_encoding(path: Path, head: bytes, gzipped: bool) -> str:
    """UTF-8 with or without BOM, UTF-16 or GB18030, judged by samples of the whole file.

    Raises:
        UsageFault: it is another one, or there is too little text to be sure.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    wide = _wide(head[:4096])
    if wide:
        return wide
    if b"\x1b$" in head:  # seven bits a byte, so it would pass for ASCII
        raise _not_sure(path, [head])
    samples = [head, *(() if gzipped else _samples(path))]
    strange = [sample for sample in samples if _decoded(sample, "utf-8") is None]
    if not strange or _is_damaged_utf8(strange):
        return "utf-8"
    if b"\x00" in head:
        raise UsageFault("This is not a text file", str(path), "it holds NUL bytes")
    if _reads_like(strange, "gb18030", _is_chinese):
        return "gb18030"
    raise _not_sure(path, strange)


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark shows by its zero bytes, which stand on one side of the pairs."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    most = max(even, odd)
    if most * 20 < len(sample) // 2 or min(even, odd) * 8 > most or not most:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _samples(path: Path) -> Iterator[bytes]:
    """Some blocks from the rest of the file, each from a line's beginning."""
    size = path.stat().st_size
    if size <= HEAD:
        return
    with path.open("rb") as file:
        for part in range(1, 9):
            file.seek(max(0, size * part // 8 - HEAD))
            block = file.read(HEAD)
            start = block.find(b"\n") + 1
            yield block[start:]


def _decoded(sample: bytes, encoding: str) -> str | None:
    """The text, without a character cut off at its end; None when it is in another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeDecodeError:
        return None


def _is_damaged_utf8(samples: list[bytes]) -> bool:
    """Are most lines beyond ASCII valid UTF-8? The others are then rejected one by one."""
    good = bad = 0
    for sample in samples:
        for line in sample.splitlines():
            if not line.isascii():
                valid = _decoded(line, "utf-8") is not None
                good, bad = good + valid, bad + (not valid)
    return good > bad


def _reads_like(samples: list[bytes], encoding: str, judge: Callable[[str], bool]) -> bool:
    texts = [_decoded(sample, encoding) for sample in samples]
    return None not in texts and judge("".join(filter(None, texts)))


def _is_chinese(text: str) -> bool:
    wide = [char for char in text if char >= "\u2e80" and not _is_mark(char)]
    common = sum(char in COMMON for char in wide)
    return common >= ENOUGH and common >= SHARE * len(wide)


def _is_mark(char: str) -> bool:
    """Punctuation, or a letter in full width."""
    return "\u3000" <= char <= "\u303f" or "\uff00" <= char <= "\uffef"


def _share_of(first: str, last: str, least: float) -> Callable[[str], bool]:
    def judge(text: str) -> bool:
        wide = [char for char in text if char >= "\u2e80"]
        return sum(first <= char <= last for char in wide) > least * len(wide)

    return judge


_GUESSES: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("big5", "Big5", _is_chinese),
    ("euc_jp", "EUC-JP", _share_of("\u3040", "\u30ff", 0.3)),
    ("shift_jis", "Shift-JIS", _share_of("\u3040", "\u30ff", 0.3)),
    ("iso2022_jp", "ISO-2022-JP", _share_of("\u3040", "\u30ff", 0.3)),
    ("euc_kr", "EUC-KR", _share_of("\uac00", "\ud7a3", 0.7)),
)


def _not_sure(path: Path, samples: list[bytes]) -> UsageFault:
    looks = ((e, name) for e, name, judge in _GUESSES if _reads_like(samples, e, judge))
    encoding, name = next(looks, ("gb18030", ""))
    why = (
        say(f"it looks like {name}, but that is not sure", f"看起来像 {name}，但不能确定")
        if name
        else say("it is not UTF-8, and there is too little text to be sure", "不是 UTF-8，不能确定")
    )
    others = "big5, shift_jis, euc_jp, euc_kr, cp1252"
    fix = say(
        f"name it: --encoding {encoding} (or {others}, …); "
        "with --encoding utf-8 damaged lines are set aside one by one",
        f"请写明：--encoding {encoding} （或 {others} 等）；用 --encoding utf-8 时，坏行逐行拒绝",
    )
    return UsageFault(
        say("The text's encoding is not known", "文本的编码不明"), str(path), why, fix
    )


def read_text(path: Path) -> str:
    """A small text file, whatever its encoding, without white space round it."""
    data = path.read_bytes()
    encoding = find_encoding(path, data[:HEAD], gzipped=False)
    try:
        return data.decode(encoding).removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise UsageFault(f"The text is not valid {encoding}", str(path), str(error)) from error


class Recoder(io.RawIOBase):
    """A stream in another encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str, where: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._where = where
        self._name = encoding
        self._left = b""
        self._lines = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._left:
            chunk = self._stream.read(1 << 18)
            self._left = self._decode(chunk)
            if not chunk:
                break
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _decode(self, chunk: bytes) -> bytes:
        try:
            text = self._decoder.decode(chunk, final=not chunk)
            found = text.encode("utf-8")
        except UnicodeError as error:
            raise UsageFault(
                f"The text is not valid {self._name}",
                f"{self._where}:{self._lines} or after",
                str(error),
                "name the right encoding with --encoding, or save the file as UTF-8",
            ) from error
        self._lines += found.count(b"\n")
        return found.removeprefix(codecs.BOM_UTF8)

    def close(self) -> None:
        self._stream.close()
        super().close()
