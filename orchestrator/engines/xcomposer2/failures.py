"""What only XComposer2's scripts and models say when they fail. Source: the release's commit."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation
from orchestrator.engines.xcomposer2.settings import VISION

FAILURES: tuple[Explanation, ...] = (
    Explanation(
        id="xcomposer2-deepspeed",
        pattern=r"No module named 'deepspeed'",
        cause=(
            "finetune.py imports deepspeed, also where it is not used",
            "finetune.py 总会导入 deepspeed，即使不用它",
        ),
        fix=(
            "install deepspeed there, or use the environment that is locked: recipe env install",
            "请在该环境中安装 deepspeed，或使用锁定的环境：recipe env install",
        ),
        sample="ModuleNotFoundError: No module named 'deepspeed'",
        source="finetune.py",
    ),
    Explanation(
        id="xcomposer2-vision-tower",
        pattern=r"clip-vit-large-patch14-336",
        cause=(
            "the model's own code loads its vision tower by a name that is fixed in it",
            "模型自己的代码按固定名称加载视觉塔",
        ),
        fix=(
            f"put a folder {VISION} into the run, or beside the model",
            f"请把文件夹 {VISION} 放进运行目录，或放在模型旁边",
        ),
        sample=(
            "OSError: We couldn't connect to 'https://huggingface.co' to load this "
            "file, couldn't find it in the cached files and it looks like "
            "openai/clip-vit-large-patch14-336 is not the path to a directory "
            "containing a file named config.json."
        ),
        source="build_mlp.py",
    ),
    Explanation(
        id="xcomposer2-batch",
        pattern=r"Sizes of tensors must match except in dimension",
        cause=(
            "the script pads nothing: several rows of one batch do not fit each other",
            "脚本不做填充：同一批的多行数据长度不一致",
        ),
        fix=(
            "train.batch_size: 1, and train.accumulate for larger steps",
            "设 train.batch_size: 1，用 train.accumulate 增大有效批量",
        ),
        sample=(
            "RuntimeError: Sizes of tensors must match except in dimension 0. "
            "Expected size 1329 but got size 1275 for tensor number 1 in the list."
        ),
        source="own run: rows of different lengths in one batch",
    ),
    Explanation(
        id="xcomposer2-picture-size",
        pattern=r"Input image size \(\d+\*\d+\) doesn't match model",
        cause=("the pictures' size does not fit the vision tower", "图片尺寸与视觉塔不符"),
        fix=(
            "engine_options.img_size: 490 for the -vl-7b model, 224 for the -7b",
            "-vl-7b 模型用 engine_options.img_size: 490，-7b 用 224",
        ),
        sample="ValueError: Input image size (490*490) doesn't match model (336*336).",
        source="transformers/models/clip/modeling_clip.py",
    ),
    Explanation(
        id="xcomposer2-picture-damaged",
        pattern=r"UnidentifiedImageError|image file is truncated|broken data stream",
        cause=("a picture is damaged", "有图片已损坏"),
        fix=(
            "recipe data xcomposer-list data/data.txt names it by its row",
            "recipe data xcomposer-list data/data.txt 会指出它在哪一行",
        ),
        sample="OSError: image file is truncated (8 bytes not processed)",
        source="PIL/ImageFile.py",
    ),
    Explanation(
        id="xcomposer2-mixed-file",
        pattern=r"KeyError: 'image'",
        cause=(
            "rows with and without pictures stand in one file, which is read by its first row",
            "同一文件中混有含图片和不含图片的数据，而脚本按第一行判断整个文件",
        ),
        fix=(
            "keep them in two files, as the data stage does",
            "请分成两个文件（数据步骤会这样做）",
        ),
        sample="KeyError: 'image'",
        source="data_mix.py",
    ),
    Explanation(
        id="xcomposer2-text-needs-gpu",
        pattern=r"Torch not compiled with CUDA enabled|Found no NVIDIA driver on your system",
        cause=(
            "the model's own code moves rows without pictures to a GPU, and there is none",
            "模型自己的代码把不含图片的数据移到 GPU（.cuda()），而这里没有 GPU",
        ),
        fix=(
            "train on a machine with a GPU, or on rows with pictures alone",
            "请在有 GPU 的机器上训练，或只用含图片的数据",
        ),
        sample=(
            "RuntimeError: Found no NVIDIA driver on your system. Please check that "
            "you have an NVIDIA GPU and installed a driver from "
            "http://www.nvidia.com/Download/index.aspx"
        ),
        source="own run: a text row on a CPU",
    ),
)
