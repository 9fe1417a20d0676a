"""The part of a recipe that says how the model is trained."""

# No `from __future__ import annotations`: the validator reads the annotations as types.

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.base.language import say
from orchestrator.recipe.value import Problem, Value, about


@dataclass(frozen=True, kw_only=True)
class Lora(Value):
    """Low-rank adapter settings (Hu et al. 2021, arXiv:2106.09685); ``null`` is the engine's."""

    rank: int | None = field(default=None, metadata=about("Rank r", ge=1))
    alpha: float | None = field(
        default=None, metadata=about("Scale: the update is multiplied by alpha / rank", gt=0)
    )
    dropout: float | None = field(
        default=None, metadata=about("Dropout before the adapter", ge=0, le=1)
    )
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
class Ptuning(Value):
    """P-Tuning v2 (arXiv:2110.07602): a trained prefix before every layer; the model is frozen."""

    prefix_length: int | None = field(
        default=None, metadata=about("Positions of the prefix (pre_seq_len)", ge=1)
    )
    projection: bool = field(
        default=False, metadata=about("Make the prefix by a small network (prefix_projection)")
    )
    quantization_bit: Literal[4, 8] | None = field(
        default=None, metadata=about("Bits a weight of the frozen model; null: not quantised")
    )


@dataclass(frozen=True, kw_only=True)
class Preference(Value):
    """The loss of preference training (stages dpo and kto); ``null`` is the engine's own."""

    beta: float | None = field(
        default=None,
        metadata=about("How strongly the model is held to the one it started from", ge=0),
    )
    loss: str | None = field(
        default=None,
        metadata=about("Kind of loss, by the engine's own name (sigmoid, ipo, orpo, simpo …)"),
    )
    sft_share: float | None = field(
        default=None, metadata=about("Weight of the plain loss on the chosen answer", ge=0)
    )


@dataclass(frozen=True, kw_only=True)
class Train(Value):
    """How the model is trained. ``null`` is the engine's own default."""

    stage: Literal["sft", "pt", "rm", "dpo", "kto"] = field(
        default="sft", metadata=about("Kind of training")
    )
    method: Literal["full", "lora", "qlora", "freeze", "ptuning"] = field(
        default="qlora", metadata=about("Which weights are trained")
    )
    lora: Lora = field(default_factory=Lora, metadata=about("Adapter"))
    quantization: Quantization = field(default_factory=Quantization, metadata=about("For qlora"))
    ptuning: Ptuning = field(default_factory=Ptuning, metadata=about("For ptuning"))
    preference: Preference = field(
        default_factory=Preference, metadata=about("For the stages dpo and kto")
    )
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
        default=None,
        metadata=about("Iterations between checkpoints; -1: none before the end", ge=-1),
    )
    save_total_limit: int | None = field(
        default=None, metadata=about("Checkpoints kept; -1 keeps all", ge=-1)
    )
    logging_steps: int | None = field(
        default=None, metadata=about("Iterations between log lines", ge=1)
    )
    report_to: list[str] | None = field(
        default=None,
        metadata=about("Trackers that get the curves (tensorboard, wandb, swanlab …); []: none"),
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

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        if given.get("save_steps") == 0:
            what = say(
                "must be at least 1, or -1 for none before the end, not 0",
                "必须不小于 1；-1 表示结束前不保存；不能为 0",
            )
            yield what, "save_steps"
