"""What only LLaMA-Factory says when it fails. Its own source is that of 0.9.5."""

from __future__ import annotations

from orchestrator.causes.explanation import Explanation

FAILURES: tuple[Explanation, ...] = (
    Explanation(
        id="llamafactory-dataset-undefined",
        pattern=r"Undefined dataset (?P<detail>.+?) in dataset_info",
        cause=(
            "dataset_info.json has no entry {detail}",
            "dataset_info.json 中没有条目 {detail}",
        ),
        fix=(
            "name an entry of dataset_info.json (not a path): the run's own rows are called train",
            "填写 dataset_info.json 中的条目名（不是路径）；本次运行的数据名为 train",
        ),
        sample="ValueError: Undefined dataset mllm_demo in dataset_info.json.",
        source="https://github.com/hiyouga/LlamaFactory/issues/7703",
    ),
    Explanation(
        id="llamafactory-dataset-info",
        pattern=r"Cannot open (?P<detail>\S*dataset_info\.json) due to",
        cause=(
            "{detail} is not there, or is not JSON",
            "{detail} 不存在，或不是合法的 JSON",
        ),
        fix=(
            "start it in the folder that holds it (dataset_dir), or write it again: --from render",
            "在它所在的目录启动（dataset_dir），或重新生成：--from render",
        ),
        sample="ValueError: Cannot open data\\dataset_info.json due to [Errno 2] No such file or "
        "directory: 'data\\\\dataset_info.json'.",
        source="https://github.com/hiyouga/LlamaFactory/issues/2222",
    ),
    Explanation(
        id="llamafactory-no-rows",
        pattern=r"Cannot find (?:valid|sufficient) samples",
        cause=(
            "no row was left after the engine's own checks of roles and turns",
            "引擎检查角色和轮次后，没有剩下可用的数据",
        ),
        fix=(
            "look at the rows (`recipe data look`) and at the lines with `Dropped invalid example`",
            "查看数据（`recipe data look`）以及日志中的 `Dropped invalid example`",
        ),
        sample="RuntimeError: Cannot find sufficient samples, consider increasing dataset size.",
        source="llamafactory/data/data_utils.py",
    ),
    Explanation(
        id="llamafactory-unknown-keys",
        pattern=r"Some (?:keys|specified arguments) are not used by the HfArgumentParser: "
        r"(?P<detail>.+)",
        cause=(
            "the engine does not know these keys: {detail}",
            "引擎不认识这些键：{detail}",
        ),
        fix=(
            "correct engine_options; a key of training has no place in the export and vice versa",
            "改正 engine_options；训练的键不能写进导出配置，反之亦然",
        ),
        sample="ValueError: Some keys are not used by the HfArgumentParser: ['lerning_rate']",
        source="own run: llamafactory 0.9.5, transformers/hf_argparser.py",
    ),
    Explanation(
        id="llamafactory-column-missing",
        pattern=r"KeyError: '(?P<detail>instruction|input|output|history|system|conversations|"
        r"messages|chosen|rejected|kto_tag|text|tools|images|videos|audios)'",
        cause=(
            "a data set has no column called {detail}",
            "数据集中没有名为 {detail} 的列",
        ),
        fix=(
            "say what its columns are called: data.sources.N.fields: {{instruction: …, output: …}}",
            "写明各列的名字：data.sources.N.fields: {{instruction: …, output: …}}",
        ),
        sample="KeyError: 'history'",
        source="own run: llamafactory 0.9.5, llamafactory/data/converter.py",
    ),
    Explanation(
        id="llamafactory-output-not-empty",
        pattern=r"Output directory already exists and is not empty",
        cause=(
            "an earlier training left files in the output folder",
            "输出目录里有之前训练留下的文件",
        ),
        fix=(
            "run with --from train: `recipe` moves the earlier output aside",
            "用 --from train 运行：`recipe` 会把之前的输出移开",
        ),
        sample="ValueError: Output directory already exists and is not empty. Please set "
        "`overwrite_output_dir`.",
        source="llamafactory/hparams/parser.py",
    ),
    Explanation(
        id="llamafactory-quantized-merge",
        pattern=r"Cannot merge adapters to a quantized model",
        cause=(
            "the export loads the base model with quantization_bit",
            "导出时以 quantization_bit 加载了基座模型",
        ),
        fix=(
            "remove quantization_bit from the export; the base model is merged in its own "
            "precision",
            "从导出配置中去掉 quantization_bit；应以原精度合并",
        ),
        sample="ValueError: Cannot merge adapters to a quantized model.",
        source="llamafactory/train/tuner.py",
    ),
    Explanation(
        id="llamafactory-launcher",
        pattern=r"Please use `FORCE_TORCHRUN=1`|Please launch distributed training with",
        cause=(
            "DeepSpeed, or several GPUs, without the launcher",
            "使用 DeepSpeed 或多卡时没有用启动器",
        ),
        fix=(
            "export FORCE_TORCHRUN=1 (`recipe run` sets it for train.deepspeed and train.gpus)",
            "export FORCE_TORCHRUN=1（`recipe run` 会为 train.deepspeed 和 train.gpus 设置）",
        ),
        sample="ValueError: Please use `FORCE_TORCHRUN=1` to launch DeepSpeed training.",
        source="llamafactory/hparams/parser.py",
    ),
    Explanation(
        id="llamafactory-template-unknown",
        pattern=r"Template (?P<detail>\S+) does not exist",
        cause=(
            "the engine has no template called {detail}",
            "引擎没有名为 {detail} 的模板",
        ),
        fix=(
            "set model.template to one of llamafactory.data.template.TEMPLATES",
            "把 model.template 设为 llamafactory.data.template.TEMPLATES 中的一个",
        ),
        sample="ValueError: Template glm5 does not exist.",
        source="llamafactory/data/template.py",
    ),
    Explanation(
        id="llamafactory-adapter-without-lora",
        pattern=r"Adapter is only valid for the LoRA method",
        cause=(
            "an adapter is named together with full or freeze training",
            "全参或冻结训练却指定了适配器",
        ),
        fix=(
            "remove adapter_name_or_path, or set train.method: lora",
            "去掉 adapter_name_or_path，或设置 train.method: lora",
        ),
        sample="ValueError: Adapter is only valid for the LoRA method.",
        source="llamafactory/hparams/parser.py",
    ),
    Explanation(
        id="llamafactory-quantization-method",
        pattern=r"Quantization is only compatible with the LoRA"
        r"|Quantized models can only be used for",
        cause=(
            "quantization was asked for with full or freeze training",
            "全参或冻结训练时要求了量化",
        ),
        fix=(
            "set train.method: qlora, or remove quantization_bit",
            "设置 train.method: qlora，或去掉 quantization_bit",
        ),
        sample="ValueError: Quantization is only compatible with the LoRA or OFT method.",
        source="llamafactory/hparams/parser.py",
    ),
    Explanation(
        id="llamafactory-package-missing",
        pattern=r"Please install `?(?P<detail>[\w-]+)",
        cause=("the environment lacks {detail}", "环境中缺少 {detail}"),
        fix=(
            "rebuild it with `recipe env remove` and `recipe env install`, or choose without it",
            "用 `recipe env remove` 和 `recipe env install` 重建，或改用不需要它的设置",
        ),
        sample="ImportError: mcore_adapter is required when USE_MCA=1. Please install "
        "`mcore_adapter` and its dependencies.",
        source="llamafactory/hparams/training_args.py",
    ),
    Explanation(
        id="llamafactory-cannot-save",
        pattern=r"weight conversion reversal is not supported",
        cause=(
            "this release of transformers cannot save this architecture",
            "此版本的 transformers 无法保存这种结构",
        ),
        fix=(
            "use an engine release with an older transformers (recipe env list)",
            "换用 transformers 较旧的引擎版本（recipe env list）",
        ),
        sample="NotImplementedError: weight conversion reversal is not supported for this model",
        source="own run: llamafactory 0.9.5 with transformers 5",
    ),
    Explanation(
        id="llamafactory-unknown-command",
        pattern=r"Unknown command: (?P<detail>.*)\.",
        scope="any",
        cause=(
            "the engine has no command {detail}; it prints its help and exits with 0",
            "引擎没有命令 {detail}；它会打印帮助并以 0 退出",
        ),
        fix=("use train, export, chat, webchat or api", "使用 train、export、chat、webchat 或 api"),
        sample="Unknown command: trian.",
        source="llamafactory/cli.py",
    ),
    Explanation(
        id="llamafactory-tokenizer",
        pattern=r"Failed to load tokenizer",
        role="consequence",
        cause=(
            "the model's tokenizer cannot be loaded",
            "模型的分词器无法加载",
        ),
        fix=(
            "check the model folder; GLM-4 and ChatGLM3 need weights that fit this transformers",
            "检查模型文件夹；GLM-4 和 ChatGLM3 需要与此 transformers 相配的权重",
        ),
        sample="OSError: Failed to load tokenizer.",
        source="llamafactory/model/loader.py",
    ),
)
