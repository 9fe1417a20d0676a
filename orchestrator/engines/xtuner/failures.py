"""What only XTuner (and mmengine under it) says when it fails."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

FAILURES: tuple[Explanation, ...] = (
    Explanation(
        id="xtuner-rows-differ",
        pattern=r"[Tt]he features can't be aligned because the key",
        cause=(
            "some rows have a system text and others none, and each of the 32 processes that "
            "prepare them takes its own rows for the type of all",
            "有的行有系统文本、有的没有，而 32 个处理进程各自按自己的行推断类型",
        ),
        fix=(
            "prepare them in one process: --set engine_options.train_dataset.map_num_proc=1; or "
            "give every row a system text: data.sources.0.system",
            "只用一个进程处理：--set engine_options.train_dataset.map_num_proc=1；"
            "或给每一行系统文本：data.sources.0.system",
        ),
        sample="ValueError: The features can't be aligned because the key conversation of features "
        "{'conversation': [{'input': Value(dtype='string', id=None)}]} has unexpected type",
        source="own run: 110 rows, every third with a system text, xtuner@0.2.0",
    ),
    Explanation(
        id="xtuner-map-function",
        pattern=r"KeyError: '(?:text|instruction_zh|instruction|output_zh)'",
        cause=(
            "the map function of another data set was applied to these rows",
            "对这些数据使用了另一个数据集的 map 函数",
        ),
        fix=(
            "remove map_fn (dataset_map_fn=None) for rows that are already conversations, or name "
            "the one that fits",
            "数据已是对话格式时去掉 map_fn（dataset_map_fn=None），否则填写匹配的 map 函数",
        ),
        sample="KeyError: 'instruction_zh'",
        source="https://github.com/InternLM/xtuner/issues/270",
    ),
    Explanation(
        id="xtuner-no-conversation",
        pattern=r"Column length|KeyError: 'conversation'|If the custom dataset is not in the "
        r"XTuner-defined format",
        cause=(
            "no row has the key `conversation`, so every row was filtered out",
            "没有一行含有键 `conversation`，所有数据都被过滤掉了",
        ),
        fix=(
            "look at the rows with `recipe data look data/train.jsonl`; `recipe data convert` "
            "writes "
            "conversations",
            "用 `recipe data look data/train.jsonl` 查看数据；`recipe data convert` 可写成对话格式",
        ),
        sample="KeyError: 'conversation'",
        source="xtuner/dataset/map_fns/template_map_fn.py",
    ),
    Explanation(
        id="xtuner-map-function-name",
        pattern=r"dataset_map_fn must be a function or a registered function's string",
        cause=(
            "XTuner has no map function of that name",
            "XTuner 没有这个名字的 map 函数",
        ),
        fix=(
            "name one of xtuner.dataset.map_fns, or None for rows that are conversations",
            "填写 xtuner.dataset.map_fns 中的函数，数据已是对话格式时填 None",
        ),
        sample="TypeError: dataset_map_fn must be a function or a registered function's string in "
        "MAP_FUNC, but got a string of 'medqa_map_fn'",
        source="xtuner/dataset/huggingface.py",
    ),
    Explanation(
        id="xtuner-no-gpu",
        pattern=r"is_bf16_supported",
        cause=(
            "XTuner 0.2.0 was started where no GPU can be seen",
            "XTuner 0.2.0 启动时看不到 GPU",
        ),
        fix=(
            "check the driver with nvidia-smi, or rehearse on the CPU with --rehearse",
            "用 nvidia-smi 检查驱动，或用 --rehearse 在 CPU 上预演",
        ),
        sample="AttributeError: module 'torch.cpu' has no attribute 'is_bf16_supported'",
        source="own run: xtuner 0.2.0 on a CPU, xtuner/engine/optimizers",
    ),
    Explanation(
        id="xtuner-llama-attention",
        pattern=r"llama_attn_forward\(\) got an unexpected keyword argument 'padding_mask'",
        cause=(
            "XTuner 0.1.9 and transformers 4.34 do not fit for Llama models",
            "XTuner 0.1.9 与 transformers 4.34 对 Llama 模型不兼容",
        ),
        fix=(
            "use a newer release for this model (recipe env list)",
            "对该模型换用更新的版本（recipe env list）",
        ),
        sample="TypeError: llama_attn_forward() got an unexpected keyword argument 'padding_mask'",
        source="own run: xtuner 0.1.9, xtuner/model/modules/dispatch/llama.py",
    ),
    Explanation(
        id="xtuner-warm-up",
        pattern=r"end should be larger than begin",
        cause=("the warm-up is shorter than one iteration", "预热阶段不足一次迭代"),
        fix=(
            "set train.warmup_ratio: 0, or train on more rows",
            "设置 train.warmup_ratio: 0，或增加训练数据",
        ),
        sample="ValueError: end should be larger than begin, but got begin=0, end=0",
        source="mmengine/optim/scheduler/param_scheduler.py",
    ),
    Explanation(
        id="xtuner-unknown-name",
        pattern=r"KeyError: '(?P<detail>[\w.]+) is not in the [\w:]+ registry",
        cause=(
            "the config names {detail}, which this release does not have",
            "配置中的 {detail} 在此版本中不存在",
        ),
        fix=(
            "correct the name, or render the config for this release: --from render",
            "改正名称，或为此版本重新生成配置：--from render",
        ),
        sample="KeyError: 'SupervisedFinetun is not in the mmengine::model registry. Please check "
        "whether the value of `SupervisedFinetun` is correct or it was registered as expected.'",
        source="mmengine/registry/build_functions.py",
    ),
    Explanation(
        id="xtuner-varlen-batch",
        pattern=r"If utilizing varlen attention, the batch size should be set to 1",
        cause=(
            "use_varlen_attn works with a batch of one only",
            "use_varlen_attn 只支持 batch 为 1",
        ),
        fix=("set train.batch_size: 1", "设置 train.batch_size: 1"),
        sample="NotImplementedError: If utilizing varlen attention, the batch size should be set "
        "to "
        "1, but got 4",
        source="xtuner/tools/train.py",
    ),
    Explanation(
        id="xtuner-config-not-found",
        pattern=r"FileNotFoundError: Cannot find (?P<detail>(?!\S+\.pth)\S+)",
        cause=(
            "XTuner found no config or file {detail}",
            "XTuner 找不到配置或文件 {detail}",
        ),
        fix=(
            "give the path of a file that exists, or a name of `xtuner list-cfg`; --from render "
            "writes the run's config again",
            "填写存在的文件路径，或 `xtuner list-cfg` 中的名字；--from render 会重新生成配置",
        ),
        sample="FileNotFoundError: Cannot find internlm_chat_7b_qlora_medqa.py",
        source="xtuner/tools/train.py",
    ),
    Explanation(
        id="xtuner-command-error",
        pattern=r"command error: '(?P<detail>.*)'!",
        scope="any",
        cause=(
            "XTuner's command could not import its own tool ({detail})",
            "XTuner 的命令无法导入自己的工具（{detail}）",
        ),
        fix=(
            "run `recipe env doctor` for this release; it names what is missing",
            "对该版本运行 `recipe env doctor`，它会指出缺少什么",
        ),
        sample="09/21 10:00:00 - mmengine - WARNING - command error: 'No module named "
        "'xtuner.parallel''!",
        source="xtuner/entry_point.py",
    ),
)
