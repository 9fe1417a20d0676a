"""How a process ended, where that itself is the evidence."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

ENDINGS: tuple[Explanation, ...] = (
    Explanation(
        id="time-limit",
        pattern=r"DUE TO TIME LIMIT|TIMEOUT \*{3}|job killed: walltime|PBS: job killed: walltime",
        scope="any",
        cause=("the scheduler ended the job: its time was up", "作业超过时间上限，被调度器结束"),
        fix=(
            "ask for more time; the same command goes on from the newest checkpoint",
            "申请更长时间；再次运行同一命令会从最新的检查点继续",
        ),
        sample="slurmstepd: error: *** JOB 1234567 ON node01 CANCELLED AT 2024-03-01T10:00:00 "
        "DUE TO "
        "TIME LIMIT ***",
        source="slurm: src/slurmd/slurmstepd (job, node and time filled in)",
    ),
    Explanation(
        id="segfault",
        pattern=r"ended with exit code (?:-11|139)\b|[Ss]egmentation fault|exitcode\s*: -11\b"
        r"|Signal 11 \(SIGSEGV\)|return code = -11|SIGSEGV|段错误",
        cause=(
            "native code crashed (segmentation fault): two libraries that do not fit, a damaged "
            "weight file, or no memory left",
            "底层代码崩溃（段错误）：库版本不匹配、权重文件损坏，或内存耗尽",
        ),
        fix=(
            "check the weights and the free memory (free -h), then run with "
            "PYTHONFAULTHANDLER=1, which names the library; `recipe env doctor` checks the "
            "environment",
            "检查权重文件和剩余内存（free -h），再用 PYTHONFAULTHANDLER=1 运行以查出是哪个库；"
            "`recipe env doctor` 可检查环境",
        ),
        sample="Segmentation fault (core dumped)",
        source="https://github.com/InternLM/xtuner/issues/400",
    ),
    Explanation(
        id="illegal-instruction",
        pattern=r"ended with exit code (?:-4|132)\b|Illegal instruction|exitcode\s*: -4\b",
        cause=(
            "a library was built for a newer processor than this one",
            "某个库是为更新的 CPU 编译的，本机 CPU 不支持其指令",
        ),
        fix=(
            "use a machine with a newer CPU (AVX2), or a build of that library for this one",
            "换用 CPU 较新的机器（支持 AVX2），或为本机编译该库",
        ),
        sample="Illegal instruction (core dumped)",
        source="bash",
    ),
    Explanation(
        id="bus-error",
        pattern=r"ended with exit code (?:-7|135)\b|^Bus error|: Bus error|exitcode\s*: -7\b",
        cause=(
            "a file that is mapped into memory could not be read: it was cut off, the disk or "
            "/dev/shm is full",
            "映射到内存的文件读不到：文件不完整，或磁盘、/dev/shm 已满",
        ),
        fix=(
            "check df -h (/dev/shm too: --shm-size), and the size of the weight files",
            "检查 df -h（含 /dev/shm，可用 --shm-size 加大）以及权重文件的大小",
        ),
        sample="Bus error (core dumped)",
        source="bash",
    ),
    Explanation(
        id="interrupted",
        pattern=r"^KeyboardInterrupt\b|ended with exit code (?:-2|130)\b|Signal 2 \(SIGINT\)",
        cause=("it was interrupted (Ctrl-C)", "运行被中断（Ctrl-C）"),
        fix=(
            "run the same command again: it goes on from the newest checkpoint",
            "再次运行同一命令：会从最新的检查点继续",
        ),
        sample="KeyboardInterrupt",
        source="python: Lib/signal.py",
    ),
    Explanation(
        id="terminated",
        pattern=r"ended with exit code (?:-15|143)\b|Signal 15 \(SIGTERM\)|exitcode\s*: -15\b"
        r"|SignalException: Process \d+ got signal: (?:15|1)|^Terminated$|got signal: 15"
        r"|CANCELLED AT",
        cause=(
            "somebody or a scheduler asked it to end (SIGTERM or a closed terminal)",
            "有人或调度器要求它结束（SIGTERM，或终端被关闭）",
        ),
        fix=(
            "on a remote machine start it in tmux or with nohup; the same command goes on from the "
            "newest checkpoint",
            "在远程机器上请用 tmux 或 nohup 启动；再次运行同一命令会从最新的检查点继续",
        ),
        sample="torch.distributed.elastic.multiprocessing.api.SignalException: Process 3912 got "
        "signal: 1",
        source="torch/distributed/elastic/multiprocessing/api.py",
    ),
    Explanation(
        id="aborted",
        pattern=r"ended with exit code (?:-6|134)\b|exitcode\s*: -6\b|Signal 6 \(SIGABRT\)"
        r"|^Aborted(?: \(core dumped\))?$",
        role="consequence",
        cause=(
            "native code gave up (SIGABRT); its own message stands above",
            "底层代码主动中止（SIGABRT），原因在它前面的输出里",
        ),
        fix=(
            "read the last lines before it; with several GPUs often a peer failed first",
            "请看它前面的几行；多卡时往往是另一个进程先出错",
        ),
        sample="Aborted (core dumped)",
        source="bash",
    ),
    Explanation(
        id="child-failed",
        pattern=r"ChildFailedError|CalledProcessError: Command .* returned non-zero exit status \d+"
        r"|ProcessRaisedException|ProcessExitedException|CalledProcessError"
        r"|exits with return code = [1-9]",
        role="consequence",
        cause=(
            "a process that the launcher had started failed; its own error is not in this log",
            "启动器启动的某个子进程失败了，但日志里没有它自己的报错",
        ),
        fix=(
            "look into the logs of the ranks, or run it on one GPU without the launcher",
            "查看各个 rank 的日志，或不用启动器、只用一块 GPU 运行",
        ),
        sample="torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
        source="https://github.com/hiyouga/LlamaFactory/issues/6193",
    ),
)
