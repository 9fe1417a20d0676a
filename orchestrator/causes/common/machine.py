"""The machine and the network: disks, files, limits, hubs."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

MACHINE: tuple[Explanation, ...] = (
    Explanation(
        id="disk-full",
        pattern=r"No space left on device|\[Errno 28\]|file write failed|PytorchStreamWriter failed"
        r"|Disk quota exceeded|\[Errno 122\]|No usable temporary directory|os error 28|磁盘空间不足"
        r"|failed with Input/output error|Not enough disk space|IoError.*StorageFull|ENOSPC"
        r"|basic_ios::clear|iostream error|unexpected pos \d+ vs \d+",
        cause=("the disk is full (or your quota of it)", "磁盘（或配额）已满"),
        fix=(
            "free some space (df -h, du -sh ~/.cache/*), keep fewer checkpoints, then run the same "
            "command again: finished stages are kept",
            "清理空间（df -h、du -sh ~/.cache/*）、少保留检查点，再运行同一命令："
            "已完成的阶段会保留",
        ),
        sample="RuntimeError: [enforce fail at inline_container.cc:445] . PytorchStreamWriter "
        "failed "
        "writing file data/176: file write failed",
        source="https://github.com/hiyouga/LlamaFactory/issues/1223",
    ),
    Explanation(
        id="too-many-open-files",
        pattern=r"Too many open files|\[Errno 24\]|received 0 items of ancdata",
        cause=(
            "the process may not open more files (ulimit)",
            "进程打开的文件数达到上限（ulimit）",
        ),
        fix=(
            "ulimit -n 65535 before the command, or load with fewer workers",
            "先执行 ulimit -n 65535，或减少数据加载进程",
        ),
        sample="OSError: [Errno 24] Too many open files",
        source="https://github.com/kuleshov-group/caduceus/issues/58",
    ),
    Explanation(
        id="too-many-processes",
        pattern=r"can't start new thread|Resource temporarily unavailable|pthread_create failed"
        r"|fork: retry|libgomp: Thread creation failed",
        cause=(
            "the machine (or your account) may not start more processes or threads",
            "进程或线程数达到上限",
        ),
        fix=(
            "export OMP_NUM_THREADS=1, use fewer workers, or raise ulimit -u",
            "export OMP_NUM_THREADS=1、减少工作进程，或提高 ulimit -u",
        ),
        sample="RuntimeError: can't start new thread",
        source="python: Lib/threading.py",
    ),
    Explanation(
        id="no-permission",
        pattern=r"PermissionError: [^\n]*?(?P<detail>'[^'\n]+')?$"
        r"|Permission denied(?:: (?P<other>'[^']+'"
        r"))?|Read-only file system|\[Errno 13\]|\[Errno 30\]|Operation not permitted"
        r"|\[WinError (?:5|32|1314)\]",
        cause=(
            "a place may not be read or written: {detail}{other}",
            "没有读写权限：{detail}{other}",
        ),
        fix=(
            "make it yours (chown, chmod), or choose a place of your own (RECIPE_RUNS, "
            "RECIPE_CACHE, "
            "HF_HOME)",
            "修改权限（chown、chmod），或换到自己的目录（RECIPE_RUNS、RECIPE_CACHE、HF_HOME）",
        ),
        sample="PermissionError: [Errno 13] Permission denied: '/data/.cache/huggingface'",
        source="python: Lib/os.py",
    ),
    Explanation(
        id="disk-trouble",
        pattern=r"Stale file handle|\[Errno 116\]|\[Errno 5\] Input/output error"
        r"|Transport endpoint is not connected",
        cause=(
            "the disk or the network share does not answer as it should",
            "磁盘或网络存储出现故障",
        ),
        fix=(
            "mount the share again, or work on a local disk; then run the same command again",
            "重新挂载，或改用本地磁盘；然后再运行同一命令",
        ),
        sample="OSError: [Errno 116] Stale file handle",
        source="python: Modules/errnomodule.c",
    ),
    Explanation(
        id="program-missing",
        pattern=r"(?<![\w.-])(?P<detail>[\w.-]+): (?:command not found|未找到命令|not found)$"
        r"|FileNotFoundError: "
        r"\[Errno 2\] No such file or directory: '(?P<other>nvcc|ninja|gcc|g\+\+|git|nvidia-smi"
        r"|deeps"
        r"peed|torchrun)'"
        r"|无法将“(?P<third>[^”]+)”项识别为|'(?P<fourth>[^']+)' 不是内部或外部命令"
        r"|is not recognized as (?:an internal|the name)",
        cause=(
            "the program {detail}{other}{third}{fourth} is not on the PATH",
            "PATH 中没有程序 {detail}{other}{third}{fourth}",
        ),
        fix=(
            "activate the environment that holds it, or install it; `recipe env install` keeps the "
            "engines' own programs",
            "激活安装了它的环境，或安装它；`recipe env install` 会管理引擎自己的程序",
        ),
        sample="bash: deepspeed: command not found",
        source="bash",
    ),
)

NETWORK: tuple[Explanation, ...] = (
    Explanation(
        id="gated-model",
        pattern=r"GatedRepoError|[Cc]annot access gated repo|trying to access a gated repo"
        r"|Access to "
        r"model \S+ is restricted|awaiting a review from the repo authors",
        cause=(
            "the model is gated: its owner must let you in, and your token must be given",
            "该模型需要申请：要先获得作者许可，并提供自己的令牌",
        ),
        fix=(
            "ask for access on the model's page, then export HF_TOKEN=…; or use a copy on "
            "ModelScope (model.hub)",
            "在模型页面申请访问，然后 export HF_TOKEN=…；或使用 ModelScope 上的副本（model.hub）",
        ),
        sample="huggingface_hub.errors.GatedRepoError: 401 Client Error.",
        source="https://github.com/ToTheBeginning/PuLID/issues/97",
    ),
    Explanation(
        id="model-not-on-hub",
        pattern=r"RepositoryNotFoundError|Repository Not Found|RevisionNotFoundError"
        r"|Revision Not Found"
        r"|is not a local folder and is not a valid model identifier|Repo id must (?:be|use)"
        r"|HFValidationError|Incorrect path_or_model_id|NotExistError|The (?:model"
        r"|request model).*(?:"
        r"does not exist|not exist)|EntryNotFoundError|404 Client Error"
        r"|Can't load (?:the )?(?:config|configuration|model|image processor) (?:of|for)"
        r"|failed to access model \S+ which may not exist",
        cause=(
            "the path is no folder here, and the hub has no model (or file) of that name",
            "该路径在本机不是文件夹，模型站上也没有这个名字的模型（或文件）",
        ),
        fix=(
            "correct the path (a folder that exists, with its full path) or the id (OWNER/NAME); a "
            "private model needs a token",
            "改正路径（存在的文件夹，写完整路径）或 id（OWNER/NAME）；私有模型需要令牌",
        ),
        sample="huggingface_hub.utils._validators.HFValidationError: Repo id must be in the form "
        "'repo_name' or 'namespace/repo_name': '/data/liuyuanchao/tiiuae'.",
        source="https://github.com/huggingface/text-generation-inference/issues/1334",
    ),
    Explanation(
        id="offline",
        pattern=r"OfflineModeIsEnabled|outgoing traffic has been disabled|offline mode is enabled|"
        r"OfflineModeIsEnabled|HF_HUB_OFFLINE=1",
        cause=(
            "downloading is turned off (HF_HUB_OFFLINE), and what is asked for is not complete "
            "here",
            "已关闭下载（HF_HUB_OFFLINE），而所需文件在本机不完整",
        ),
        fix=(
            "unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE once, or give a local folder (model.path)",
            "先 unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE 下载一次，或给出本地文件夹（model.path）",
        ),
        sample="huggingface_hub.errors.OfflineModeIsEnabled: Cannot reach "
        "https://huggingface.co/api/"
        "models: offline mode is enabled.",
        source="huggingface_hub/file_download.py",
    ),
    Explanation(
        id="certificate",
        pattern=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLCertVerificationError"
        r"|WRONG_VERSION_NUMBER",
        cause=(
            "the secure connection is not trusted, usually a proxy in between",
            "安全连接不被信任，通常是中间有代理",
        ),
        fix=(
            "export REQUESTS_CA_BUNDLE=/path/to/ca.pem (and SSL_CERT_FILE), or go without that "
            "proxy",
            "export REQUESTS_CA_BUNDLE=/path/to/ca.pem（以及 SSL_CERT_FILE），或不走该代理",
        ),
        sample="requests.exceptions.SSLError: HTTPSConnectionPool(host='huggingface.co', "
        "port=443): "
        "Max retries exceeded (Caused by SSLError(SSLCertVerificationError(1, '[SSL: "
        "CERTIFICATE_VERIFY_FAILED] certificate verify failed')))",
        source="urllib3/connectionpool.py",
    ),
    Explanation(
        id="rate-limit",
        pattern=r"429 Client Error|Too Many Requests",
        cause=("the hub refuses more requests for now", "模型站暂时限制了请求次数"),
        fix=(
            "wait some minutes, export your token (HF_TOKEN), and run the same command again",
            "等几分钟、设置令牌（HF_TOKEN），再运行同一命令",
        ),
        sample="huggingface_hub.errors.HfHubHTTPError: 429 Client Error: Too Many Requests for url",
        source="huggingface_hub/utils/_http.py",
    ),
    Explanation(
        id="no-connection",
        pattern=r"couldn't connect to 'https?://|Max retries exceeded"
        r"|[Nn]ame or service not known|Tempo"
        r"rary failure in name resolution|Network is unreachable|No route to host"
        r"|Failed to establish "
        r"a new connection|ConnectTimeout|ReadTimeout|LocalEntryNotFoundError|[Cc]onnection refused"
        r"|ProxyError|couldn't find it in the cached files|getaddrinfo failed|ConnectionError"
        r"|read operation timed out|Connection timed out|\[Errno 110\]|SSLError"
        r"|EOF occurred in violation|check_hostname requires",
        cause=(
            "the engine tried to reach a hub and could not",
            "引擎要访问模型站，但连不上",
        ),
        fix=(
            "give local files (model.path, a local data file); or check network and proxy, in "
            "China "
            "export HF_ENDPOINT=https://hf-mirror.com or model.hub: modelscope",
            "使用本地文件（model.path、本地数据）；或检查网络和代理，国内可 export "
            "HF_ENDPOINT=https://hf-mirror.com 或设 model.hub: modelscope",
        ),
        sample="OSError: We couldn't connect to 'https://huggingface.co' to load the files, and "
        "couldn't find them in the cached files.",
        source="transformers/utils/hub.py",
    ),
    Explanation(
        id="tracker-login",
        pattern=r"api_key not configured|wandb: ERROR|wandb\.errors\.(?:errors\.)?\w*Error",
        cause=(
            "Weights & Biases wants a login",
            "Weights & Biases 需要登录",
        ),
        fix=(
            "export WANDB_DISABLED=true (or report_to: none), or log in: wandb login",
            "export WANDB_DISABLED=true（或 report_to: none），或先登录：wandb login",
        ),
        sample="wandb.errors.UsageError: api_key not configured (no-tty). call "
        "wandb.login(key=[your_"
        "api_key])",
        source="wandb/sdk/wandb_login.py",
    ),
    Explanation(
        id="token-refused",
        pattern=r"401 Client Error|403 (?:Client Error|Forbidden)"
        r"|Invalid credentials in Authorization|"
        r"Invalid (?:user )?token|Token is required|LocalTokenNotFoundError|Unauthorized for url",
        cause=(
            "the hub does not accept the token, or none was given",
            "模型站不接受该令牌，或没有提供令牌",
        ),
        fix=(
            "export HF_TOKEN=… (ModelScope: MODELSCOPE_API_TOKEN) with a token that may read this "
            "model; check its spelling, for a wrong name gives the same answer",
            "export HF_TOKEN=…（ModelScope：MODELSCOPE_API_TOKEN），令牌须有读取权限；"
            "并核对模型名，"
            "名字写错也会得到同样的回答",
        ),
        sample="huggingface_hub.errors.HfHubHTTPError: 401 Client Error: Unauthorized for url: "
        "https://huggingface.co/api/whoami-v2",
        source="huggingface_hub/utils/_http.py",
    ),
    Explanation(
        id="socks-proxy",
        pattern=r"Missing dependencies for SOCKS support|Using SOCKS proxy, but the 'socksio'"
        r"|Unknown scheme for proxy URL|ValueError: Unknown url type",
        cause=(
            "a SOCKS proxy is set (ALL_PROXY), and the package for it is missing",
            "设置了 SOCKS 代理（ALL_PROXY），但缺少相应的包",
        ),
        fix=(
            "unset ALL_PROXY all_proxy, or pip install pysocks 'httpx[socks]'",
            "unset ALL_PROXY all_proxy，或 pip install pysocks 'httpx[socks]'",
        ),
        sample="requests.exceptions.InvalidSchema: Missing dependencies for SOCKS support.",
        source="requests/adapters.py",
    ),
)

#: Asked last: what is more specific stands before.
FILES_LAST: tuple[Explanation, ...] = (
    Explanation(
        id="file-missing",
        pattern=r"No such file or directory: (?P<detail>.*)|FileNotFoundError: (?P<other>.*)"
        r"|Cannot find (?P<third>\S+)$",
        cause=(
            "a file is missing: {detail}{other}{third}",
            "缺少文件：{detail}{other}{third}",
        ),
        fix=(
            "correct the path; if it belongs to the model, check the model folder; rows are "
            "written "
            "again by --from data",
            "改正路径；若属于模型，请检查模型文件夹；数据可用 --from data 重新写出",
        ),
        sample="FileNotFoundError: [Errno 2] No such file or directory: "
        "'data\\\\dataset_info.json'",
        source="https://github.com/hiyouga/LlamaFactory/issues/2222",
    ),
)
