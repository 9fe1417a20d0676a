"""A model that brings its own code, as a hub's repository does: config, code, tokenizer, and no
weights.

Written for these tests, for any transformers from 4.34 to 5: plain attention, a tokenizer of bytes.
The sizes have ChatGLM's names and are those of a model that would not fit on a laptop.
"""

from __future__ import annotations

import json
from pathlib import Path

CONFIG = {
    "model_type": "bytelm",
    "architectures": ["ByteForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_bytelm.ByteConfig",
        "AutoModel": "modeling_bytelm.ByteForCausalLM",
        "AutoModelForCausalLM": "modeling_bytelm.ByteForCausalLM",
    },
    "hidden_size": 4096,
    "ffn_hidden_size": 13696,
    "num_layers": 28,
    "num_attention_heads": 32,
    "vocab_size": 320,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "torch_dtype": "float16",
    "tie_word_embeddings": False,
}
TOKENIZER = {
    "tokenizer_class": "ByteTokenizer",
    "auto_map": {"AutoTokenizer": ["tokenization_bytelm.ByteTokenizer", None]},
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "model_max_length": 2048,
}
_CONFIGURATION = """
from transformers import PretrainedConfig


class ByteConfig(PretrainedConfig):
    model_type = "bytelm"

    def __init__(self, hidden_size=4096, ffn_hidden_size=13696, num_layers=28,
                 num_attention_heads=32, vocab_size=320, **kwargs):
        self.hidden_size = hidden_size
        self.ffn_hidden_size = ffn_hidden_size
        self.num_layers = num_layers
        self.num_hidden_layers = num_layers
        self.num_attention_heads = num_attention_heads
        self.vocab_size = vocab_size
        super().__init__(**kwargs)
"""
_MODELING = """
import torch
from torch import nn
from torch.nn import functional
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_bytelm import ByteConfig


class ByteBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        wide = config.hidden_size
        self.heads = config.num_attention_heads
        self.norm = nn.LayerNorm(wide)
        self.query_key_value = nn.Linear(wide, 3 * wide)
        self.dense = nn.Linear(wide, wide)
        self.norm_after = nn.LayerNorm(wide)
        self.dense_h_to_4h = nn.Linear(wide, config.ffn_hidden_size)
        self.dense_4h_to_h = nn.Linear(config.ffn_hidden_size, wide)

    def forward(self, hidden):
        batch, length, wide = hidden.shape
        mixed = self.query_key_value(self.norm(hidden))
        parts = mixed.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        looked = functional.scaled_dot_product_attention(*parts, is_causal=True)
        hidden = hidden + self.dense(looked.transpose(1, 2).reshape(batch, length, wide))
        widened = functional.gelu(self.dense_h_to_4h(self.norm_after(hidden)))
        return hidden + self.dense_4h_to_h(widened)


class ByteForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = ByteConfig
    supports_gradient_checkpointing = True
    _no_split_modules = ["ByteBlock"]

    def __init__(self, config):
        super().__init__(config)
        self.gradient_checkpointing = False
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(ByteBlock(config) for _ in range(config.num_layers))
        self.output_layer = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def _set_gradient_checkpointing(self, module=None, value=False, **_more):
        self.gradient_checkpointing = value

    def get_input_embeddings(self):
        return self.embedding

    def set_input_embeddings(self, value):
        self.embedding = value

    def get_output_embeddings(self):
        return self.output_layer

    def set_output_embeddings(self, value):
        self.output_layer = value

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **kwargs):
        return {"input_ids": input_ids}

    def forward(
        self, input_ids=None, attention_mask=None, inputs_embeds=None, labels=None, **kwargs
    ):
        hidden = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        for layer in self.layers:
            hidden = layer(hidden)
        logits = self.output_layer(hidden)
        loss = None
        if labels is not None:
            wanted = labels[:, 1:].reshape(-1)
            loss = functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), wanted)
        return CausalLMOutputWithPast(loss=loss, logits=logits)
"""
_TOKENIZATION = """
import os

from transformers import PreTrainedTokenizer


class ByteTokenizer(PreTrainedTokenizer):
    vocab_files_names = {"vocab_file": "vocab.txt"}
    model_input_names = ["input_ids", "attention_mask"]

    def __init__(self, vocab_file, **kwargs):
        with open(vocab_file, encoding="utf-8") as lines:
            self.words = {line.strip(): number for number, line in enumerate(lines)}
        self.by_number = {number: word for word, number in self.words.items()}
        super().__init__(**kwargs)

    @property
    def vocab_size(self):
        return len(self.words)

    def get_vocab(self):
        return {**self.words, **self.added_tokens_encoder}

    def _tokenize(self, text, **_more):
        return [f"b{byte}" for byte in text.encode("utf-8")]

    def _convert_token_to_id(self, token):
        return self.words.get(token, self.words["<unk>"])

    def _convert_id_to_token(self, index):
        return self.by_number.get(index, "<unk>")

    def convert_tokens_to_string(self, tokens):
        numbers = [int(token[1:]) for token in tokens if token[1:].isdigit()]
        return bytes(numbers).decode("utf-8", errors="replace")

    def build_inputs_with_special_tokens(self, first, second=None):
        return [self.bos_token_id, *first, *(second or [])]

    def save_vocabulary(self, save_directory, filename_prefix=None):
        path = os.path.join(save_directory, "vocab.txt")
        with open(path, "w", encoding="utf-8") as lines:
            lines.write("\\n".join(self.words) + "\\n")
        return (path,)
"""
#: What code of another time does with a newer transformers: the name it reads is gone.
OUTDATED = _MODELING.replace("self.post_init()", "self.longest = config.a_name_of_old\n")


def write_own_model(folder: Path, *, modeling: str = _MODELING) -> Path:
    """The model's files in ``folder``, which is made."""
    folder.mkdir(parents=True)
    words = ["<pad>", "<s>", "</s>", "<unk>", *(f"b{number}" for number in range(256))]
    texts = {
        "config.json": json.dumps(CONFIG, indent=2),
        "tokenizer_config.json": json.dumps(TOKENIZER, indent=2),
        "vocab.txt": "\n".join(words) + "\n",
        "configuration_bytelm.py": _CONFIGURATION,
        "modeling_bytelm.py": modeling,
        "tokenization_bytelm.py": _TOKENIZATION,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
