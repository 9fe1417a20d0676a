"""What only ChatGLM3's finetune.py and inference.py say when they fail."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

FAILURES: tuple[Explanation, ...] = (
    Explanation(
        id="chatglm3-backslash",
        pattern=r"Can't find a valid checkpoint at .*\\checkpoint-\d+",
        cause=(
            "the script looks for its checkpoint behind a backslash, as on Windows",
            "脚本用反斜杠查找检查点（Windows 的写法）",
        ),
        fix=(
            "RESUME_FROM=work/checkpoint-N bash train.sh makes a link of that name",
            "用 RESUME_FROM=work/checkpoint-N bash train.sh，它会建立同名链接",
        ),
        sample="ValueError: Can't find a valid checkpoint at work\\checkpoint-2",
        source="own run: a second start of finetune.py in the same output folder",
    ),
    Explanation(
        id="chatglm3-cut-off-checkpoint",
        pattern=r"invalid literal for int\(\) with base 10: '(?P<detail>\w*tmp-\d*)",
        cause=(
            "a checkpoint that was cut off while it was written stands in work/ ({detail})",
            "work/ 中有一个没有写完的检查点（{detail}）",
        ),
        fix=("move work/tmp-checkpoint-* away", "移走 work/tmp-checkpoint-*"),
        sample="ValueError: invalid literal for int() with base 10: 'tmp-4'",
        source="finetune_chatmodel_demo/finetune.py, main",
    ),
    Explanation(
        id="chatglm3-role",
        pattern=r"assert role in \[|AssertionError: (?P<detail>\w+)$",
        cause=(
            "a row has a turn with a role that the tokenizer does not know ({detail})",
            "某一行中有分词器不认识的角色（{detail}）",
        ),
        fix=(
            "roles are system, user, assistant, observation and tool: run again --from data",
            "角色只能是 system、user、assistant、observation 和 tool：用 --from data 重新运行",
        ),
        sample="AssertionError: function",
        source="tokenization_chatglm.py, build_single_message",
    ),
    Explanation(
        id="chatglm3-prefix-length",
        pattern=r"size mismatch for embedding\.weight: copying a param with shape "
        r"torch\.Size\(\[(?P<detail>\d+)",
        cause=(
            "the prefix has {detail} positions, and the model was told another pre_seq_len",
            "前缀有 {detail} 个位置，而模型得到的 pre_seq_len 不同",
        ),
        fix=(
            "give that length: train.ptuning.prefix_length={detail}, or --pt-pre-seq-len {detail}",
            "请给出该长度：train.ptuning.prefix_length={detail}，或 --pt-pre-seq-len {detail}",
        ),
        sample="RuntimeError: Error(s) in loading state_dict for PrefixEncoder: size mismatch for "
        "embedding.weight: copying a param with shape torch.Size([128, 14336]) from checkpoint",
        source="finetune_chatmodel_demo/inference.py, load_state_dict of the prefix encoder",
    ),
    Explanation(
        id="chatglm3-checkpointing",
        pattern=r"_set_gradient_checkpointing\(\) got an unexpected keyword argument 'enable'",
        cause=(
            "the model's own code does not fit this transformers (4.35 and newer)",
            "模型自带的代码与此 transformers（4.35 及以上）不匹配",
        ),
        fix=(
            "use the environment that is locked, which has 4.34.1: recipe env install",
            "请使用锁定的环境（4.34.1）：recipe env install",
        ),
        sample="TypeError: ChatGLMPreTrainedModel._set_gradient_checkpointing() got an unexpected "
        "keyword argument 'enable'",
        source="own run: finetune.py on transformers 4.35.2",
    ),
    Explanation(
        id="chatglm3-kernels",
        pattern=r"No module named 'cpm_kernels'|NameError: name 'kernels' is not defined",
        cause=(
            "a quantised model needs the package cpm-kernels and a GPU",
            "量化模型需要 cpm-kernels 包和 GPU",
        ),
        fix=(
            "--set train.ptuning.quantization_bit=null, or use the environment that is locked",
            "--set train.ptuning.quantization_bit=null，或使用锁定的环境",
        ),
        sample="ModuleNotFoundError: No module named 'cpm_kernels'",
        source="quantization.py of ChatGLM3-6B",
    ),
)
