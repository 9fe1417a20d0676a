"""Compiled code: compilers, system libraries, builds that do not fit."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

NATIVE: tuple[Explanation, ...] = (
    Explanation(
        id="numpy-version",
        pattern=r"numpy\.dtype size changed|compiled using NumPy 1\.x cannot be run in"
        r"|numpy\.core\."
        r"multiarray failed to import|module 'numpy' has no attribute|_ARRAY_API not found"
        r"|Numpy is not available",
        cause=(
            "numpy has a version that another package was not built for",
            "numpy 的版本与其他包不兼容",
        ),
        fix=("pip install 'numpy<2'", "pip install 'numpy<2'"),
        sample="ValueError: numpy.dtype size changed, may indicate binary incompatibility. "
        "Expected "
        "96 from C header, got 88 from PyObject",
        source="numpy: numpy/__init__.pxd",
    ),
    Explanation(
        id="system-library-old",
        pattern=r"version `(?P<detail>GLIBC\w*_[\d.]+|CXXABI_[\d.]+)' not found",
        cause=(
            "the system (or conda) has an older C library than a package needs: {detail}",
            "系统（或 conda）的 C 库太旧，缺少 {detail}",
        ),
        fix=(
            "use a newer image of the system; for GLIBCXX: export "
            "LD_LIBRARY_PATH=$CONDA_PREFIX/lib, "
            "or conda install libstdcxx-ng",
            "换用较新的系统镜像；若是 GLIBCXX：export LD_LIBRARY_PATH=$CONDA_PREFIX/lib，"
            "或 conda install libstdcxx-ng",
        ),
        sample="ImportError: /lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.29' not "
        "found",
        source="glibc: elf/dl-version.c",
    ),
    Explanation(
        id="symbol-undefined",
        pattern=r"(?<![\w.-])(?!libbitsandbytes)(?P<detail>[\w.-]+\.so[\w.]*): undefined symbol",
        cause=(
            "{detail} was built against another version of torch or CUDA",
            "{detail} 是针对另一个版本的 torch 或 CUDA 编译的",
        ),
        fix=(
            "reinstall that package for this torch (flash-attn: --no-build-isolation "
            "--no-cache-dir), or remove it",
            "按当前 torch 重装该包（flash-attn 用 --no-build-isolation --no-cache-dir），或卸载它",
        ),
        sample="ImportError: flash_attn_2_cuda.cpython-310-x86_64-linux-gnu.so: undefined symbol: "
        "_ZN2at4_ops5zeros4callEN3c108ArrayRefINS2_6SymIntEEE",
        source="glibc: elf/dl-lookup.c",
    ),
    Explanation(
        id="shared-library-missing",
        pattern=r"^\w*(?:Error|Exception): [^\n]*?(?P<detail>lib[\w+.-]+\.so[\w.]*): cannot open "
        r"shared object",
        cause=(
            "the system library {detail} is not installed",
            "系统缺少动态库 {detail}",
        ),
        fix=(
            "install it: libGL.so.1 is in the package libgl1, libcuda.so comes with the driver, "
            "libcudart and libnvJitLink with the CUDA packages of torch",
            "请安装：libGL.so.1 在 libgl1 包中，libcuda.so 随驱动安装，libcudart、libnvJitLink "
            "随 torch 的 CUDA 包安装",
        ),
        sample="ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
        source="glibc: elf/dl-load.c",
    ),
    Explanation(
        id="mkl-threading",
        pattern=r"MKL_THREADING_LAYER=INTEL is incompatible",
        scope="any",
        cause=("MKL met libgomp in one process", "MKL 与 libgomp 在同一进程中冲突"),
        fix=(
            "export MKL_SERVICE_FORCE_INTEL=1 MKL_THREADING_LAYER=GNU",
            "export MKL_SERVICE_FORCE_INTEL=1 MKL_THREADING_LAYER=GNU",
        ),
        sample="Error: mkl-service + Intel(R) MKL: MKL_THREADING_LAYER=INTEL is incompatible with "
        "libgomp-a34b3233.so.1 library.",
        source="mkl-service: mkl/__init__.py",
    ),
    Explanation(
        id="compiler-missing",
        pattern=r"Failed to find C compiler|Unable to find a C compiler|fatal error: Python\.h"
        r"|command '\S*g(?:cc|\+\+)' failed|ptxas fatal|InvalidCxxCompiler|Microsoft Visual C\+\+",
        cause=(
            "a compiler (or the Python headers) is missing, which triton and torch.compile need",
            "缺少编译器（或 Python 头文件），而 triton 和 torch.compile 需要它",
        ),
        fix=(
            "apt install gcc g++ python3-dev (in conda: conda install gxx_linux-64)",
            "apt install gcc g++ python3-dev（conda：conda install gxx_linux-64）",
        ),
        sample="RuntimeError: Failed to find C compiler. Please specify via CC environment "
        "variable.",
        source="triton/runtime/build.py",
    ),
    Explanation(
        id="windows-library",
        pattern=r"DLL load failed while importing (?P<detail>\w+)|\[WinError 126\]"
        r"|\[WinError 127\]",
        cause=(
            "a Windows library that {detail} needs is missing, or belongs to another version",
            "缺少 {detail} 需要的 Windows 动态库，或版本不对",
        ),
        fix=(
            "install the Visual C++ redistributable, and torch again with its own CUDA build; "
            "Linux "
            "or WSL spares this",
            "安装 Visual C++ 运行库，并重装带 CUDA 的 torch；在 Linux 或 WSL 中没有这个问题",
        ),
        sample="ImportError: DLL load failed while importing flash_attn_2_cuda: The specified "
        "procedure could not be found.",
        source="python: Python/dynload_win.c",
    ),
)
