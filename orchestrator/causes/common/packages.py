"""Packages: what is missing, too old, too new, or built for something else."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

_REBUILD = (
    "run `recipe env doctor`; rebuild with `recipe env remove` and `recipe env install`",
    "运行 `recipe env doctor`；用 `recipe env remove` 和 `recipe env install` 重建环境",
)

PACKAGES: tuple[Explanation, ...] = (
    Explanation(
        id="setuptools-too-new",
        pattern=r"cannot import name '?packaging'? from '?pkg_resources"
        r"|No module named 'pkg_resources",
        cause=(
            "setuptools is too new for another package (70 dropped pkg_resources.packaging, 81 "
            "pkg_resources itself)",
            "setuptools 对某个包来说太新（70 去掉了 pkg_resources.packaging，81 去掉了 "
            "pkg_resources）",
        ),
        fix=(
            "rebuild the environment (recipe env remove, recipe env install), or: pip install "
            "'setuptools<70'",
            "重建环境（recipe env remove、recipe env install），或：pip install 'setuptools<70'",
        ),
        sample="ImportError: cannot import name 'packaging' from 'pkg_resources'",
        source="https://github.com/meta-pytorch/torchtune/issues/1111",
    ),
    Explanation(
        id="protobuf-missing",
        pattern=r"requires the protobuf library|No module named 'google\.protobuf'",
        cause=(
            "the package protobuf is missing, so the tokenizer cannot be read",
            "缺少 protobuf 包，无法读取分词器",
        ),
        fix=(
            "pip install protobuf into the engine's environment",
            "在引擎环境中 pip install protobuf",
        ),
        sample="ImportError: \nT5Converter requires the protobuf library but it was not found in "
        "your "
        "environment.",
        source="https://github.com/Ephemeral182/PosterCraft/issues/14",
    ),
    Explanation(
        id="protobuf-version",
        pattern=r"Descriptors cannot (?:not )?be created directly|Downgrade the protobuf package"
        r"|cannot import name 'builder' from 'google.protobuf",
        cause=(
            "protobuf has a version that another package cannot use",
            "protobuf 版本与其他包不兼容",
        ),
        fix=(
            "pip install 'protobuf<4' (or export PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python)",
            "pip install 'protobuf<4'（或 export PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python）",
        ),
        sample="TypeError: Descriptors cannot not be created directly.",
        source="https://github.com/openlm-research/open_llama/issues/69",
    ),
    Explanation(
        id="sentencepiece-missing",
        pattern=r"(?:need to have|make sure you have) sentencepiece installed|requires the "
        r"SentencePiece library|No module named 'sentencepiece'|Cannot instantiate this tokenizer "
        r"from a slow version|Couldn't instantiate the backend tokenizer"
        r"|`?tiktoken`? is required to"
        r" read",
        cause=(
            "the tokenizer has no tokenizer.json, and the package that reads its other format "
            "(sentencepiece or tiktoken) is missing",
            "模型没有 tokenizer.json，而读取另一种格式的包（sentencepiece 或 tiktoken）未安装",
        ),
        fix=(
            "pip install sentencepiece tiktoken protobuf into the engine's environment; check that "
            "the tokenizer files are all there",
            "在引擎环境中 pip install sentencepiece tiktoken protobuf；并检查分词器文件是否齐全",
        ),
        sample="ValueError: Cannot instantiate this tokenizer from a slow version. If it's based "
        "on "
        "sentencepiece, make sure you have sentencepiece installed.",
        source="https://github.com/logikon-ai/cot-eval/issues/66",
    ),
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
        pattern=r"(?<![\w.-])(?P<detail>[\w.-]+\.so[\w.]*): undefined symbol",
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
        id="torch-too-old",
        pattern=r"upgrade torch to at least v2\.6|Disabling PyTorch because PyTorch >= |PyTorch >= "
        r"[\d.]+ is required|requires (?:PyTorch|torch)\s?>="
        r"|module 'torch(?!\.cpu)(?:\.\w+)*' has no attrib"
        r"|cannot import name '\w+' from 'torch",
        cause=(
            "torch is older than another package needs",
            "torch 的版本比其他包要求的旧",
        ),
        fix=(
            "use the locked environment (recipe env install), or a newer torch; weights in "
            "safetensors load with an old one too",
            "使用锁定的环境（recipe env install），或升级 torch；safetensors 格式的权重不受此限",
        ),
        sample="ValueError: Due to a serious vulnerability issue in `torch.load`, even with "
        "`weights_only=True`, we now require users to upgrade torch to at least v2.6",
        source="transformers/utils/import_utils.py",
    ),
    Explanation(
        id="version-conflict",
        pattern=r"(?<![^\s:])(?P<detail>[^\s:]+) is required for a normal functioning of this modu"
        r"le, but fou"
        r"nd "
        r"(?P<other>\S+)|Using the `Trainer` with `PyTorch` requires `(?P<third>[^`]+)`"
        r"|(?:VersionConflict|ContextualVersionConflict)|This modeling code requires",
        cause=(
            "a package has the wrong version: {detail}{third} is needed, {other} is there",
            "包的版本不对：需要 {detail}{third}，现有 {other}",
        ),
        fix=_REBUILD,
        sample="ImportError: tokenizers>=0.14,<0.15 is required for a normal functioning of this "
        "module, but found tokenizers==0.15.2.",
        source="transformers/utils/versions.py",
    ),
    Explanation(
        id="model-packages-missing",
        pattern=r"This modeling file requires the following packages that were not found in your "
        r"environment: (?P<detail>[\w, .-]+?)\. Run",
        cause=(
            "the model's own code needs packages that are not there: {detail}",
            "模型自带的代码需要以下未安装的包：{detail}",
        ),
        fix=(
            "pip install {detail} into the engine's environment",
            "在引擎环境中 pip install {detail}",
        ),
        sample="ImportError: This modeling file requires the following packages that were not "
        "found "
        "in your environment: einops. Run `pip install einops`",
        source="transformers/dynamic_module_utils.py",
    ),
)

#: Asked last: what is more specific stands before.
PACKAGES_LAST: tuple[Explanation, ...] = (
    Explanation(
        id="folder-name-dot",
        pattern=r"transformers_modules\.[\w-]*'?$",
        cause=(
            "a dot in the model folder's name cannot be a Python module",
            "模型文件夹名中的点号使它不能作为 Python 模块导入",
        ),
        fix=(
            "rename the folder, or let `recipe` link it",
            "重命名该文件夹，或由 `recipe` 建立链接",
        ),
        sample="ModuleNotFoundError: No module named 'transformers_modules.InternLM2'",
        source="transformers/dynamic_module_utils.py",
    ),
    Explanation(
        id="module-missing",
        pattern=r"No module named '?(?P<detail>[\w.-]+)'?"
        r"|PackageNotFoundError: (?:No package metadata"
        r" was found for )?(?P<other>\S+)",
        cause=(
            "the environment lacks the package {detail}{other}",
            "环境中缺少包 {detail}{other}",
        ),
        fix=_REBUILD,
        sample="ModuleNotFoundError: No module named 'einops'",
        source="python: Lib/importlib/_bootstrap.py",
    ),
    Explanation(
        id="import-name",
        pattern=r"cannot import name '(?P<detail>\w+)' from (?:partially initialized module )?"
        r"'(?P<other>[\w.]+)'",
        cause=(
            "{other} has no {detail}: two packages have versions that do not fit",
            "{other} 中没有 {detail}：两个包的版本不匹配",
        ),
        fix=_REBUILD,
        sample="ImportError: cannot import name 'split_torch_state_dict_into_shards' from "
        "'huggingface_hub'",
        source="python: Python/ceval.c",
    ),
)
