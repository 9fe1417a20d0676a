"""Memory: the GPU's, the machine's, and what a process that was ended looks like."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

MEMORY: tuple[Explanation, ...] = (
    Explanation(
        id="gpu-out-of-memory",
        pattern=r"CUDA out of memory|CUDA error: out of memory|\bOutOfMemoryError\b"
        r"|CUBLAS_STATUS_ALLOC_FAILED|NPU out of memory|HIP out of memory"
        r"|cudaErrorMemoryAllocation",
        cause=("the GPU's memory is full", "GPU 显存不足"),
        fix=(
            "in this order: train.batch_size 1, a shorter train.max_length, train.method qlora, "
            "deepspeed zero2 or zero3 with offload; end other programs that hold the GPU "
            "(nvidia-smi)",
            "依次尝试：train.batch_size 设为 1、缩短 train.max_length、train.method 改用 qlora、"
            "使用带 offload 的 deepspeed zero2/zero3；并用 nvidia-smi 结束占用显存的其他程序",
        ),
        sample="torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 50.00 MiB. "
        "GPU 0 "
        "has a total capacty of 11.99 GiB of which 0 bytes is free.",
        source="https://github.com/Panchovix/stable-diffusion-webui-reForge/issues/191",
    ),
    Explanation(
        id="model-partly-on-cpu",
        pattern=r"Some modules are dispatched on the CPU or the disk",
        cause=(
            "the quantized model does not fit into the free GPU memory",
            "量化后的模型放不进剩余的显存",
        ),
        fix=(
            "end other programs that hold the GPU (nvidia-smi), or use a smaller model or a "
            "larger GPU",
            "结束占用显存的其他程序（nvidia-smi），或换用更小的模型、更大的 GPU",
        ),
        sample="ValueError: Some modules are dispatched on the CPU or the disk. Make sure you have "
        "enough GPU RAM to fit the quantized model.",
        source="transformers/quantizers/quantizer_bnb_4bit.py",
    ),
    Explanation(
        id="shared-memory",
        pattern=r"killed by signal: Bus error|out of shared memory|insufficient shared memory"
        r"|unable to (?:open|allocate) shared memory(?![^\n]*Too many open)|/dev/shm.*[Nn]o space"
        r"|\bnccl-\w+.*No space left",
        cause=(
            "the shared memory (/dev/shm) is too small for the data workers",
            "共享内存（/dev/shm）对数据加载进程来说太小",
        ),
        fix=(
            "start the container with --shm-size 16g (or --ipc=host), or load with fewer workers "
            "(dataloader_num_workers 0)",
            "启动容器时加 --shm-size 16g（或 --ipc=host），或减少数据加载进程"
            "（dataloader_num_workers 0）",
        ),
        sample="RuntimeError: DataLoader worker (pid 37) is killed by signal: Bus error. It is "
        "possible that dataloader's workers are out of shared memory.",
        source="https://github.com/open-mmlab/mmdetection/issues/1997",
    ),
    Explanation(
        id="host-out-of-memory",
        pattern=r"DefaultCPUAllocator: (?:can't allocate|not enough) memory|\bMemoryError\b"
        r"|std::bad_alloc|ArrowMemoryError|\[Errno 12\]|Cannot allocate memory"
        r"|cannot allocate memory for thread-local"
        r"|\w*MemoryError\b|os error 1455|页面文件太小",
        cause=("the machine's own memory (RAM) is full", "主机内存（RAM）不足"),
        fix=(
            "end other programs, use fewer workers (preprocessing_num_workers 1), add swap, or use "
            "a machine with more memory: merging needs about twice the size of the weights",
            "结束其他程序、减少工作进程（preprocessing_num_workers 1）、增加交换空间，或换内存更大"
            "的机器：合并大约需要权重两倍大小的内存",
        ),
        sample="RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: "
        "can't allocate memory: you tried to allocate 335544320000 bytes. Error code 12 (Cannot "
        "allocate memory)",
        source="https://github.com/lllyasviel/stable-diffusion-webui-forge/issues/2621",
    ),
    Explanation(
        id="host-memory-killed",
        pattern=r"oom_kill count rose|[Oo]ut of memory: Killed process|oom[-_]kill(?:er)? event"
        r"|invoked oom-killer|Memory cgroup out of memory|OOMKilled(?!\W+false)"
        r"|killed.*by the cgroup"
        r"|exceeded memory limit|OutOfMemoryKill"
        r"|srun: error: [^\n]*Out Of Memory",
        scope="any",
        cause=(
            "the kernel killed a process because the machine's memory (RAM) was full",
            "主机内存（RAM）耗尽，内核结束了一个进程",
        ),
        fix=(
            "use a machine (or a job) with more memory, fewer workers, or smaller shards when "
            "merging (export.max_shard_size); GPU settings do not help here",
            "换内存更大的机器（或给任务更多内存）、减少工作进程，合并时用更小的分片"
            "（export.max_shard_size）；调整显存参数没有用",
        ),
        sample="slurmstepd: error: Detected 1 oom_kill event in StepId=11300781.0. Some of the "
        "step tasks have been OOM Killed.",
        source="https://github.com/nextflow-io/nextflow/issues/5932",
    ),
    Explanation(
        id="worker-killed",
        pattern=r"DataLoader worker \(pid.*\) is killed by signal: (?:Killed|Terminated)"
        r"|subprocesses has abruptly died during map operation|BrokenProcessPool"
        r"|A worker process was terminated|process in the process pool was terminated",
        cause=(
            "a process that prepares the data was killed, usually because the machine's memory "
            "(RAM) was full",
            "准备数据的子进程被杀掉，通常是主机内存（RAM）不足",
        ),
        fix=(
            "use fewer workers: preprocessing_num_workers 1, dataloader_num_workers 0",
            "减少工作进程：preprocessing_num_workers 1、dataloader_num_workers 0",
        ),
        sample="RuntimeError: DataLoader worker (pid 1562937) is killed by signal: Killed.",
        source="https://github.com/NWPUZhoufei/LDP-Net/issues/4",
    ),
    Explanation(
        id="killed",
        pattern=r"ended with exit code (?:-9|137)\b|exit(?:ed with|s with return)? code\s?=?:? ?"
        r"(?:-9|137)\b|exitcode\s*: -9\b|Signal 9 \(SIGKILL\)|SIGKILL: 9|signal 9:? ?SIGKILL"
        r"|killed by signal 9|terminated with signal SIGKILL|return code = -9|^Killed$"
        r"|:\s+\d+ Killed\s|\d+ 已杀死",
        cause=(
            "it was killed (signal 9): the kernel does so when the machine's memory (RAM) is full, "
            "a scheduler when a job exceeds its limits",
            "进程被强制结束（信号 9）：主机内存（RAM）不足时内核会这样做，任务超限时调度器也会",
        ),
        fix=(
            "look at the memory while it runs (free -h) and at `dmesg | tail`; use a machine or a "
            "job with more memory",
            "运行时用 free -h 查看内存，并看 `dmesg | tail`；换内存更大的机器或给任务更多内存",
        ),
        sample="Process finished with exit code 137 (interrupted by signal 9:SIGKILL)",
        source="https://github.com/teacherpeterpan/Logic-LLM/issues/10",
    ),
)
