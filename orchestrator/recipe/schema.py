"""A recipe as a frozen, typed value. Nothing below the loader parses YAML.

Every field's description is user documentation: docs/recipe-reference.md and the exported JSON
Schema are generated from here. A field that is ``None`` means "the engine's own default": the
value in the engine's reference config, which the engine module knows and records.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

ENGINE_PATTERN = r"^[a-z0-9_-]+@[0-9A-Za-z.+-]+$"
EngineName = Annotated[str, StringConstraints(pattern=ENGINE_PATTERN)]
PositiveInt = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, protected_namespaces=(), defer_build=True
    )


class Model(_Frozen):
    """The base model and the one prompt template used for training, chat and export."""

    id: str = Field(min_length=1, description="Model id on its hub, or a local folder")
    hub: Literal["modelscope", "huggingface", "local"] = Field(
        "modelscope", description="Where the id is looked up"
    )
    revision: str | None = Field(None, description="Tag, branch or commit on the hub")
    path: str | None = Field(
        None, description="A local folder with the weights; nothing is downloaded when it is given"
    )
    template: str = Field(
        min_length=1, description="Prompt template, one name for training, chat and export"
    )
    architecture: str | None = Field(
        None,
        description="Model family of a rehearsal's stand-in (llama, glm4, qwen2 …); "
        "by default it follows from the id or from the local config.json",
    )


class SelfCognition(_Frozen):
    """Rows in which the model says who it is and whose assistant it is (the camp's homework)."""

    name: str = Field(min_length=1, description="Whose assistant the model is to become")
    maker: str | None = Field(None, description="What the model says it is, inside")
    repeats: PositiveInt = Field(1, description="How many times the generated rows are repeated")
    language: Literal["zh", "en", "both"] = Field("zh", description="Language of the rows")


class Columns(_Frozen):
    """Which column holds what: a letter (A, D, AA) or the text of a header cell."""

    input: str = Field(description="The question")
    output: str = Field(description="The answer")
    system: str | None = Field(None, description="The system text of each row")


class Source(_Frozen):
    """One source of rows: exactly one of ``path``, ``dataset`` and ``self_cognition``."""

    path: str | None = Field(
        None,
        description="Spreadsheet, JSON, JSONL, CSV or Parquet file; looked for in the current "
        "folder, then beside the recipe",
    )
    url: str | None = Field(
        None, description="Where the file is fetched from when it is nowhere on disk"
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file behind `url`, checked"
    )
    sample: str | None = Field(
        None,
        description="A small shipped file in the same layout, which a rehearsal uses when the "
        "real one is not there",
    )
    get: str | None = Field(None, description="In words: where a reader gets this file")
    dataset: str | None = Field(None, description="A data set on a hub, loaded by the engine")
    map_fn: str | None = Field(
        None, description="The engine's own map function for `dataset` (XTuner: oasst1_map_fn …)"
    )
    self_cognition: SelfCognition | None = Field(None, description="Rows that are generated")
    name: str | None = Field(None, description="A short name, for messages and the row account")
    format: str = Field(
        "auto", description="Row format when looking into the file is not enough (see `data`)"
    )
    sheet: str | int | None = Field(None, description="Sheet name, or its number from 1")
    header_row: Annotated[int, Field(ge=0)] = Field(
        1, description="Row number of the header line; 0 when there is none"
    )
    columns: Columns | None = Field(None, description="Which spreadsheet column holds what")
    system: str | None = Field(None, description="System text for every row of this source")
    sample_rows: PositiveInt | None = Field(
        None, description="Take this many rows, drawn with the split's seed"
    )
    clean: dict[str, Any] = Field(
        default_factory=dict, description="Cleaning rules, as `recipe data clean` takes them"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        given = [k for k in ("path", "dataset", "self_cognition") if getattr(self, k) is not None]
        if len(given) != 1:
            said = " and ".join(given) if given else "none of them"
            raise ValueError(f"give exactly one of path, dataset, self_cognition; this has {said}")
        return self


class Split(_Frozen):
    """Train and test shares. The ratio floors as the tutorial's script does: int(rows * train)."""

    train: Fraction = Field(1.0, description="Share of the rows that is trained on")
    seed: int = Field(0, description="Seed of the shuffle")
    keep_duplicates_together: bool = Field(
        False, description="Rows with the same question stay on one side"
    )


class Data(_Frozen):
    """The rows: where they come from, how they are split, and how many may be rejected."""

    sources: Annotated[list[Source], Field(min_length=1)] = Field(description="Merged in order")
    split: Split = Field(default_factory=lambda: Split.model_validate({}), description="Shares")
    max_rejects: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^\d+(\.\d+)?%$")] = (
        Field(0, description="Rejected rows that are accepted: a number, or a share such as 5%")
    )
    shuffle: bool = Field(True, description="Shuffle before packing")


class Lora(_Frozen):
    """Low-rank adapter settings (Hu et al. 2021, arXiv:2106.09685)."""

    rank: PositiveInt = Field(64, description="Rank r")
    alpha: float = Field(16, gt=0, description="Scale: the update is multiplied by alpha / rank")
    dropout: Fraction = Field(0.1, description="Dropout before the adapter")
    targets: list[str] = Field(
        default_factory=list, description="Module names; empty means every linear layer"
    )
    dora: bool = Field(False, description="Weight-decomposed LoRA (arXiv:2402.09353)")
    rslora: bool = Field(False, description="Rank-stabilised scale (arXiv:2312.03732)")


class Quantization(_Frozen):
    """How the frozen base weights are stored under QLoRA (arXiv:2305.14314)."""

    bits: Literal[4, 8] = Field(4, description="Bits a weight")
    type: Literal["nf4", "fp4"] = Field("nf4", description="4-bit number format")
    double: bool = Field(True, description="Quantise the quantisation constants as well")


class Train(_Frozen):
    """How the model is trained. ``None`` is the engine's own default."""

    stage: Literal["sft", "pt", "rm", "dpo", "kto"] = Field("sft", description="Kind of training")
    method: Literal["full", "lora", "qlora", "freeze"] = Field(
        "qlora", description="Which weights are trained"
    )
    lora: Lora = Field(default_factory=lambda: Lora.model_validate({}), description="Adapter")
    quantization: Quantization = Field(
        default_factory=lambda: Quantization.model_validate({}), description="For qlora"
    )
    epochs: float | None = Field(None, gt=0, description="Passes over the training rows")
    max_steps: PositiveInt | None = Field(None, description="Stop after this many iterations")
    batch_size: PositiveInt = Field(1, description="Rows (or packed sequences) a GPU and step")
    accumulate: PositiveInt = Field(16, description="Steps whose gradients are added up")
    learning_rate: float = Field(2.0e-4, gt=0, description="Peak learning rate")
    optimizer: str | None = Field(None, description="Optimizer, by the engine's own name")
    weight_decay: float | None = Field(None, ge=0, description="Weight decay")
    max_grad_norm: float | None = Field(None, gt=0, description="Gradient clipping norm")
    warmup_ratio: Fraction | None = Field(None, description="Share of the steps that warm up")
    scheduler: str | None = Field(None, description="Learning-rate schedule, e.g. cosine")
    max_length: PositiveInt = Field(2048, description="Longest sequence, in tokens")
    pack: bool = Field(True, description="Pack several rows into one sequence of max_length")
    precision: Literal["auto", "fp16", "bf16", "fp32"] = Field(
        "auto", description="auto: the engine's reference setting, fitted to the hardware"
    )
    deepspeed: (
        Literal["zero1", "zero2", "zero2_offload", "zero3", "zero3_offload"] | None
    ) = Field(None, description="DeepSpeed ZeRO stage, with or without offload to host memory")
    gpus: PositiveInt | None = Field(None, description="GPUs on this machine (NPROC_PER_NODE)")
    seed: int | None = Field(None, description="Random seed of the training")
    save_steps: PositiveInt | None = Field(None, description="Iterations between checkpoints")
    save_total_limit: Annotated[int, Field(ge=-1)] | None = Field(
        None, description="Checkpoints kept; -1 keeps all"
    )
    logging_steps: PositiveInt | None = Field(None, description="Iterations between log lines")
    workers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Data loader processes"
    )
    gradient_checkpointing: bool | None = Field(None, description="Trade time for memory")
    flash_attention: Literal["auto", "disabled", "sdpa", "fa2"] | None = Field(
        None, description="Attention kernel"
    )
    liger: bool | None = Field(None, description="Liger fused kernels")
    neftune_alpha: float | None = Field(None, gt=0, description="NEFTune noise (arXiv:2310.05914)")
    max_samples: PositiveInt | None = Field(
        None, description="Use at most this many rows, a seeded sample over all sources"
    )
    freeze_layers: int | None = Field(None, description="method freeze: layers that are trained")


class Export(_Frozen):
    """What is made from the trained weights."""

    merge: bool = Field(True, description="Merge the adapter into the base model")
    max_shard_size: str = Field(
        "2GB", pattern=r"^[1-9]\d*(MB|GB)$", description="Largest file of the merged model"
    )
    safe_serialization: bool | None = Field(
        None, description="safetensors (true) or .bin (false); None is the engine's own default"
    )
    device: Literal["auto", "cuda", "cpu"] = Field("auto", description="Where merging happens")
    fp32: bool = Field(False, description="Keep 32-bit weights when converting")


class Evaluate(_Frozen):
    """Prompts answered during training, so that a reader sees the model change."""

    prompts: list[str] = Field(default_factory=list, description="Asked every `every` iterations")
    system: str | None = Field(None, description="System text of these prompts")
    every: PositiveInt | None = Field(None, description="Iterations between evaluations")
    validation_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the training rows held out for the loss during training"
    )


class Expect(_Frozen):
    """What a finished run must show; a difference fails the stage that finds it."""

    rows: int | None = Field(None, description="Rows after conversion")
    train_rows: int | None = Field(None, description="Rows of the training split")
    test_rows: int | None = Field(None, description="Rows of the test split")


class Recipe(_Frozen):
    """One recipe file, resolved."""

    title: str = Field(min_length=1, description="One line, shown by `recipe list`")
    source: str = Field("", description="The tutorial, paper or course this follows")
    engine: EngineName = Field(description="Engine release, e.g. NAME@VERSION; see `recipe env`")
    model: Model = Field(description="The base model")
    data: Data = Field(description="The rows")
    train: Train = Field(
        default_factory=lambda: Train.model_validate({}), description="The training"
    )
    export: Export = Field(
        default_factory=lambda: Export.model_validate({}), description="The result"
    )
    evaluate: Evaluate = Field(
        default_factory=lambda: Evaluate.model_validate({}), description="Prompts on the way"
    )
    expect: Expect = Field(
        default_factory=lambda: Expect.model_validate({}), description="Figures that must come out"
    )
    params: dict[str, str] = Field(
        default_factory=dict,
        description="Short names for `-p NAME=VALUE`: each maps to a dotted key of this recipe",
    )
    engine_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Native keys of the engine, passed through and checked against the engine",
    )

    @property
    def engine_name(self) -> str:
        return self.engine.partition("@")[0]

    @property
    def engine_version(self) -> str:
        return self.engine.partition("@")[2]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe file as written, ``extends`` included."""
    schema = Recipe.model_json_schema()
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
