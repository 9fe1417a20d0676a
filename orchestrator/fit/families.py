"""The linear layers of the model families that are known, by the names in their weight files.

Sources: the modelling files of transformers; for internlm, internlm2, chatglm, baichuan and qwen
the code that those models bring. A family that is not here is unknown: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: A linear layer: name in a decoder layer -> (inputs, outputs) in symbols: h hidden size, q all
#: query heads, k all key heads, m the MLP's inner size; "q+2k" is one matrix for three.
Layers = Mapping[str, tuple[str, str]]

_ATTENTION: Layers = {"q_proj": ("h", "q"), "k_proj": ("h", "k"), "v_proj": ("h", "k")}
_O: Layers = {"o_proj": ("q", "h")}
_GATED: Layers = {"gate_proj": ("h", "m"), "up_proj": ("h", "m"), "down_proj": ("m", "h")}
_LLAMA: Layers = {**_ATTENTION, **_O, **_GATED}
_FUSED_GATE: Layers = {"gate_up_proj": ("h", "2m"), "down_proj": ("m", "h")}
_FOUR_H: Layers = {
    "query_key_value": ("h", "q+2k"),
    "dense": ("q", "h"),
    "dense_h_to_4h": ("h", "m"),
    "dense_4h_to_h": ("m", "h"),
}


@dataclass(frozen=True)
class Family:
    """One family: its linear layers, whether its head shares the embedding unless config.json says
    it, and how the inner size in config.json counts (Qwen's counts two matrices as one)."""

    layers: Layers
    tied: bool = False
    inner_share: float = 1.0
    heads_only: bool = False
    """Keys and values have as many heads as queries, whatever config.json says."""
    logit_bytes: int = 14
    """Bytes a token and word of the vocabulary: 16-bit logits (2), their fp32 copy (4), the
    shifted copy (4) and its gradient (4)."""


FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(
        (
            *("llama", "mistral", "qwen2", "qwen3", "internlm", "internlm3", "aquila", "yi"),
            *("deepseek", "stablelm", "olmo", "olmo2", "granite", "seed_oss", "smollm3"),
        ),
        Family(_LLAMA),
    ),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "cohere"), Family(_LLAMA, tied=True)),
    "minicpm": Family(_LLAMA, tied=True),
    "internlm2": Family(
        {
            "wqkv": ("h", "q+2k"),
            "wo": ("q", "h"),
            "w1": ("h", "m"),
            "w3": ("h", "m"),
            "w2": ("m", "h"),
        }
    ),
    # modeling_chatglm.py copies the logits once more: back to 16 bits, beside the fp32 ones.
    "chatglm": Family({**_FOUR_H, "dense_h_to_4h": ("h", "2m")}, logit_bytes=16),
    **dict.fromkeys(("glm", "glm4"), Family({**_ATTENTION, **_O, **_FUSED_GATE})),
    "phi3": Family({"qkv_proj": ("h", "q+2k"), **_O, **_FUSED_GATE}),
    "baichuan": Family({"W_pack": ("h", "q+2k"), **_O, **_GATED}, heads_only=True),
    "qwen": Family(
        {
            "c_attn": ("h", "q+2k"),
            "attn.c_proj": ("q", "h"),
            "w1": ("h", "m"),
            "w2": ("h", "m"),
            "mlp.c_proj": ("m", "h"),
        },
        inner_share=0.5,
        heads_only=True,
    ),
    "gpt_neox": Family(_FOUR_H, heads_only=True),
}

#: Other names of the same families in config.json.
ALIASES = {"Yi": "yi", "glm-4": "chatglm"}
