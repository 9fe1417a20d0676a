"""What uv says when an environment cannot be built: the part of the table of causes that is uv's.

The samples are uv 0.13's own words.
"""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

DISK = "install-disk-full"

#: What is more specific first.
INSTALLING: tuple[Explanation, ...] = (
    Explanation(
        id=DISK,
        pattern=r"(?i)no space left on device|os error 28|disk quota exceeded",
        cause=(
            "the disk is full; an engine takes about 6 to 8 GB",
            "磁盘已满；一个引擎约需 6 至 8 GB",
        ),
        fix=(
            "make room, or set RECIPE_CACHE and UV_CACHE_DIR to folders on one larger disk; what "
            "was downloaded so far is kept",
            "清理空间，或把 RECIPE_CACHE 和 UV_CACHE_DIR 设到同一块更大的磁盘上；"
            "已下载的内容会保留",
        ),
        sample="  cause: failed to write to file `/c/.tmp/x.py`: No space left on device "
        "(os error 28)",
        source="uv 0.13",
    ),
    Explanation(
        id="install-no-python",
        pattern=r"(?i)no interpreter found|no download (is )?available|python downloads are set to"
        r"|could not find .*python|failed to download .*(cpython|python-build)",
        cause=(
            "the Python that the engine needs is neither here nor could uv bring it",
            "本机没有引擎所需的 Python，uv 也未能下载",
        ),
        fix=(
            "install that Python and name it in RECIPE_PYTHON=/path/to/python, or use an existing "
            "environment that holds the engine: recipe env install NAME --python PATH",
            "安装该版本的 Python 并用 RECIPE_PYTHON=/path/to/python 指定，或使用已装好引擎的环境："
            "recipe env install NAME --python PATH",
        ),
        sample="error: No interpreter found for Python 3.8 in managed installations or search path",
        source="uv 0.13",
    ),
    Explanation(
        id="install-damaged-package",
        pattern=r"(?i)hash mismatch|failed to (deserialize|read|parse).*cache"
        r"|cache.*(corrupt|invalid)|corrupt|invalid (gzip|zip)|failed to (extract|unzip)|bad crc"
        r"|unexpected end of file",
        cause=(
            "a downloaded or cached package is damaged",
            "下载或缓存的软件包已损坏",
        ),
        fix=(
            "empty uv's cache with: python -m uv cache clean    and run it again",
            "清空 uv 缓存：python -m uv cache clean    然后再运行一次",
        ),
        sample="  cause: Failed to extract archive: "
        "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl",
        source="uv 0.13",
    ),
    Explanation(
        id="install-no-permission",
        pattern=r"(?i)permission denied|os error 13|read-only file system|os error 30",
        cause=("a folder cannot be written to", "有一个文件夹不可写"),
        fix=(
            "make it writable, or set RECIPE_CACHE and UV_CACHE_DIR to folders of your own",
            "使其可写，或把 RECIPE_CACHE 和 UV_CACHE_DIR 设到你自己的文件夹",
        ),
        sample="error: Permission denied (os error 13)",
        source="uv 0.13",
    ),
    Explanation(
        id="install-no-network",
        pattern=r"(?i)dns error|error sending request|connection (refused|reset|closed)"
        r"|timed? ?out|failed to fetch|network is unreachable|request failed|certificate|\btls\b"
        r"|http error|status (code|client error|server error)|\b(401|403|407|502|503|504)\b",
        cause=("the package index cannot be reached", "无法访问软件包索引"),
        fix=(
            "check the network; behind a mirror set PIP_INDEX_URL or UV_DEFAULT_INDEX "
            "(UV_HTTP_TIMEOUT for a slow one) and run it again: what was downloaded is kept",
            "检查网络；使用镜像时设置 PIP_INDEX_URL 或 UV_DEFAULT_INDEX"
            "（较慢时设置 UV_HTTP_TIMEOUT），再运行一次：已下载的内容会保留",
        ),
        sample="error: Request failed after 3 retries in 11.3s",
        source="uv 0.13",
    ),
    Explanation(
        id="install-version-not-there",
        pattern=r"(?i)no solution found|not found in the (package )?registry"
        r"|no matching distribution|there (is|are) no (version|wheel)",
        cause=(
            "the package index lacks a version that the lock pins",
            "软件包索引中没有锁文件指定的版本",
        ),
        fix=(
            "use an index that mirrors everything (PIP_INDEX_URL, UV_DEFAULT_INDEX), or another "
            "--torch-backend",
            "使用完整的镜像索引（PIP_INDEX_URL、UV_DEFAULT_INDEX），或换一个 --torch-backend",
        ),
        sample="error: No solution found when resolving dependencies",
        source="uv 0.13",
    ),
    Explanation(
        id="install-not-built",
        pattern=r"(?i)failed to build|build backend (returned|failed)",
        cause=(
            "a package that is published as source only could not be built",
            "一个只有源码的软件包编译失败",
        ),
        fix=(
            "install a C compiler and the Python headers, or read the log for what it asks for",
            "安装 C 编译器和 Python 头文件，或查看日志中的提示",
        ),
        sample="  x Failed to build `deepspeed==0.16.2`",
        source="uv 0.13",
    ),
)
