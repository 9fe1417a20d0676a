"""A model's config in miniature: the families' own names, and what cannot be shrunk."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.probes.shrink import PLAIN, SIZES, CannotShrink, shrunk

#: What stands in the config.json of each family that is a size, or cannot be on a CPU.
INTERNLM = {
    "model_type": "internlm",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "num_hidden_layers": 32,
    "torch_dtype": "float16",
    "vocab_size": 103168,
    "max_position_embeddings": 2048,
}
INTERNLM2 = {
    **INTERNLM,
    "model_type": "internlm2",
    "num_key_value_heads": 8,
    "attn_implementation": "flash_attention_2",
}
CHATGLM3 = {
    "model_type": "chatglm",
    "hidden_size": 4096,
    "ffn_hidden_size": 13696,
    "kv_channels": 128,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "num_attention_heads": 32,
    "num_layers": 28,
    "padded_vocab_size": 65024,
    "seq_length": 8192,
    "torch_dtype": "float16",
}
LLAMA3 = {
    "model_type": "llama",
    "hidden_size": 4096,
    "head_dim": 128,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "rope_scaling": {"factor": 8.0},
    "vocab_size": 128256,
}
QWEN2 = {
    "model_type": "qwen2",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "layer_types": ["full_attention"] * 24,
    "max_window_layers": 24,
    "num_attention_heads": 14,
    "num_hidden_layers": 24,
    "num_key_value_heads": 2,
    "use_sliding_window": False,
    "dtype": "bfloat16",
}
COMMON = {"hidden_size": 64, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("config", "small"),
    [
        (
            INTERNLM,
            {
                **COMMON,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_key_value_heads": 4,  # every head has keys of its own, as before
                "torch_dtype": "float32",
            },
        ),
        (
            INTERNLM2,
            {
                **COMMON,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_key_value_heads": 2,
                "torch_dtype": "float32",
                "attn_implementation": "eager",
            },
        ),
        (
            CHATGLM3,
            {
                **COMMON,
                "ffn_hidden_size": 128,
                "kv_channels": 16,
                "num_layers": 2,
                "torch_dtype": "float32",
            },
        ),
        (
            LLAMA3,
            {
                **COMMON,
                "head_dim": 16,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_key_value_heads": 2,
            },
        ),
        (
            QWEN2,
            {
                **COMMON,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "max_window_layers": 2,
                "layer_types": ["full_attention"] * 2,
                "dtype": "float32",
            },
        ),
    ],
    ids=["internlm", "internlm2", "chatglm3", "llama3", "qwen2"],
)
def test_each_family_is_shrunk_by_its_own_names(
    config: dict[str, Any], small: dict[str, Any]
) -> None:
    assert shrunk(config) == small


def test_what_is_small_already_stays() -> None:
    tiny = {"hidden_size": 40, "num_attention_heads": 5, "num_hidden_layers": 1}
    assert shrunk(tiny) == {}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "names no layers"),
        ({"num_layers": 8, "width": 4096}, "names no hidden"),
        ({"hidden_size": 4096, "depth": 8}, "num_hidden_layers, num_layers"),
        ({**QWEN2, "vision_config": {"depth": 32}}, "several models (vision_config)"),
    ],
)
def test_what_cannot_be_shrunk_is_said_in_both_languages(
    config: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotShrink) as caught:
        shrunk(config)
    english, chinese = caught.value.both
    assert words in english
    assert english != chinese


names = st.sampled_from([name for _, names in SIZES.values() for name in names])
values = st.integers(0, 2**20) | st.none() | st.booleans() | st.text(max_size=3) | st.floats()


@given(st.dictionaries(names | st.sampled_from([*PLAIN, "vocab_size"]), values))
def test_any_config_is_shrunk_or_refused(config: dict[str, Any]) -> None:
    """No crash; nothing grows, nothing is invented, and a second time changes nothing."""
    try:
        small = shrunk(config)
    except CannotShrink:
        return
    assert set(small) <= set(config)
    assert "vocab_size" not in small
    assert shrunk({**config, **small}) == {}
