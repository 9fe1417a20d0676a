"""Several processes or GPUs: launchers, NCCL, ports, DeepSpeed."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

DISTRIBUTED: tuple[Explanation, ...] = (
    Explanation(
        id="port-in-use",
        pattern=r"[Aa]ddress already in use|EADDRINUSE"
        r"|Cannot find empty port in range"
        r"|server socket has failed to listen on any local",
        cause=(
            "the port for the processes' meeting is taken by another program",
            "进程间通信的端口已被其他程序占用",
        ),
        fix=(
            "end the other (or leftover) training, or take another port: export MASTER_PORT=29501 "
            "(PORT=29501 as well for mmengine)",
            "结束另一个（或残留的）训练，或换一个端口：export MASTER_PORT=29501（mmengine 读 "
            "PORT）",
        ),
        sample="RuntimeError: The server socket has failed to listen on any local network address. "
        "port: 29500, useIpv6: 0, code: -98, name: EADDRINUSE, message: address already in use",
        source="https://github.com/xdit-project/mochi-xdit/issues/22",
    ),
    Explanation(
        id="collective-timeout",
        pattern=r"Watchdog caught collective operation timeout|watchdog got stuck for \d+ seconds"
        r"|Timed out waiting \d+ms for (?:send|recv)|wait timeout after \d+ms|"
        r"Watchdog hit unrecoverable|monitoredBarrier",
        role="consequence",
        cause=(
            "one process waited for another until its time was up: that one was still preparing "
            "data, hung, or had died",
            "一个进程等另一个进程直到超时：对方还在处理数据、卡住了，或已退出",
        ),
        fix=(
            "prepare the data once with one GPU (it is cached), then start again; look into the "
            "other ranks' logs; NCCL_P2P_DISABLE=1 helps on some consumer cards",
            "先用一块 GPU 处理好数据（会缓存），再重新启动；查看其他 rank 的日志；"
            "部分消费级显卡需要 NCCL_P2P_DISABLE=1",
        ),
        sample="[rank0]:[E321 02:07:08.408271257 ProcessGroupNCCL.cpp:607] [Rank 0] Watchdog "
        "caught "
        "collective operation timeout: WorkNCCL(SeqNum=1580, OpType=ALLREDUCE, NumelIn=466119168, "
        "NumelOut=466119168, Timeout(ms)=600000) ran for 600060 milliseconds before timing out.",
        source="https://github.com/hiyouga/LlamaFactory/issues/7396",
    ),
    Explanation(
        id="duplicate-gpu",
        pattern=r"Duplicate GPU detected",
        cause=(
            "two processes use the same GPU",
            "两个进程使用了同一块 GPU",
        ),
        fix=(
            "start no more processes than there are GPUs, and do not start the launcher twice",
            "进程数不要超过 GPU 数，也不要重复启动启动器",
        ),
        sample="ncclInvalidUsage: This usually reflects invalid usage of NCCL library. Duplicate "
        "GPU "
        "detected : rank 1 and rank 0 both on CUDA device 2000",
        source="nccl/src/init.cc",
    ),
    Explanation(
        id="nccl-peer-lost",
        pattern=r"ncclRemoteError|remote process (?:exited|has)|Connection closed by (?:localRank|"
        r"remote peer)|NCCL communicator was aborted|Connection reset by peer|Broken pipe"
        r"|recvValue failed|failed to recv, got 0 bytes|Socket Timeout|Some NCCL operations have "
        r"failed|connection was likely closed",
        role="consequence",
        cause=(
            "another process of this training went away first",
            "同一训练中的另一个进程先退出了",
        ),
        fix=(
            "find the first error in the other ranks' logs: this one only follows from it",
            "在其他 rank 的日志里找最早的报错：这一条只是它的后果",
        ),
        sample="torch.distributed.DistBackendError: NCCL communicator was aborted on rank 1.",
        source="torch: torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp",
    ),
    Explanation(
        id="nccl-error",
        pattern=r"NCCL error|ncclSystemError|ncclUnhandledCudaError|ncclInternalError"
        r"|ncclInvalidUsage|NCCL WARN (?:Call to|Error)|unhandled (?:cuda|system) error"
        r"|NCCL Error|NCCL WARN",
        cause=(
            "the GPUs could not talk to each other (NCCL)",
            "GPU 之间无法通信（NCCL）",
        ),
        fix=(
            "NCCL_DEBUG=INFO names the reason; often help NCCL_P2P_DISABLE=1, NCCL_IB_DISABLE=1, "
            "NCCL_SOCKET_IFNAME=eth0, or a larger /dev/shm",
            "NCCL_DEBUG=INFO 会给出原因；常见做法：NCCL_P2P_DISABLE=1、NCCL_IB_DISABLE=1、"
            "NCCL_SOCKET_IFNAME=eth0，或加大 /dev/shm",
        ),
        sample="torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/"
        "ProcessGroupNCCL.cpp:1331, unhandled system error, NCCL version 2.18.1",
        source="torch: torch/csrc/distributed/c10d/NCCLUtils.hpp",
    ),
    Explanation(
        id="nccl-missing",
        pattern=r"Distributed package doesn't have NCCL|NCCL is not available",
        cause=("this torch was built without NCCL", "当前的 torch 不含 NCCL"),
        fix=(
            "install torch's CUDA build on Linux (recipe env install NAME --torch-backend auto)",
            "在 Linux 上安装 CUDA 版 torch（recipe env install NAME --torch-backend auto）",
        ),
        sample="RuntimeError: Distributed package doesn't have NCCL built in",
        source="torch/distributed/distributed_c10d.py",
    ),
    Explanation(
        id="rendezvous-timeout",
        pattern=r"RendezvousTimeoutError|RendezvousConnectionError|client socket has timed out"
        r"|Timed out after \d+ seconds waiting for clients|store (?:timeout|based barrier)"
        r"|StoreTimeoutError|client socket has failed to connect|ECONNREFUSED",
        cause=(
            "the processes did not find each other at MASTER_ADDR:MASTER_PORT",
            "各进程没能在 MASTER_ADDR:MASTER_PORT 会合",
        ),
        fix=(
            "one machine: export MASTER_ADDR=127.0.0.1; several: the same address, port and number "
            "of nodes on each, and an open firewall",
            "单机：export MASTER_ADDR=127.0.0.1；多机：各机的地址、端口、节点数须一致，"
            "且防火墙放行",
        ),
        sample="torch.distributed.DistNetworkError: The client socket has timed out after 600s "
        "while "
        "trying to connect to (10.0.0.1, 29500).",
        source="torch: torch/csrc/distributed/c10d/socket.cpp",
    ),
    Explanation(
        id="rank-not-set",
        pattern=r"environment variable (?P<detail>\w+) expected, but not set"
        r"|KeyError: '(?P<other>RANK|LOCAL_RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT)'",
        cause=(
            "the training expects a launcher: the variable {detail}{other} is not set",
            "训练需要启动器：环境变量 {detail}{other} 没有设置",
        ),
        fix=(
            "start it with torchrun (or the engine's command), or set RANK, WORLD_SIZE, "
            "LOCAL_RANK, "
            "MASTER_ADDR and MASTER_PORT together",
            "用 torchrun（或引擎自己的命令）启动，或同时设置 RANK、WORLD_SIZE、LOCAL_RANK、"
            "MASTER_ADDR 和 MASTER_PORT",
        ),
        sample="ValueError: Error initializing torch.distributed using env:// rendezvous: "
        "environment variable RANK expected, but not set",
        source="torch/distributed/rendezvous.py",
    ),
    Explanation(
        id="process-group-missing",
        pattern=r"Default process group has not been initialized",
        cause=(
            "a distributed function was called in a training of one process",
            "单进程训练中调用了分布式函数",
        ),
        fix=(
            "start it with torchrun --nproc_per_node 1, or switch off what needs it (deepspeed, "
            "fsdp)",
            "用 torchrun --nproc_per_node 1 启动，或关闭需要它的功能（deepspeed、fsdp）",
        ),
        sample="ValueError: Default process group has not been initialized, please make sure to "
        "call "
        "init_process_group.",
        source="torch/distributed/distributed_c10d.py",
    ),
    Explanation(
        id="deepspeed-batch",
        pattern=r"train_batch_size is not equal to micro_batch_per_gpu",
        cause=(
            "the batch sizes in the DeepSpeed configuration do not fit the number of GPUs",
            "DeepSpeed 配置里的 batch 大小与 GPU 数量不符",
        ),
        fix=(
            'write "auto" for the batch sizes there',
            '把那里的 batch 大小写成 "auto"',
        ),
        sample="AssertionError: Check batch related parameters. train_batch_size is not equal to "
        "micro_batch_per_gpu * gradient_acc_step * world_size 16 != 2 * 4 * 1",
        source="deepspeed/runtime/config.py",
    ),
    Explanation(
        id="deepspeed-config",
        pattern=r"validation errors? for DeepSpeed\w+|DeepSpeedConfigError"
        r"|existing deepspeed config"
        r"|Please correct the following DeepSpeed config values",
        cause=(
            "the DeepSpeed configuration is not valid for this release, or is not there",
            "DeepSpeed 配置对此版本无效，或文件不存在",
        ),
        fix=(
            "use one of zero2, zero3 (train.deepspeed), or correct the keys that the message "
            "names; "
            '"auto" is understood by transformers only',
            '使用 zero2、zero3（train.deepspeed），或改正报错中的键；"auto" 只有 transformers 认识',
        ),
        sample="pydantic.error_wrappers.ValidationError: 1 validation error for "
        "DeepSpeedZeroConfig",
        source="deepspeed/runtime/config_utils.py",
    ),
    Explanation(
        id="cuda-home",
        pattern=r"CUDA_HOME does not exist|CUDA_HOME environment variable is not set"
        r"|MissingCUDAExcep",
        cause=(
            "DeepSpeed wants to compile a GPU kernel, and there is no CUDA toolkit (nvcc)",
            "DeepSpeed 需要编译 GPU 内核，但没有 CUDA 工具包（nvcc）",
        ),
        fix=(
            "install the CUDA toolkit of torch's version and export CUDA_HOME=/usr/local/cuda, or "
            "use a DeepSpeed configuration without offload",
            "安装与 torch 版本相符的 CUDA 工具包并 export CUDA_HOME=/usr/local/cuda，"
            "或使用不带 offload 的 DeepSpeed 配置",
        ),
        sample="deepspeed.ops.op_builder.builder.MissingCUDAException: CUDA_HOME does not exist, "
        "unable to compile CUDA op(s)",
        source="https://github.com/deepspeedai/DeepSpeed/issues/2772",
    ),
    Explanation(
        id="extension-build",
        pattern=r"Error building extension '(?P<detail>\w+)'|Command '\['ninja'.*non-zero"
        r"|Unable to JIT load the|Ninja is required to load C\+\+|'DeepSpeedCPUAdam' object has no "
        r"attribute 'ds_opt_adam'|CUDAMismatchException",
        cause=(
            "a GPU kernel could not be compiled ({detail})",
            "GPU 内核编译失败（{detail}）",
        ),
        fix=(
            "read the compiler's first error above; nvcc and torch must have the same CUDA "
            "version, g++ and ninja must be there; or use no offload (it needs cpu_adam)",
            "看上面编译器的第一个错误；nvcc 与 torch 的 CUDA 版本要一致，还需要 g++ 和 ninja；"
            "或不用 offload（它需要 cpu_adam）",
        ),
        sample="RuntimeError: Error building extension 'cpu_adam'",
        source="https://github.com/deepspeedai/DeepSpeed/issues/889",
    ),
    Explanation(
        id="mpi-missing",
        pattern=r"No module named 'mpi4py'|attempting to detect MPI environment",
        scope="any",
        cause=(
            "DeepSpeed looked for MPI because RANK and its companions are not set",
            "没有设置 RANK 等变量，DeepSpeed 于是去找 MPI",
        ),
        fix=(
            "export RANK=0 WORLD_SIZE=1 LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 "
            "(`recipe run` sets all five)",
            "export RANK=0 WORLD_SIZE=1 LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500"
            "（`recipe run` 会全部设置）",
        ),
        sample="ModuleNotFoundError: No module named 'mpi4py'",
        source="deepspeed/comm/comm.py",
    ),
    Explanation(
        id="parameters-unused",
        pattern=r"Expected to have finished reduction in the prior iteration|Expected to mark a "
        r"variable ready only once|parameters that were not used in producing loss",
        cause=(
            "some trained weights took no part in a step, or twice (gradient checkpointing), which "
            "DDP does not allow",
            "有可训练参数在一步中没有参与计算，或参与了两次（梯度检查点），DDP 不允许",
        ),
        fix=(
            "ddp_find_unused_parameters: false with use_reentrant false, or true without gradient "
            "checkpointing; or deepspeed zero2",
            "use_reentrant 设为 false 且 ddp_find_unused_parameters: false，或不用梯度检查点时设为 "
            "true；或改用 deepspeed zero2",
        ),
        sample="RuntimeError: Expected to mark a variable ready only once. This error is caused "
        "by one "
        "of the following reasons",
        source="torch: torch/csrc/distributed/c10d/reducer.cpp",
    ),
)
