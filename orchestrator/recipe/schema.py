"""A recipe as a frozen, typed value. Nothing below the loader parses YAML.

Every field's description is user documentation: docs/recipe-reference.md and the exported JSON
Schema are generated from here. A field that is ``None`` means "the engine's own default": the
value in the engine's reference config, which the engine module knows and records.
"""

# No `from __future__ import annotations`: the validator reads the annotations as types.

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.recipe.value import Problem, Value, about

ENGINE_PATTERN = r"^[a-z0-9_-]+@[0-9A-Za-z.+-]+$"
_SHARE = re.compile(r"\d+(\.\d+)?%")


@dataclass(frozen=True, kw_only=True)
class Model(Value):
    """The base model and the one prompt template used for training, chat and export."""

    id: str = field(metadata=about("Model id on its hub, or a local folder", min_length=1))
    hub: Literal["modelscope", "huggingface", "local"] = field(
        default="modelscope", metadata=about("Where the id is looked up")
    )
    revision: str | None = field(default=None, metadata=about("Tag, branch or commit on the hub"))
    path: str | None = field(
        default=None,
        metadata=about("A local folder with the weights; nothing is downloaded when it is given"),
    )
    template: str = field(
        metadata=about("Prompt template, one name for training, chat and export", min_length=1)
    )
    architecture: str | None = field(
        default=None,
        metadata=about(
            "Model family of a rehearsal's stand-in (llama, glm4, qwen2 …); "
            "by default it follows from the id or from the local config.json"
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SelfCognition(Value):
    """Rows in which the model says who it is and whose assistant it is (the camp's homework)."""

    name: str = field(metadata=about("Whose assistant the model is to become", min_length=1))
    maker: str | None = field(
        default=None, metadata=about("Who made the model, when it is to say so")
    )
    repeats: int = field(
        default=1, metadata=about("How many times the generated rows are repeated", ge=1)
    )
    language: Literal["zh", "en", "both"] = field(
        default="zh", metadata=about("Language of the rows")
    )

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        name = given.get("name")
        if isinstance(name, str) and name and not name.strip():
            yield "must not be blank", "name"


@dataclass(frozen=True, kw_only=True)
class Columns(Value):
    """Which column holds what: a letter (A, D, AA) or the text of a header cell."""

    input: str = field(metadata=about("The question"))
    output: str = field(metadata=about("The answer"))
    system: str | None = field(default=None, metadata=about("The system text of each row"))


@dataclass(frozen=True, kw_only=True)
class Source(Value):
    """One source of rows: exactly one of ``path``, ``dataset`` and ``self_cognition``."""

    path: str | None = field(
        default=None,
        metadata=about(
            "Spreadsheet, JSON, JSONL, CSV or Parquet file; looked for in the "
            "current folder, then beside the recipe"
        ),
    )
    url: str | None = field(
        default=None, metadata=about("Where the file is fetched from when it is nowhere on disk")
    )
    sha256: str | None = field(
        default=None,
        metadata=about(
            "SHA-256 of the file behind `url`, checked",
            pattern=r"^[0-9a-f]{64}$",
            examples=["64 hexadecimal digits"],
        ),
    )
    sample: str | None = field(
        default=None,
        metadata=about(
            "A small shipped file in the same layout, beside the recipe, which a rehearsal "
            "uses when the real one is not there"
        ),
    )
    get: str | None = field(default=None, metadata=about("In words: where a reader gets this file"))
    dataset: str | None = field(
        default=None, metadata=about("A data set on a hub, loaded by the engine")
    )
    map_fn: str | None = field(
        default=None,
        metadata=about("The engine's own map function for `dataset` (oasst1_map_fn …)"),
    )
    self_cognition: SelfCognition | None = field(
        default=None, metadata=about("Rows that are generated")
    )
    name: str | None = field(
        default=None, metadata=about("A short name, for messages and the row account")
    )
    format: str = field(
        default="auto",
        metadata=about("Row format when looking into the file is not enough (see `data`)"),
    )
    sheet: str | int | None = field(
        default=None, metadata=about("Sheet name, or its number from 1")
    )
    header_row: int = field(
        default=1, metadata=about("Row number of the header line; 0 when there is none", ge=0)
    )
    columns: Columns | None = field(
        default=None, metadata=about("Which spreadsheet column holds what")
    )
    system: str | None = field(
        default=None, metadata=about("System text for every row of this source")
    )
    sample_rows: int | None = field(
        default=None, metadata=about("Take this many rows, drawn with the split's seed", ge=1)
    )
    clean: dict[str, Any] = field(
        default_factory=dict, metadata=about("Cleaning rules, as `recipe data clean` takes them")
    )

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        kinds = [key for key in ("path", "dataset", "self_cognition") if given.get(key) is not None]
        if len(kinds) != 1:
            said = " and ".join(kinds) or "none of them"
            yield (f"give exactly one of path, dataset, self_cognition; this has {said}",)


@dataclass(frozen=True, kw_only=True)
class Split(Value):
    """Train and test shares. The ratio floors as the tutorial's script does: int(rows * train)."""

    train: float = field(
        default=1, metadata=about("Share of the rows that is trained on", gt=0, le=1)
    )
    seed: int = field(default=0, metadata=about("Seed of the shuffle"))
    keep_duplicates_together: bool = field(
        default=False, metadata=about("Rows with the same question stay on one side")
    )


@dataclass(frozen=True, kw_only=True)
class Data(Value):
    """The rows: where they come from, how they are split, and how many may be rejected."""

    sources: list[Source] = field(metadata=about("Merged in order", min_length=1))
    split: Split = field(default_factory=Split, metadata=about("Shares"))
    max_rejects: int | str = field(
        default=0,
        metadata=about("Rejected rows that are accepted: a number, or a share such as 5%"),
    )
    shuffle: bool = field(default=True, metadata=about("Shuffle before packing"))

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        limit = given.get("max_rejects", 0)
        text = isinstance(limit, str) and not _SHARE.fullmatch(limit)
        if text or (isinstance(limit, int) and limit < 0):
            yield f"must be a number of rows or a share such as 5%, not {limit!r}", "max_rejects"


@dataclass(frozen=True, kw_only=True)
class Lora(Value):
    """Low-rank adapter settings (Hu et al. 2021, arXiv:2106.09685)."""

    rank: int = field(default=64, metadata=about("Rank r", ge=1))
    alpha: float = field(
        default=16, metadata=about("Scale: the update is multiplied by alpha / rank", gt=0)
    )
    dropout: float = field(default=0.1, metadata=about("Dropout before the adapter", ge=0, le=1))
    targets: list[str] = field(
        default_factory=list, metadata=about("Module names; empty means every linear layer")
    )
    dora: bool = field(default=False, metadata=about("Weight-decomposed LoRA (arXiv:2402.09353)"))
    rslora: bool = field(default=False, metadata=about("Rank-stabilised scale (arXiv:2312.03732)"))


@dataclass(frozen=True, kw_only=True)
class Quantization(Value):
    """How the frozen base weights are stored under QLoRA (arXiv:2305.14314)."""

    bits: Literal[4, 8] = field(default=4, metadata=about("Bits a weight"))
    type: Literal["nf4", "fp4"] = field(default="nf4", metadata=about("4-bit number format"))
    double: bool = field(
        default=True, metadata=about("Quantise the quantisation constants as well")
    )


@dataclass(frozen=True, kw_only=True)
class Train(Value):
    """How the model is trained. ``null`` is the engine's own default."""

    stage: Literal["sft", "pt", "rm", "dpo", "kto"] = field(
        default="sft", metadata=about("Kind of training")
    )
    method: Literal["full", "lora", "qlora", "freeze"] = field(
        default="qlora", metadata=about("Which weights are trained")
    )
    lora: Lora = field(default_factory=Lora, metadata=about("Adapter"))
    quantization: Quantization = field(default_factory=Quantization, metadata=about("For qlora"))
    epochs: float | None = field(
        default=None, metadata=about("Passes over the training rows", gt=0)
    )
    max_steps: int | None = field(
        default=None, metadata=about("Stop after this many iterations", ge=1)
    )
    batch_size: int = field(
        default=1, metadata=about("Rows (or packed sequences) a GPU and step", ge=1)
    )
    accumulate: int = field(default=16, metadata=about("Steps whose gradients are added up", ge=1))
    learning_rate: float = field(default=0.0002, metadata=about("Peak learning rate", gt=0))
    optimizer: str | None = field(
        default=None, metadata=about("Optimizer, by the engine's own name")
    )
    weight_decay: float | None = field(default=None, metadata=about("Weight decay", ge=0))
    max_grad_norm: float | None = field(
        default=None, metadata=about("Gradient clipping norm", gt=0)
    )
    warmup_ratio: float | None = field(
        default=None, metadata=about("Share of the steps that warm up", ge=0, le=1)
    )
    scheduler: str | None = field(
        default=None, metadata=about("Learning-rate schedule, e.g. cosine")
    )
    max_length: int = field(default=2048, metadata=about("Longest sequence, in tokens", ge=1))
    pack: bool = field(
        default=True, metadata=about("Pack several rows into one sequence of max_length")
    )
    precision: Literal["auto", "fp16", "bf16", "fp32"] = field(
        default="auto",
        metadata=about("auto: the engine's reference setting, fitted to the hardware"),
    )
    deepspeed: Literal["zero1", "zero2", "zero2_offload", "zero3", "zero3_offload"] | None = field(
        default=None, metadata=about("DeepSpeed ZeRO stage, with or without offload to host memory")
    )
    gpus: int | None = field(
        default=None, metadata=about("GPUs on this machine (NPROC_PER_NODE)", ge=1)
    )
    seed: int | None = field(default=None, metadata=about("Random seed of the training"))
    save_steps: int | None = field(
        default=None, metadata=about("Iterations between checkpoints", ge=1)
    )
    save_total_limit: int | None = field(
        default=None, metadata=about("Checkpoints kept; -1 keeps all", ge=-1)
    )
    logging_steps: int | None = field(
        default=None, metadata=about("Iterations between log lines", ge=1)
    )
    workers: int | None = field(default=None, metadata=about("Data loader processes", ge=0))
    gradient_checkpointing: bool | None = field(
        default=None, metadata=about("Trade time for memory")
    )
    flash_attention: Literal["auto", "disabled", "sdpa", "fa2"] | None = field(
        default=None, metadata=about("Attention kernel")
    )
    liger: bool | None = field(default=None, metadata=about("Liger fused kernels"))
    neftune_alpha: float | None = field(
        default=None, metadata=about("NEFTune noise (arXiv:2310.05914)", gt=0)
    )
    max_samples: int | None = field(
        default=None,
        metadata=about("Use at most this many rows, a seeded sample over all sources", ge=1),
    )
    freeze_layers: int | None = field(
        default=None, metadata=about("method freeze: layers that are trained")
    )


@dataclass(frozen=True, kw_only=True)
class Export(Value):
    """What is made from the trained weights."""

    merge: bool = field(default=True, metadata=about("Merge the adapter into the base model"))
    max_shard_size: str = field(
        default="2GB",
        metadata=about(
            "Largest file of the merged model",
            pattern=r"^[1-9]\d*(MB|GB)$",
            examples=["2GB", "500MB"],
        ),
    )
    safe_serialization: bool | None = field(
        default=None,
        metadata=about("safetensors (true) or .bin (false); null is the engine's own default"),
    )
    device: Literal["auto", "cuda", "cpu"] = field(
        default="auto", metadata=about("Where merging happens")
    )
    fp32: bool = field(default=False, metadata=about("Keep 32-bit weights when converting"))


@dataclass(frozen=True, kw_only=True)
class Evaluate(Value):
    """Prompts answered during training, so that a reader sees the model change."""

    prompts: list[str] = field(
        default_factory=list, metadata=about("Asked every `every` iterations")
    )
    system: str | None = field(default=None, metadata=about("System text of these prompts"))
    every: int | None = field(default=None, metadata=about("Iterations between evaluations", ge=1))
    validation_share: float = field(
        default=0,
        metadata=about(
            "Share of the training rows held out for the loss during training", ge=0, lt=1
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Expect(Value):
    """What a finished run must show; a difference fails the stage that finds it."""

    rows: int | None = field(default=None, metadata=about("Rows after conversion", ge=0))
    train_rows: int | None = field(default=None, metadata=about("Rows of the training split", ge=0))
    test_rows: int | None = field(default=None, metadata=about("Rows of the test split", ge=0))


@dataclass(frozen=True, kw_only=True)
class Recipe(Value):
    """One recipe file, resolved."""

    title: str = field(metadata=about("One line, shown by `recipe list`", min_length=1))
    source: str = field(default="", metadata=about("The tutorial, paper or course this follows"))
    engine: str = field(
        metadata=about(
            "Engine release, e.g. NAME@VERSION; see `recipe env`",
            pattern=ENGINE_PATTERN,
            examples=["NAME@VERSION"],
        )
    )
    model: Model = field(metadata=about("The base model"))
    data: Data = field(metadata=about("The rows"))
    train: Train = field(default_factory=Train, metadata=about("The training"))
    export: Export = field(default_factory=Export, metadata=about("The result"))
    evaluate: Evaluate = field(default_factory=Evaluate, metadata=about("Prompts on the way"))
    expect: Expect = field(default_factory=Expect, metadata=about("Figures that must come out"))
    params: dict[str, str] = field(
        default_factory=dict,
        metadata=about("Short names for `-p NAME=VALUE`: each maps to a dotted key of this recipe"),
    )
    engine_options: dict[str, Any] = field(
        default_factory=dict,
        metadata=about("Native keys of the engine, passed through and checked against the engine"),
    )

    @property
    def engine_name(self) -> str:
        return self.engine.partition("@")[0]

    @property
    def engine_version(self) -> str:
        return self.engine.partition("@")[2]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe file as written, ``extends`` included."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Recipe).json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"] = {
        "extends": {"type": "string", "description": "Name or path of the recipe to inherit from"},
        **schema["properties"],
    }
    # A child may leave out what its parent gives.
    schema["anyOf"] = [
        {"required": ["extends"]},
        {"required": schema.pop("required", [])},
    ]
    return schema
