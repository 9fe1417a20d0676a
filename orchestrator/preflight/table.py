"""Every rule of the preflight, in the order in which they are told."""

from __future__ import annotations

from orchestrator.preflight import content, machine
from orchestrator.preflight.rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        id="recipe",
        looks=(
            "every key and value against the schema and the engine release: template, optimizer, "
            "schedule, method",
            "每个键和值是否符合模式和引擎版本：模板、优化器、调度、方法",
        ),
        source="the engine's own registries (orchestrator/engines/*/unsupported.py)",
        examine=lambda _here: (),  # a recipe with faults is no situation: preflight/checking.py
    ),
    Rule(
        id="parameters",
        looks=(
            "required parameters, and what the model will say",
            "必需的参数，以及模型将会说什么",
        ),
        source="InternLM tutorial, camp 1, lesson 4, self.md",
        examine=content.parameters,
    ),
    Rule(
        id="rows",
        looks=("whether the rows are there", "数据是否存在"),
        source="rows that are missing stop a run after the model has come",
        examine=content.rows,
    ),
    Rule(
        id="model",
        looks=("whether a model folder that is named is whole", "指定的模型文件夹是否完整"),
        source="docs/models.md, what is checked",
        examine=content.model,
    ),
    Rule(
        id="environment",
        looks=("the engine's environment", "引擎的环境"),
        source="docs/engine-environments.md",
        examine=machine.environment,
        machine=True,
    ),
    Rule(
        id="gpu",
        looks=("whether there is a GPU", "是否有 GPU"),
        source="nvidia-smi; CUDA_VISIBLE_DEVICES",
        examine=machine.gpu,
        machine=True,
    ),
    Rule(
        id="gpu-count",
        looks=("GPUs asked for and GPUs there are", "所需与现有的 GPU 数量"),
        source="torchrun: invalid device ordinal",
        examine=machine.gpu_count,
    ),
    Rule(
        id="driver",
        looks=("the driver against the release's CUDA", "驱动与该版本的 CUDA"),
        source="NVIDIA, CUDA Compatibility, table 2: minor version compatibility",
        examine=machine.driver,
        machine=True,
    ),
    Rule(
        id="compute-capability",
        looks=("GPUs against the kernels of the release's torch", "GPU 与该版本 torch 的内核"),
        source="PyTorch, RELEASE.md, CUDA Support Matrix",
        examine=machine.compute,
        machine=True,
    ),
    Rule(
        id="bf16",
        looks=("bf16 on these GPUs", "这些 GPU 是否支持 bf16"),
        source="NVIDIA Ampere architecture: compute capability 8.0",
        examine=machine.bf16,
    ),
    Rule(
        id="gpu-memory",
        looks=("GPU memory: the estimate, what there is, what is free", "显存：估算、总量和空闲量"),
        source="docs/memory.md",
        examine=machine.gpu_memory,
    ),
    Rule(
        id="host-memory",
        looks=("host memory of converting, merging and offload", "转换、合并和卸载所需的主机内存"),
        source="converting ends without a word where the kernel kills it: docs/preflight.md",
        examine=machine.host_memory,
    ),
    Rule(
        id="disk-space",
        looks=(
            "disk for engine, download, checkpoints and merge",
            "引擎、下载、检查点和合并所需的磁盘",
        ),
        source="docs/models.md; what each stage writes",
        examine=machine.disk,
    ),
    Rule(
        id="lora-targets",
        looks=("each LoRA target against the model's modules", "每个 LoRA 目标是否是模型的模块"),
        source="peft: a target that fits nothing is left out in silence when another one fits",
        examine=content.lora_targets,
    ),
    Rule(
        id="model-code",
        looks=(
            "code that the model brings against the release's transformers",
            "模型自带的代码与该版本的 transformers",
        ),
        source="transformers 4.45: padding_side in _pad() (11 threads)",
        examine=content.model_code,
    ),
    Rule(
        id="optimizer-steps",
        looks=(
            "optimizer steps of the whole run, with its number of GPUs",
            "整个运行的优化步数（按其 GPU 数）",
        ),
        source="three rows, one iteration an epoch: a model that learnt nothing",
        examine=content.optimizer_steps,
    ),
    Rule(
        id="port",
        looks=("the port that the training listens on", "训练监听的端口"),
        source="torch.distributed: address already in use",
        examine=content.ports,
    ),
    Rule(
        id="distributed-variables",
        looks=("RANK, WORLD_SIZE and the like", "RANK、WORLD_SIZE 等变量"),
        source="torch.distributed, environment variable initialization",
        examine=content.distributed,
        machine=True,
    ),
    Rule(
        id="preflight-ignore",
        looks=("rules that the recipe silences", "配方忽略的规则"),
        source="docs/preflight.md",
        examine=lambda _here: (),  # needs this table: preflight/checking.py
    ),
)
