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
        r"|(?:VersionConflict|ContextualVersionConflict)|This modeling code requires"
        r"|The version of \w+ you are using is not compatible",
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
    Explanation(
        id="versions-do-not-fit",
        pattern=r"TypeError: (?P<detail>[\w.]+)\(\) got an unexpected keyword argument '(?P<other>"
        r"\w+)'"
        r"|AttributeError: '(?!NoneType|str|list|dict|int|float|tuple|set|bool|bytes|Tensor"
        r"|Namespace)"
        r"(?P<third>\w+)' object has no attribute '(?P<fourth>\w+)'"
        r"|AttributeError: (?:type object"
        r"|module) '(?P<fifth>[\w.]+)' has no attribute '(?P<sixth>\w+)'",
        certain=False,
        cause=(
            "{detail}{third}{fifth} does not know {other}{fourth}{sixth}: two packages, or the "
            "model's "
            "code and transformers, have versions that do not fit",
            "{detail}{third}{fifth} 不认识 {other}{fourth}{sixth}：两个包（或模型代码与 "
            "transformers）的"
            "版本不匹配",
        ),
        fix=_REBUILD,
        sample="TypeError: Seq2SeqTrainingArguments.__init__() got an unexpected keyword argument "
        "'use_cpu'",
        source="https://github.com/zai-org/ChatGLM3/issues/1146",
    ),
)
