"""Packages with GPU code of their own: flash attention, bitsandbytes, triton."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

KERNELS: tuple[Explanation, ...] = (
    Explanation(
        id="flash-attn-missing",
        pattern=r"flash_attn seems to be not installed|FlashAttention2 has been toggled on"
        r"|No module named 'flash_attn|flash_attn.{0,30} is required"
        r"|Please install (?:FlashAttention"
        r"|flash[-_]attn)|flash_attn_2_cuda: cannot open",
        cause=(
            "flash attention was asked for and is not installed",
            "要求使用 flash attention，但没有安装",
        ),
        fix=(
            "use sdpa or eager attention (flash_attn: sdpa, attn_implementation), or pip install "
            "flash-attn --no-build-isolation",
            "改用 sdpa 或 eager（flash_attn: sdpa、attn_implementation），或 pip install "
            "flash-attn "
            "--no-build-isolation",
        ),
        sample="ImportError: FlashAttention2 has been toggled on, but it cannot be used due to the "
        "following error: the package flash_attn seems to be not installed.",
        source="transformers/modeling_utils.py",
    ),
    Explanation(
        id="flash-attn-gpu",
        pattern=r"FlashAttention only supports Ampere|flash attention.*requires.*(?:sm_?80"
        r"|[Aa]mpere)"
        r"|FlashAttention is only supported on CUDA"
        r"|Expected is_sm80 to be true",
        cause=(
            "this GPU is too old for flash attention (it needs Ampere: A100, RTX 30)",
            "这块 GPU 不支持 flash attention（需要 Ampere：A100、RTX 30）",
        ),
        fix=(
            "use sdpa or eager attention (flash_attn: sdpa, attn_implementation)",
            "改用 sdpa 或 eager（flash_attn: sdpa、attn_implementation）",
        ),
        sample="RuntimeError: FlashAttention only supports Ampere GPUs or newer.",
        source="flash-attention: csrc/flash_attn/flash_api.cpp",
    ),
    Explanation(
        id="bitsandbytes-cuda",
        # Both words stand in harmless warnings too: only an error of theirs counts.
        pattern=r"^[\w.]*(?:Error|Exception)\b[^\n]*(?:cadam32bit_grad_fp32|cquantize_blockwise"
        r"|compiled without GPU support|str2optimizer32bit|cget_managed_ptr|libbitsandbytes)"
        r"|CUDA Setup failed despite (?:GPU|CUDA) being available"
        r"|name 'str2optimizer\w+' is not def"
        r"|'NoneType' object has no attribute 'c(?:get|dequantize|quantize|adam|gemm)\w*'"
        r"|Error named symbol not found at line \d+ in file|Configured CUDA binary not found"
        r"|Error [\w ]+ at line \d+ in file \S*(?:bitsandbytes|ops\.cu|pythonInterface)",
        cause=(
            "bitsandbytes found no CUDA library that fits, and 4 bits and paged optimizers need "
            "one",
            "bitsandbytes 找不到匹配的 CUDA 库，而 4 比特量化和分页优化器需要它",
        ),
        fix=(
            "check the driver with nvidia-smi, then `python -m bitsandbytes`; install a newer "
            "bitsandbytes, or do without: train.method lora, train.optimizer AdamW",
            "用 nvidia-smi 检查驱动，再运行 `python -m bitsandbytes`；安装更新的 bitsandbytes，"
            "或不用它：train.method lora、train.optimizer AdamW",
        ),
        sample="RuntimeError: \n        CUDA Setup failed despite GPU being available. Please "
        "run the "
        "following command to get more information:",
        source="https://github.com/bitsandbytes-foundation/bitsandbytes/issues/828",
    ),
    Explanation(
        id="bitsandbytes-missing",
        pattern=r"No module named 'bitsandbytes|(?:quantization|optimizer|bitsandbytes`?).{0,40}"
        r"requires? (?:the latest version of |an up-to-date version of )?`?bitsandbytes"
        r"|PackageNotFoundError: .*bitsandbytes|Using `bitsandbytes` .*requires"
        r"|You need to install bitsandbytes"
        r"|Using .{0,60}requires.{0,160}bitsandbytes|name .bnb. is not defined",
        cause=(
            "4 or 8 bits were asked for, and bitsandbytes is missing or too old",
            "要求 4/8 比特量化，但 bitsandbytes 未安装或太旧",
        ),
        fix=(
            "pip install -U bitsandbytes into the engine's environment, or set train.method: lora",
            "在引擎环境中 pip install -U bitsandbytes，或设置 train.method: lora",
        ),
        sample="ImportError: Using `bitsandbytes` 4-bit quantization requires bitsandbytes: `pip "
        "install -U bitsandbytes>=0.46.1`",
        source="transformers/quantizers/quantizer_bnb_4bit.py",
    ),
    Explanation(
        id="triton-version",
        pattern=r"No module named 'triton\.\w+|cannot import name .* from 'triton"
        r"|PassManager::run fail",
        cause=(
            "triton has a version that another package (often an old bitsandbytes) cannot use",
            "triton 版本与其他包（常见为旧版 bitsandbytes）不兼容",
        ),
        fix=(
            "install a newer bitsandbytes, or the triton that belongs to this torch",
            "安装更新的 bitsandbytes，或与当前 torch 配套的 triton",
        ),
        sample="ModuleNotFoundError: No module named 'triton.ops'",
        source="bitsandbytes/triton/triton_utils.py",
    ),
)
