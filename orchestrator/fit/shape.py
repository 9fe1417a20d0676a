"""A model's shape from the values of its config.json: layers, sizes, and every weight counted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.base.language import say
from orchestrator.fit.families import ALIASES, FAMILIES, Family


class Unknown(Exception):
    """Why a figure cannot be said, in words for the reader."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A decoder-only language model. Sizes are in elements."""

    family: str
    layers: int
    hidden: int
    heads: int
    key_heads: int
    head_size: int
    inner: int
    vocabulary: int
    tied: bool

    @property
    def _family(self) -> Family:
        return FAMILIES[self.family]

    @property
    def logit_bytes(self) -> int:
        """Bytes a token and word of the vocabulary while the loss is computed."""
        return self._family.logit_bytes

    @property
    def modules(self) -> Mapping[str, tuple[int, int]]:
        """The linear layers of one decoder layer: name -> (inputs, outputs)."""
        return {
            name: (self._size(one), self._size(other))
            for name, (one, other) in self._family.layers.items()
        }

    def _size(self, symbols: str) -> int:
        q, k = self.heads * self.head_size, self.key_heads * self.head_size
        sizes = {"h": self.hidden, "q": q, "k": k, "m": self.inner, "2m": 2 * self.inner}
        return q + 2 * k if symbols == "q+2k" else sizes[symbols]

    @property
    def linear(self) -> int:
        """Weights in the linear layers of the decoder: what QLoRA quantises."""
        return self.layers * sum(one * other for one, other in self.modules.values())

    @property
    def embeddings(self) -> int:
        """Weights of the input embedding and, where it is its own, of the output head."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def norms(self) -> int:
        """Weights of the norms (biases, a thousandth of the model at most, are left out)."""
        return (2 * self.layers + 1) * self.hidden

    @property
    def weights(self) -> int:
        """Every weight of the model."""
        return self.linear + self.embeddings + self.norms

    def targeted(self, targets: Sequence[str] = ()) -> Iterator[tuple[int, int]]:
        """The sizes of the linear layers that ``targets`` name (none: all of them), in one layer.

        A target fits a module as in peft: its whole name, or its end after a dot.
        """
        for name, sizes in self.modules.items():
            if not targets or any(fits(name, target) for target in targets):
                yield sizes

    def adapter(self, rank: int, targets: Sequence[str] = ()) -> int:
        """Weights of a LoRA adapter: rank x (inputs + outputs) for each module (arXiv:2106.09685).

        A head or an embedding among the targets counts as well.
        """
        inner = self.layers * sum(one + other for one, other in self.targeted(targets))
        outer = sum(any(fits(name, target) for target in targets) for name in HEADS)
        return rank * (inner + outer * (self.hidden + self.vocabulary))


#: Modules outside the decoder layers that an adapter may name.
HEADS = ("lm_head", "embed_tokens", "output_layer", "output", "tok_embeddings", "wte")


def fits(module: str, target: str) -> bool:
    """Whether a LoRA target means this module (peft: equal, or the end after a dot)."""
    return target == module or f".{module}".endswith(f".{target}")


_KEYS: Mapping[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "num_layers", "n_layer"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head"),
    "inner": ("intermediate_size", "ffn_hidden_size"),
    "vocabulary": ("padded_vocab_size", "vocab_size"),
}
_EXPERTS = re.compile(r"num_(local_)?experts$|n_routed_experts$|moe_")
_SEES = ("vision_config", "visual", "vision_tower", "audio_config", "img_size")


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape that config.json describes; :class:`Unknown` with the reason where it is none."""
    kind = str(config.get("model_type", ""))
    kind = ALIASES.get(kind, kind)
    _refuse(config, kind)
    family = FAMILIES[kind]
    found = {name: _integer(config, keys) for name, keys in _KEYS.items()}
    heads = found["heads"]
    return Shape(
        family=kind,
        **{**found, "inner": int(found["inner"] * family.inner_share)},
        key_heads=heads if family.heads_only else _key_heads(config, heads),
        head_size=_optional(config, ("head_dim", "kv_channels")) or found["hidden"] // heads,
        tied=bool(config.get("tie_word_embeddings", family.tied)),
    )


def _refuse(config: Mapping[str, Any], kind: str) -> None:
    if any(config.get(key) for key in _SEES):
        raise Unknown(
            say(
                "the model sees or hears: its tower and the tokens of a picture are not counted",
                "该模型能看或能听：其视觉部分和图片的 token 未计入",
            )
        )
    experts = [key for key, value in config.items() if _EXPERTS.match(key) and value]
    if experts:
        raise Unknown(
            say(
                f"a mixture of experts ({experts[0]}) is not counted",
                f"混合专家模型（{experts[0]}）未计入",
            )
        )
    if kind not in FAMILIES:
        raise Unknown(
            say(
                f"the model family {kind or '(none)'} is not in the table; it has "
                f"{', '.join(sorted(FAMILIES))}",
                f"模型族 {kind or '（无）'} 不在表中；表中有 {', '.join(sorted(FAMILIES))}",
            )
        )


def _key_heads(config: Mapping[str, Any], heads: int) -> int:
    grouped = config.get("multi_query_attention", True)
    keys = ("num_key_value_heads", *(["multi_query_group_num"] if grouped else []))
    return _optional(config, keys) or heads


def _integer(config: Mapping[str, Any], keys: tuple[str, ...]) -> int:
    value = _optional(config, keys)
    if value is None:
        named = " / ".join(keys)
        raise Unknown(
            say(f"config.json says no whole {named}", f"config.json 中没有有效的 {named}")
        )
    return value


def _optional(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    values = (config.get(key) for key in keys)
    return next((v for v in values if type(v) is int and v > 0), None)
