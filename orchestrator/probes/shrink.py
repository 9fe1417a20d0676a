"""A model's config in miniature: which names hold sizes, and what each becomes.

Imported by the package (what a plan says) and by ``make_own_standin.py`` (what is made), so it
needs nothing but Python. Names: ``config.json`` of the families, and their ``configuration_*.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

HEADS, GROUPS, HEAD_DIM = 4, 2, 16
#: What a size is -> its value in a stand-in, and the names that families give it.
SIZES: dict[str, tuple[int, tuple[str, ...]]] = {
    "layers": (2, ("num_hidden_layers", "num_layers", "n_layer", "n_layers", "max_window_layers")),
    "hidden": (HEADS * HEAD_DIM, ("hidden_size", "n_embd", "d_model", "dim")),
    "heads": (HEADS, ("num_attention_heads", "n_head", "n_heads", "num_heads")),
    "groups": (GROUPS, ("num_key_value_heads", "multi_query_group_num", "n_head_kv", "n_kv_heads")),
    "head": (
        HEAD_DIM,
        (
            "head_dim",
            "kv_channels",
            "attention_head_size",
            "qk_nope_head_dim",
            "qk_rope_head_dim",
            "v_head_dim",
        ),
    ),
    "feed-forward": (
        2 * HEADS * HEAD_DIM,
        (
            "intermediate_size",
            "ffn_hidden_size",
            "n_inner",
            "ffn_dim",
            "moe_intermediate_size",
            "shared_expert_intermediate_size",
        ),
    ),
    # DeepSeek's: the part with positions and the part without, side by side.
    "query head": (2 * HEAD_DIM, ("qk_head_dim",)),
    "experts": (4, ("num_experts", "num_local_experts", "n_routed_experts")),
    "experts a token": (2, ("num_experts_per_tok",)),
    "groups of experts": (1, ("n_group", "topk_group")),
    "layers without experts": (1, ("first_k_dense_replace",)),
}
#: What cannot be on a CPU, or is not there without the real weights, and what it becomes.
PLAIN: dict[str, object] = {
    "torch_dtype": "float32",
    "dtype": "float32",
    "bf16": False,
    "fp16": False,
    "use_flash_attn": False,
    "attn_implementation": "eager",
    "_attn_implementation": "eager",
    "quantization_bit": 0,
    "quantization_config": None,
}
#: One entry a layer, whatever it is called.
_BY_LAYER = ("layer_types", "mlp_layer_types", "no_rope_layers", "attn_types")
#: Parts that are a config of their own: a picture, a sound, or a text model inside.
INSIDE = ("vision_config", "audio_config", "thinker_config", "text_config", "llm_config", "visual")


class CannotShrink(Exception):
    """The config's names say nothing here; its text is the reason in English and Chinese."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.both = (english, chinese)


def shrunk(config: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> small value, for every name of ``config`` that changes; None: leave the name out.

    A size that is small already stays. CannotShrink for a model made of several models (pictures,
    sound), and for a config in which no name for layers or width is known.
    """
    inside = ", ".join(name for name in INSIDE if isinstance(config.get(name), Mapping))
    if inside:
        raise CannotShrink(
            f"it is made of several models ({inside}), and only text is stood in for",
            f"它由多个模型组成（{inside}），替身只支持文本",
        )
    for kind in ("layers", "hidden"):
        names = SIZES[kind][1]
        if not any(isinstance(config.get(name), int) for name in names):
            known = ", ".join(names)
            raise CannotShrink(
                f"its config names no {kind} (known names: {known})",
                f"它的 config 里没有 {kind}（认识的名称：{known}）",
            )
    return dict(_changes(config))


def _changes(config: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    kinds = dict(SIZES)
    if not any(_is_above(config, name, SIZES["hidden"][0]) for name in SIZES["hidden"][1]):
        for kind in (
            "heads",
            "groups",
            "head",
            "query head",
        ):  # heads share the width: they follow it
            del kinds[kind]
    for size, names in kinds.values():
        yield from ((name, size) for name in names if _is_above(config, name, size))
    if "heads" in kinds:
        yield from _all_heads(config)
    for name in _BY_LAYER:
        if isinstance(config.get(name), list):
            yield name, config[name][: SIZES["layers"][0]]
    for name, plain in PLAIN.items():
        if name in config and config[name] not in (plain, None):
            yield name, plain


def _is_above(config: Mapping[str, Any], name: str, size: int) -> bool:
    value = config.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value > size


def _all_heads(config: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """A model whose heads all have keys of their own keeps that: InternLM, Llama-7B."""
    heads = next((config[name] for name in SIZES["heads"][1] if name in config), None)
    for name in SIZES["groups"][1]:
        if heads is not None and config.get(name) == heads > HEADS:
            yield name, HEADS
