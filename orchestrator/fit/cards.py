"""GPUs by the names that people type, and the sizes that cards come in.

A card "of 24 GB" holds 24 GiB (25.8 GB): names count in units of 2^30 bytes, as nvidia-smi does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_tools.nearest import did_you_mean
from orchestrator.base.errors import UsageError
from orchestrator.base.language import say

MIB = 2**20
#: MiB of memory as nvidia-smi shows it. Sources: NVIDIA's data sheets; less where ECC takes a part.
CARDS = {
    "1080ti": 11264, "2080ti": 11264, "3060": 12288, "3080": 10240, "3090": 24576,
    "4060ti": 16380, "4070ti": 12282, "4080": 16376, "4090": 24564, "4090d": 24564,
    "5070ti": 16303, "5080": 16303, "5090": 32607, "titanrtx": 24576,
    "t4": 15360, "p40": 23040, "p100": 16384, "v100": 16384, "v100-32g": 32768,
    "a10": 23028, "a10g": 23028, "l4": 23034, "l20": 46068, "l40": 46068, "l40s": 46068,
    "a4000": 16376, "a5000": 24564, "a6000": 49140, "6000ada": 49140,
    "a100": 40960, "a100-80g": 81920, "a800": 81920, "h100": 81559, "h800": 81559,
    "h20": 97871, "h200": 143771,
}  # fmt: skip
#: What cards come in, in GiB.
SIZES = (6, 8, 10, 12, 16, 24, 32, 40, 48, 80, 96, 141)


@dataclass(frozen=True)
class Card:
    """One kind of GPU. ``bytes`` is all of its memory.

    What its driver keeps of it (0.3 of a 3090's 24 GiB) is part of an estimate's context.
    """

    name: str
    bytes: int


def card(text: str) -> Card:
    """``3090``, ``RTX 4090``, ``A100-80G``, ``24GB`` or ``24`` as a card; else :class:`UsageError`.

    >>> card("RTX 3090").bytes // MIB, card("24GB").bytes // MIB
    (24576, 24576)
    """
    plain = re.sub(r"nvidia|geforce|tesla|quadro|rtx|gtx|[\s_]|pcie|sxm\d?", "", text.lower())
    plain = re.sub(r"(\d+)gi?b?$", r"\1g", plain)
    known = {re.sub(r"-(?=\d+g$)", "", name): name for name in CARDS}
    name = known.get(plain.replace("-", ""))
    if name is not None:
        return Card(name.upper() if name[0].isalpha() else name, CARDS[name] * MIB)
    size = re.fullmatch(r"(\d{1,3})g?", plain)
    if size and int(size[1]):
        return Card(f"{size[1]} GB", int(size[1]) * 2**30)
    hint = did_you_mean(plain, CARDS, otherwise=", ".join(CARDS))
    raise UsageError(
        say(f"There is no GPU {text!r} in the table.", f"表中没有 GPU {text!r}。"),
        fix=say(f"{hint}; or its memory, as --gpu 24GB", f"{hint}；或写显存大小，如 --gpu 24GB"),
    )


def smallest(bytes_needed: int) -> Card | None:
    """The smallest size that cards come in and that is enough; None when none is."""
    cards = (Card(f"{size} GB", size * 2**30) for size in SIZES)
    return next((one for one in cards if one.bytes >= bytes_needed), None)
