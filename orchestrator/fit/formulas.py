"""What a training takes on each GPU and on the host: parts in bytes.

The coefficients are those that came within 6% (median) and 13% (at worst) of 29 published points;
``tests/unit/test_fit_points.py`` holds them to such points. Every source stands at its function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.base.language import say
from orchestrator.fit.shape import Shape, Unknown

GIB = 2**30
#: What a process with CUDA, cuBLAS and the driver's own buffers takes before any tensor.
CONTEXT = GIB
#: Python, torch and the libraries of a training, before any tensor: resident size on the host.
PROCESS = 3 * GIB
#: DeepSpeed's reduce_bucket_size: 5e8 elements of 2 bytes (deepspeed/runtime/zero/config.py).
BUCKET = 1_000_000_000
#: Bytes a weight of an optimizer's own states, by what its name holds; AdamW's two fp32 moments
#: are 8 (arXiv:1910.02054, section 3.1), in 8 bits 2 (arXiv:2110.02861).
OPTIMIZERS: Sequence[tuple[str, int]] = (
    ("8bit", 2),
    ("adam", 8),
    ("lion", 4),
    ("adafactor", 1),
    ("sgd", 0),
)

Zero = Literal[0, 1, 2, 3]


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training as memory sees it. An engine fills it in from a recipe and its own defaults."""

    method: Literal["full", "freeze", "lora", "qlora", "ptuning"]
    length: int
    batch: int
    gpus: int = 1
    rank: int = 8
    targets: tuple[str, ...] = ()
    """Modules with an adapter; none: every linear layer."""
    prefix: int = 0
    """P-Tuning v2: tokens of the prefix."""
    layers: int = 0
    """Method freeze: how many layers are trained."""
    bits: int = 4
    double_quantization: bool = True
    weight_bytes: float = 2
    """Bytes of a frozen weight that is not quantised, in the linear layers."""
    embedding_bytes: int = 2
    """The same of embeddings and norms: 4 where k-bit preparation turns them into fp32."""
    copies: bool = False
    """Trained weights are fp32 and autocast keeps a 16-bit copy (every weight trained, no
    DeepSpeed)."""
    pure: bool = False
    """Trained weights, gradients and moments are all of 16 bits."""
    optimizer: str = "adamw"
    zero: Zero = 0
    offload: bool = False
    """Optimizer states (and under ZeRO-3 the weights) live on the host."""
    buckets: int = 0
    """DeepSpeed's reduce buckets on each GPU (two where it overlaps communication)."""
    checkpointing: bool = True
    eager: bool = False
    """Attention that writes its whole matrix of scores."""
    fused_loss: bool = False


@dataclass(frozen=True)
class Need:
    """Memory of one place in parts (name -> bytes); or why it is unknown."""

    parts: dict[str, int] = field(default_factory=dict)
    unknown: str = ""

    @property
    def total(self) -> int | None:
        """Bytes in all; None where it is unknown."""
        return None if self.unknown else sum(self.parts.values())


@dataclass(frozen=True)
class StageNeed:
    """What one stage takes: on each of its GPUs, and on the host."""

    stage: str
    gpu: Need
    host: Need


def trained(shape: Shape, training: Training) -> int:
    """How many weights are trained."""
    if training.method == "full":
        return shape.weights
    if training.method == "freeze":
        return shape.linear * min(training.layers, shape.layers) // shape.layers
    if training.method == "ptuning":
        # One key and one value a layer for each prefix token (arXiv:2110.07602).
        return training.prefix * 2 * shape.layers * shape.key_heads * shape.head_size
    return shape.adapter(training.rank, training.targets)


def frozen_bytes(shape: Shape, training: Training) -> int:
    """The weights that are not trained, on one GPU before ZeRO divides them.

    NF4 with double quantisation is 4.127 bits a weight, 0.516 bytes (arXiv:2305.14314, section 3);
    without it one fp32 constant for 64 weights: 0.5625. 8 bits: one byte.
    """
    if training.method == "full":
        return 0
    linear = float(training.weight_bytes)
    if training.method == "qlora":
        linear = 1.0 if training.bits == 8 else 0.516 if training.double_quantization else 0.5625
    rest = (shape.embeddings + shape.norms) * training.embedding_bytes
    kept = shape.linear - (trained(shape, training) if training.method == "freeze" else 0)
    return int(kept * linear) + rest


def optimizer_bytes(name: str) -> int:
    """Bytes a trained weight of the optimizer's states; :class:`Unknown` for one not in the table.

    >>> optimizer_bytes("PagedAdamW8bit"), optimizer_bytes("adamw_torch")
    (2, 8)
    """
    low = name.lower()
    for word, size in OPTIMIZERS:
        if word in low:
            return size
    raise Unknown(
        say(f"what the optimizer {name} keeps is not known", f"不知道优化器 {name} 占用多少")
    )


def states(shape: Shape, training: Training) -> tuple[dict[str, int], int]:
    """Trained weights, gradients and optimizer states: (parts on each GPU, bytes on the host).

    16 bytes a trained weight with AdamW: 2 + 2 + 4 + 8 in mixed precision, or 4 + 4 + 8 in fp32.
    ZeRO divides the optimizer's 12 by the GPUs, then the gradients' 2, then the weights' 2; with
    offload those parts lie on the host (arXiv:1910.02054, section 3; arXiv:2101.06840).
    """
    count, gpus = trained(shape, training), training.gpus
    update = 4 + optimizer_bytes(training.optimizer)  # the fp32 weight, and the states
    on_gpu, on_host = {"states": count * (4 + update)}, 0
    if training.pure:
        on_gpu = {"states": count * (4 + optimizer_bytes(training.optimizer) // 2)}
    if training.zero:
        weight = 2 / gpus if training.zero == 3 else 2
        gradient = 2 / gpus if training.zero >= 2 else 2
        on_gpu = {"states": int(count * (weight + gradient + update / gpus))}
        if training.offload:
            # Gradients go to the host in fp32 as they come; a stage-3 GPU keeps no weights.
            weight = 0 if training.zero == 3 else 2
            on_gpu = {"states": int(count * weight)}
            on_host = count * (4 + update) + (count * 2 if training.zero == 3 else 0)
    if training.zero in (1, 2) and training.buckets:
        on_gpu["buckets"] = training.buckets * BUCKET
    if training.zero == 3:
        # Weights that are gathered while they are used: stage3_max_live_parameters, 1e9 of 2 bytes.
        on_gpu["gathered"] = min(2_000_000_000, 2 * shape.weights)
    if training.zero == 0 and gpus > 1:
        on_gpu["buckets"] = 4 * count  # torch's DistributedDataParallel copies every gradient
    if training.copies:
        on_gpu["copies"] = 2 * count
    return on_gpu, on_host


def activations(shape: Shape, training: Training) -> dict[str, int]:
    """What a step keeps for its backward pass, with every layer checkpointed.

    The input of each layer, 2 bytes x L x t x h, and one layer computed again, 34 x t x h; eager
    attention adds 5 x heads x length x length x batch (Korthikanti et al., arXiv:2205.05198,
    section 4.1). t = batch x length tokens.
    """
    if not training.checkpointing:
        raise Unknown(
            say(
                "without gradient checkpointing it depends on what each kernel keeps",
                "不使用梯度检查点时，取决于每个算子保留什么",
            )
        )
    tokens, length = training.batch * training.length, training.length + training.prefix
    kept = 2 * shape.layers * tokens * shape.hidden + 34 * tokens * shape.hidden
    parts = {"activations": kept}
    if training.eager:
        parts["attention"] = 5 * shape.heads * length * length * training.batch
    return parts


def logits(shape: Shape, training: Training) -> int:
    """The head's output and its loss: 14 x t x V, and more where the model's code copies it.

    A fused loss works through slices of t x h / V rows (Liger, arXiv:2410.10989, section 3.2).
    """
    tokens = training.batch * training.length
    columns = shape.hidden if training.fused_loss else shape.vocabulary
    return shape.logit_bytes * tokens * min(columns, shape.vocabulary)


def train_needs(shape: Shape, training: Training, *, stage: str = "train") -> StageNeed:
    """What a training takes on each GPU and, for all its processes, on the host."""
    try:
        parts, on_host = states(shape, training)
        frozen = frozen_bytes(shape, training)
        if training.zero == 3:
            frozen = 0 if training.offload else frozen // training.gpus
        gpu = {
            "weights": frozen,
            **parts,
            **activations(shape, training),
            "logits": logits(shape, training),
            "context": CONTEXT,
        }
    except Unknown as why:
        return StageNeed(stage, Need(unknown=str(why)), Need(unknown=str(why)))
    host = {"processes": training.gpus * PROCESS, "shard": training.gpus * shard(shape)}
    if on_host:
        host["offloaded states"] = on_host
    if training.offload and training.zero == 3 and training.method != "full":
        host["offloaded weights"] = frozen_bytes(shape, training)
    return StageNeed(stage, Need({k: v for k, v in gpu.items() if v}), Need(host))


def shard(shape: Shape) -> int:
    """The file that is read while a model is loaded: weights come in files of 10 GB at most
    (transformers' max_shard_size before 5.0), and only one is in memory."""
    return min(10_000_000_000, 2 * shape.weights)


def hold(
    shape: Shape, stage: str, *, on_gpu: bool, weight_bytes: float = 2, copies: int = 1
) -> StageNeed:
    """A stage that only holds the model: converting, merging, exporting.

    ``copies`` of it, ``weight_bytes`` each weight; loading and saving touch one file at a time.
    """
    held = int(shape.weights * weight_bytes) * copies
    if on_gpu:
        gpu = Need({"weights": held, "context": CONTEXT})
        return StageNeed(stage, gpu, Need({"processes": PROCESS, "shard": shard(shape)}))
    return StageNeed(stage, Need(), Need({"processes": PROCESS, "weights": held}))
