"""The GPU, its driver, and number formats that it does or does not know."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

GPU: tuple[Explanation, ...] = (
    Explanation(
        id="driver-too-old",
        pattern=r"NVIDIA driver on your system is too old|CUDA driver version is insufficient"
        r"|forward compatibility was attempted on non supported HW|unsupported PTX"
        r"|provided PTX was compiled with an unsupported",
        scope="any",
        cause=(
            "the NVIDIA driver is older than this torch needs",
            "NVIDIA 驱动太旧，不支持当前的 torch",
        ),
        fix=(
            "update the driver, or install a torch built for the CUDA version that nvidia-smi "
            "shows (recipe env install NAME --torch-backend auto)",
            "升级驱动，或安装与 nvidia-smi 所示 CUDA 版本相符的 torch"
            "（recipe env install NAME --torch-backend auto）",
        ),
        sample="RuntimeError: The NVIDIA driver on your system is too old (found version 11060). "
        "Please update your GPU driver",
        source="https://github.com/zai-org/ChatGLM3/issues/100",
    ),
    Explanation(
        id="no-kernel-image",
        pattern=r"no kernel image is available|is not compatible with the current "
        r"PyTorch installation|cudaErrorNoKernelImageForDevice",
        scope="any",
        cause=(
            "this torch (or another library with GPU code) was not built for this model of GPU",
            "当前的 torch（或其他含 GPU 代码的库）没有为这种型号的显卡编译",
        ),
        fix=(
            "install a build that knows the card: a newer torch for a new card, an older one for "
            "an old card (recipe env install NAME --torch-backend cu128 or cu118)",
            "安装支持该显卡的版本：新卡用更新的 torch，旧卡用更旧的"
            "（recipe env install NAME --torch-backend cu128 或 cu118）",
        ),
        sample="RuntimeError: CUDA error: no kernel image is available on the device",
        source="https://github.com/bitsandbytes-foundation/bitsandbytes/issues/48",
    ),
    Explanation(
        id="no-gpu",
        pattern=r"Found no NVIDIA driver|No CUDA GPUs are available|Torch not compiled with CUDA"
        r"|no CUDA-capable device|fp16 mixed precision requires a GPU"
        r"|setup doesn't support bf16/gpu"
        r"|Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is F"
        r"|No GPU found\. A GPU is needed|None of the available devices"
        r"|can only be used on CUDA devices|only available on CUDA for now",
        cause=("no GPU can be seen by torch", "torch 看不到 GPU"),
        fix=(
            "check nvidia-smi, CUDA_VISIBLE_DEVICES and --gpus of the container; or rehearse on "
            "the CPU with --rehearse",
            "检查 nvidia-smi、CUDA_VISIBLE_DEVICES 以及容器的 --gpus；或用 --rehearse 在 CPU "
            "上预演",
        ),
        sample="AssertionError: Torch not compiled with CUDA enabled",
        source="torch/cuda/__init__.py",
    ),
    Explanation(
        id="gpu-number",
        pattern=r"invalid device ordinal(?! at line)|CUDA_VISIBLE_DEVICES.*(?:invalid|out of range)"
        r"|device_id.*must be less than",
        cause=(
            "it asks for a GPU that is not there, or that CUDA_VISIBLE_DEVICES hides",
            "要求的 GPU 编号不存在，或被 CUDA_VISIBLE_DEVICES 隐藏",
        ),
        fix=(
            "train.gpus may not be larger than what nvidia-smi -L lists; unset "
            "CUDA_VISIBLE_DEVICES",
            "train.gpus 不能超过 nvidia-smi -L 列出的数量；必要时 unset CUDA_VISIBLE_DEVICES",
        ),
        sample="RuntimeError: CUDA error: invalid device ordinal",
        source="torch: c10/cuda/CUDAFunctions.cpp",
    ),
    Explanation(
        id="token-out-of-vocabulary",
        pattern=r"device-side assert triggered|srcIndex < srcSelectDimSize"
        r"|index out of range in self"
        r"|Assertion `t >= 0 && t < n_classes` failed",
        cause=(
            "a token (or label) has a number that the model's embedding does not have: tokenizer "
            "and model do not belong together, or tokens were added without resizing",
            "有 token（或标签）的编号超出模型词表：分词器与模型不配套，或新增 token 后没有扩展词表",
        ),
        fix=(
            "take tokenizer and weights from one folder; for added tokens resize the embedding "
            "(resize_vocab); CUDA_LAUNCH_BLOCKING=1 shows the exact place",
            "分词器和权重要来自同一个文件夹；新增 token 时扩展词表（resize_vocab）；"
            "CUDA_LAUNCH_BLOCKING=1 可定位具体位置",
        ),
        sample="RuntimeError: CUDA error: device-side assert triggered",
        source="https://github.com/shibing624/MedicalGPT/issues/275",
    ),
    Explanation(
        id="gpu-broken",
        pattern=r"uncorrectable ECC error|GPU is lost|fallen off the bus|NVRM: Xid|CUDA error: "
        r"(?:unknown error|unspecified launch failure|hardware)|system not yet initialized"
        r"|Unable to determine the device handle|CUDA unknown error|system has unsupported display"
        r"|THCudaCheck FAIL.*(?:unknown|not yet)",
        cause=(
            "the GPU or its driver is in a bad state",
            "GPU 或其驱动处于异常状态",
        ),
        fix=(
            "look at nvidia-smi and `dmesg | grep -i xid`; restart the machine (on A100/H100 also "
            "nvidia-fabricmanager), or rent another one",
            "查看 nvidia-smi 和 `dmesg | grep -i xid`；重启机器（A100/H100 还要检查 "
            "nvidia-fabricmanager），或换一台",
        ),
        sample="RuntimeError: CUDA error: uncorrectable ECC error encountered",
        source="torch: c10/cuda/CUDAException.cpp",
    ),
    Explanation(
        id="gpu-busy",
        pattern=r"CUDA-capable device(?:\(s\) is/are|s are) busy",
        cause=("another program holds the GPU exclusively", "GPU 被其他程序独占"),
        fix=(
            "end the program that nvidia-smi shows, or choose another GPU (CUDA_VISIBLE_DEVICES)",
            "结束 nvidia-smi 中显示的程序，或用 CUDA_VISIBLE_DEVICES 选择另一块 GPU",
        ),
        sample="RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable",
        source="torch: c10/cuda/CUDAException.cpp",
    ),
    Explanation(
        id="illegal-memory-access",
        pattern=r"an illegal memory access was encountered|CUBLAS_STATUS_EXECUTION_FAILED"
        r"|misaligned address",
        cause=(
            "a GPU kernel read outside of its memory: a fault of a kernel library (flash-attn, "
            "bitsandbytes, triton), or of the card",
            "GPU 内核访问越界：内核库（flash-attn、bitsandbytes、triton）或显卡的故障",
        ),
        fix=(
            "CUDA_LAUNCH_BLOCKING=1 shows the place; try without flash attention, then without "
            "quantization, then another card",
            "用 CUDA_LAUNCH_BLOCKING=1 定位；先关闭 flash attention，再关闭量化，最后换一块卡试试",
        ),
        sample="RuntimeError: CUDA error: an illegal memory access was encountered",
        source="torch: c10/cuda/CUDAException.cpp",
    ),
    Explanation(
        id="cuda-library-start",
        pattern=r"CUBLAS_STATUS_NOT_INITIALIZED|CUDNN_STATUS_(?:NOT_INITIALIZED|INTERNAL_ERROR)"
        r"|cuDNN error|Unable to load any of \{?libcudnn|libcudnn.*(?:cannot open|No such)"
        r"|CUBLAS_STATUS_(?:INVALID_VALUE|NOT_SUPPORTED)|GET was unable to find an engine",
        cause=(
            "a CUDA library could not start: no GPU memory left for it, or a library of another "
            "CUDA version on LD_LIBRARY_PATH",
            "CUDA 库无法初始化：没有剩余显存，或 LD_LIBRARY_PATH 里有其他 CUDA 版本的库",
        ),
        fix=(
            "try a smaller batch, and `unset LD_LIBRARY_PATH`",
            "减小 batch，并试试 `unset LD_LIBRARY_PATH`",
        ),
        sample="RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling "
        "`cublasCreate(handle)`",
        source="torch: aten/src/ATen/cuda/CublasHandlePool.cpp",
    ),
    Explanation(
        id="no-bf16",
        pattern=r"[Bb]f16.{0,40}not supported|doesn't support bf16|does not support `pure_bf16`"
        r"|bf16 mixed precision requires|Bfloat16 is only supported on GPUs|BFloat16.{0,60}sm_80"
        r"|bfloat16 is not supported",
        cause=(
            "this GPU has no bf16 (it came with Ampere: A100, RTX 30)",
            "这块 GPU 不支持 bf16（从 Ampere 开始支持：A100、RTX 30）",
        ),
        fix=("set train.precision: fp16", "设置 train.precision: fp16"),
        sample="ValueError: bf16 mixed precision requires PyTorch >= 1.10 and a supported device.",
        source="accelerate/accelerator.py",
    ),
    Explanation(
        id="fp16-weights-trained",
        pattern=r"Attempting to unscale FP16 gradients",
        cause=(
            "fp16 training of weights that are stored in fp16",
            "用 fp16 混合精度训练以 fp16 存储的权重",
        ),
        fix=(
            "set train.precision: bf16 (on a GPU that has it), or fp32",
            "设置 train.precision: bf16（GPU 支持时）或 fp32",
        ),
        sample="ValueError: Attempting to unscale FP16 gradients.",
        source="torch/amp/grad_scaler.py",
    ),
    Explanation(
        id="half-on-cpu",
        pattern=r"not implemented for '(?:Half|BFloat16)'",
        cause=(
            "half precision was asked for where it cannot be computed, usually on the CPU",
            "在不支持半精度的设备（通常是 CPU）上使用了半精度",
        ),
        fix=(
            "run on a GPU, or load the model in float32 on the CPU",
            "改在 GPU 上运行，或在 CPU 上以 float32 加载模型",
        ),
        sample="RuntimeError: \"addmm_impl_cpu_\" not implemented for 'Half'",
        source="torch: aten/src/ATen/Dispatch.h",
    ),
    Explanation(
        id="two-devices",
        pattern=r"Expected all tensors to be on the same device|Cannot copy out of meta tensor"
        r"|Tensor on device meta is not on the expected device",
        cause=(
            "parts of the model are on different devices (GPU, CPU, or not loaded at all)",
            "模型的各部分在不同的设备上（GPU、CPU，或根本没有加载）",
        ),
        fix=(
            "train on GPUs that hold the whole model; no device_map auto and no CPU offload "
            "together with training",
            "用放得下整个模型的 GPU 训练；训练时不要用 device_map auto 或 CPU offload",
        ),
        sample="RuntimeError: Expected all tensors to be on the same device, but found at least "
        "two "
        "devices, cuda:0 and cpu!",
        source="torch: aten/src/ATen/TensorIterator.cpp",
    ),
    Explanation(
        id="dtype-mismatch",
        pattern=r"expected scalar type \w+ but found|mat1 and mat2 must have the same dtype"
        r"|expected m1 and m2 to have the same dtype|Input type \(.*\) and (?:bias|weight) type"
        r"|should have the same dtype|FlashAttention only support fp16"
        r"|[Ee]xpected mat1 and mat2 to have the same|[Ee]xpected \w+ tensor to have dtype",
        cause=(
            "parts of the model have different number formats (fp32, fp16, bf16)",
            "模型各部分的数值精度不一致（fp32、fp16、bf16）",
        ),
        fix=(
            "load the model in the precision of the training (train.precision), and set the "
            "quantized model's compute type to the same",
            "以训练精度（train.precision）加载模型，量化模型的计算精度也设成同一种",
        ),
        sample="RuntimeError: expected scalar type Half but found Float",
        source="torch: aten/src/ATen/native/LinearAlgebra.cpp",
    ),
    Explanation(
        id="driver-mismatch",
        pattern=r"Driver/library version mismatch|couldn't communicate with the NVIDIA driver"
        r"|NVML: (?:Driver Not Loaded|Unknown Error)",
        scope="any",
        cause=(
            "the NVIDIA driver does not answer: it was updated without a restart, or is not loaded",
            "NVIDIA 驱动没有响应：更新后没有重启，或没有加载",
        ),
        fix=(
            "restart the machine (in a container: start it again); nvidia-smi must work first",
            "重启机器（容器则重新启动）；先让 nvidia-smi 能正常运行",
        ),
        sample="Failed to initialize NVML: Driver/library version mismatch",
        source="nvidia-smi",
    ),
    Explanation(
        id="kernel-too-large",
        pattern=r"OutOfResources|out of resource: shared memory",
        cause=(
            "a triton kernel needs more on-chip memory than this model of GPU has",
            "triton 内核需要的片上内存超出了该型号 GPU",
        ),
        fix=(
            "switch off the fused kernels (liger, unsloth, torch.compile), or use a newer GPU",
            "关闭融合内核（liger、unsloth、torch.compile），或换用较新的 GPU",
        ),
        sample="triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: "
        "163840, Hardware limit: 101376.",
        source="triton/runtime/errors.py",
    ),
    Explanation(
        id="shapes-do-not-fit",
        pattern=r"mat1 and mat2 shapes cannot be multiplied|'weight' must be 2-D"
        r"|The size of tensor a"
        r" \(\d+\) must match the size of tensor b",
        certain=False,
        cause=(
            "two tensors have shapes that do not fit: parts of different models, quantized weights "
            "used as plain ones, or weights that ZeRO-3 has split",
            "张量形状不匹配：混用了不同的模型、把量化权重当普通权重，或权重被 ZeRO-3 切分",
        ),
        fix=(
            "use base, adapter and tokenizer of one model; try deepspeed zero2 for zero3, and "
            "without quantization",
            "使用同一模型的基座、适配器和分词器；把 zero3 换成 zero2，并试试不量化",
        ),
        sample="RuntimeError: mat1 and mat2 shapes cannot be multiplied (512x4096 and 1x8388608)",
        source="torch: aten/src/ATen/native/LinearAlgebra.cpp",
    ),
)
